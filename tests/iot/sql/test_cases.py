"""Every case of tests/cases/sql: a statement, a message, what comes out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bellwire.definition.model import TopicRule
from bellwire.errors import Place, SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.rules import Message, Rule, Unfit, compile_rule


if TYPE_CHECKING:
    from tests.iot.sql.conftest import Case

ARRIVAL_MS = 1732370000123


def compiled(sql: str) -> Rule:
    place = Place("serverless.yml", 1, 1)
    return compile_rule(TopicRule("r", sql, "2016-03-23", "f", True, "", place))


def exact(text: str | bytes) -> object:
    """Return a document whose decimals are no Ints: 5 is not 5.0."""
    return json.loads(text, parse_float=lambda written: ("decimal", Decimal(written)))


def test_case(case: Case) -> None:
    kind, _, detail = case.expected.partition(":")
    if kind == "error":
        assert told(case.sql) == [
            line.removeprefix("    ") for line in detail.strip("\n").split("\n")
        ]
        return
    if kind == "unsupported":
        with pytest.raises(UnsupportedFeatureError) as refused:
            compiled(case.sql)
        assert refused.value.message == f"rule r: {detail.strip()}"
        return
    result = compiled(case.sql).evaluate(Message(case.topic, case.message, ARRIVAL_MS))
    if kind == "unfit":
        assert isinstance(result, Unfit)
        assert result.reason.startswith(detail.strip())
    elif kind == "no action":
        assert result is None
    else:
        assert isinstance(result, bytes), result
        assert exact(result) == exact(case.expected)


def told(sql: str) -> list[str]:
    """Return an error as it is told: the sentence with its hint, the place underlined."""
    with pytest.raises(SqlSyntaxError) as refused:
        compiled(sql)
    error = refused.value
    hint = f" ({error.hint})" if error.hint else ""
    return [f"{error.message}{hint}", *error.excerpt().split("\n")]
