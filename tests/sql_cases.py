"""The SQL cases of tests/cases/sql: as values, run, and compared with what they expect."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from bellwire.definition.model import TopicRule
from bellwire.errors import Place, SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.actions import Unfit
from bellwire.iot.rules import Rule, compile_rule
from bellwire.iot.sql.scope import Message, World
from bellwire.origin import MqttProperties, Origin


SETTING = re.compile(
    r"(topic|version|client|principal|trace|ip|content type|user property|answer \w+): (.*)"
)
CASES = Path(__file__).parent / "cases" / "sql"


class Case(NamedTuple):
    """A statement, the message it is given, and what is expected; `place` is for the report.

    `notes` are the other comments: the page that the case comes from, or what it shows.
    """

    place: str
    sql: str
    message: bytes
    expected: str
    notes: tuple[str, ...]
    settings: Mapping[str, str]

    @property
    def topic(self) -> str:
        return self.settings.get("topic", "test/topic")

    @property
    def version(self) -> str:
        return self.settings.get("version", "2016-03-23")


def read_cases(path: Path) -> list[Case]:
    """Read a file: cases apart by empty lines, their parts ended by `;` at the end of a line.

    Comments before a statement may set things: `-- topic: a/b`, `-- version: 2015-10-08`,
    `-- client: …`, `-- principal: …`, `-- trace: …`, `-- ip: …`, `-- content type: …`,
    `-- user property: key=value`, `-- answer get_thing_shadow: {…}`.
    """
    cases = []
    line = 1
    for block in path.read_text().split("\n\n"):
        lines = block.strip("\n").split("\n")
        comments = [text.removeprefix("-- ") for text in lines if text.startswith("-- ")]
        rest = "\n".join(text for text in lines if not text.startswith("-- "))
        *parts, last = rest.removesuffix(";").split(";\n")
        found = [match for text in comments if (match := SETTING.fullmatch(text))]
        cases.append(
            Case(
                place=f"{path.name}:{line + len(comments)}",
                sql=parts[0],
                message=_message(parts[1] if len(parts) > 1 else ""),
                expected=last,
                notes=tuple(text for text in comments if not SETTING.fullmatch(text)),
                settings={match[1]: match[2] for match in found},
            )
        )
        line += len(block.split("\n")) + 1
    return cases


def _message(text: str) -> bytes:
    if text.startswith("bytes:"):
        return bytes.fromhex(text.removeprefix("bytes:"))
    return text.encode()


def all_cases() -> list[Case]:
    """Return every case."""
    return [case for path in sorted(CASES.glob("*.sql")) for case in read_cases(path)]


ARRIVAL_MS = 1732370400123


def compile_case(case: Case) -> Rule:
    place = Place("serverless.yml", 1, 1)
    definition = TopicRule("r", case.sql, case.version, (), None, True, "", place)
    return compile_rule(definition, [name for name, _ in _answers(case)])


def _answers(case: Case) -> list[tuple[str, str]]:
    return [
        (name.removeprefix("answer "), text)
        for name, text in case.settings.items()
        if name.startswith("answer ")
    ]


def _published(case: Case) -> Message:
    get = case.settings.get
    key, _, value = get("user property", "").partition("=")
    properties = MqttProperties(get("content type"), user=((key, value),) if key else ())
    origin = Origin(get("client"), get("principal"), get("trace"), get("ip"), properties)
    return Message(case.topic, case.message, ARRIVAL_MS, origin)


def _world(case: Case) -> World:
    known = {name: json.loads(text) for name, text in _answers(case)}
    return World(
        lambda bits: 2 ** (bits - 1), "123456789012", lambda question: known[question.function]
    )


def differs(case: Case) -> str | None:
    """Run a case; return what came out where that is not what it expects."""
    kind, _, detail = case.expected.partition(":")
    try:
        result = compile_case(case).evaluate(_published(case), _world(case))
    except SqlSyntaxError as error:
        wanted = [line.removeprefix("    ") for line in detail.strip("\n").split("\n")]
        return None if kind == "error" and _told(error) == wanted else "\n".join(_told(error))
    except UnsupportedFeatureError as error:
        wanted = [f"rule r: {detail.strip()}"]
        return None if kind == "unsupported" and [error.message] == wanted else error.message
    match result:
        case None:
            return None if kind == "no action" else "no action"
        case Unfit(reason=reason):
            is_wanted = kind == "unfit" and reason.startswith(detail.strip())
            return None if is_wanted else reason
        case _:
            return (
                None if is_json(case) and _exact(result) == _exact(case.expected) else str(result)
            )


def is_json(case: Case) -> bool:
    """Tell whether a case expects a result."""
    return case.expected.partition(":")[0] not in ("error", "unsupported", "no action", "unfit")


def _exact(text: str | bytes) -> object:
    """Return a document whose decimals are no Ints: 5 is not 5.0."""
    return json.loads(text, parse_float=lambda written: ("decimal", Decimal(written)))


def _told(error: SqlSyntaxError) -> list[str]:
    """Return an error as it is told: the sentence with its hint, the place underlined."""
    hint = f" ({error.hint})" if error.hint else ""
    return [f"{error.message}{hint}", *error.excerpt().split("\n")]
