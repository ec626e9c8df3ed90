"""Every case of tests/cases/sql: a statement, a message, what comes out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bellwire.definition.model import TopicRule
from bellwire.errors import Place, SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.rules import Rule, Unfit, compile_rule
from bellwire.iot.sql.scope import Message, MqttProperties, World


if TYPE_CHECKING:
    from tests.iot.sql.conftest import Case

ARRIVAL_MS = 1732370400123


def compiled(case: Case) -> Rule:
    place = Place("serverless.yml", 1, 1)
    definition = TopicRule("r", case.sql, case.version, "f", True, "", place)
    return compile_rule(definition, [name for name, _ in answers(case)])


def answers(case: Case) -> list[tuple[str, str]]:
    return [
        (name.removeprefix("answer "), text)
        for name, text in case.settings.items()
        if name.startswith("answer ")
    ]


def message(case: Case) -> Message:
    get = case.settings.get
    key, _, value = get("user property", "").partition("=")
    properties = MqttProperties(get("content type"), user=((key, value),) if key else ())
    return Message(
        case.topic,
        case.message,
        ARRIVAL_MS,
        get("client"),
        get("principal"),
        get("trace"),
        get("ip"),
        properties,
    )


def world(case: Case) -> World:
    known = {name: json.loads(text) for name, text in answers(case)}
    return World(
        lambda bits: 2 ** (bits - 1), "123456789012", lambda question: known[question.function]
    )


def exact(text: str | bytes) -> object:
    """Return a document whose decimals are no Ints: 5 is not 5.0."""
    return json.loads(text, parse_float=lambda written: ("decimal", Decimal(written)))


def test_case(case: Case) -> None:
    kind, _, detail = case.expected.partition(":")
    if kind == "error":
        assert told(case) == [line.removeprefix("    ") for line in detail.strip("\n").split("\n")]
        return
    if kind == "unsupported":
        with pytest.raises(UnsupportedFeatureError) as refused:
            compiled(case)
        assert refused.value.message == f"rule r: {detail.strip()}"
        return
    result = compiled(case).evaluate(message(case), world(case))
    if kind == "unfit":
        assert isinstance(result, Unfit)
        assert result.reason.startswith(detail.strip())
    elif kind == "no action":
        assert result is None
    else:
        assert isinstance(result, bytes), result
        assert exact(result) == exact(case.expected)


def told(case: Case) -> list[str]:
    """Return an error as it is told: the sentence with its hint, the place underlined."""
    with pytest.raises(SqlSyntaxError) as refused:
        compiled(case)
    error = refused.value
    hint = f" ({error.hint})" if error.hint else ""
    return [f"{error.message}{hint}", *error.excerpt().split("\n")]
