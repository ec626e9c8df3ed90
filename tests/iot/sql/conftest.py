"""The SQL cases of tests/cases/sql, as values."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


CASES = Path(__file__).parents[2] / "cases" / "sql"


class Case(NamedTuple):
    """A statement, the message it is given, and what is expected; `place` is for the report."""

    place: str
    topic: str
    sql: str
    message: bytes
    expected: str


def read_cases(path: Path) -> list[Case]:
    """Read a file: cases apart by empty lines, their parts ended by `;` at the end of a line."""
    cases = []
    line = 1
    for block in path.read_text().split("\n\n"):
        lines = block.strip("\n").split("\n")
        comments = [text for text in lines if text.startswith("--")]
        rest = "\n".join(text for text in lines if not text.startswith("--"))
        *parts, last = rest.removesuffix(";").split(";\n")
        topics = [text.removeprefix("-- topic: ") for text in comments if "-- topic: " in text]
        message = parts[1] if len(parts) > 1 else ""
        cases.append(
            Case(
                place=f"{path.name}:{line + len(comments)}",
                topic=topics[0] if topics else "test/topic",
                sql=parts[0],
                message=_message(message),
                expected=last,
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
