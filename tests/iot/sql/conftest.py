"""The SQL cases of tests/cases/sql, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


SETTING = re.compile(
    r"(topic|version|client|principal|trace|ip|content type|user property|answer \w+): (.*)"
)
CASES = Path(__file__).parents[2] / "cases" / "sql"


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


def pytest_generate_tests(metafunc: object) -> None:
    """Give `case` every case of tests/cases/sql."""
    names = getattr(metafunc, "fixturenames", ())
    if "case" in names:
        cases = [case for path in sorted(CASES.glob("*.sql")) for case in read_cases(path)]
        metafunc.parametrize("case", cases, ids=[case.place for case in cases])  # type: ignore[attr-defined]
