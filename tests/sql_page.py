"""`make sql-page` writes docs/iot-sql.md: every feature and function of IoT SQL with its cases.

The cases are those of tests/cases/sql; they are run while the page is written, and a case counts
for every feature and function that its statement uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from bellwire.errors import SqlSyntaxError
from bellwire.iot.sql.functions import EXTERNAL_FUNCTIONS, FUNCTIONS, NAMES
from bellwire.iot.sql.message_functions import MESSAGE_FUNCTIONS
from bellwire.iot.sql.nodes import (
    Array,
    Binary,
    Call,
    Case,
    Cast,
    Exists,
    Index,
    Item,
    Literal,
    Member,
    Node,
    Object,
    Query,
    Selection,
    Star,
    Statement,
    Unary,
    Variable,
)
from bellwire.iot.sql.parser import parse_statement
from tests import sql_cases


PAGE = Path(__file__).parent.parent / "docs" / "iot-sql.md"
HEAD = Path(__file__).with_name("sql_page_head.md")
EXAMPLE_CHARACTERS = 110
REFERENCE = "https://docs.aws.amazon.com/iot/latest/developerguide"


class Read(NamedTuple):
    """A case with its tree, where it has one, and whether it came out as it should."""

    case: sql_cases.Case
    statement: Statement | None
    nodes: tuple[object, ...]
    holds: bool

    @property
    def functions(self) -> set[str]:
        names = {node.name.lower() for node in self.nodes if isinstance(node, Call)}
        return names | ({"cast"} if self.has(Cast) else set())

    def has(self, *kinds: type) -> bool:
        """Tell whether a node of one of these kinds is in the statement."""
        return any(isinstance(node, kinds) for node in self.nodes)

    def has_operator(self, *operators: str) -> bool:
        """Tell whether one of these operators is in the statement."""
        return any(
            isinstance(node, Binary | Unary) and node.operator in operators for node in self.nodes
        )


def read_all() -> list[Read]:
    """Read and run every case."""
    return [_read(case) for case in sql_cases.all_cases()]


def _read(case: sql_cases.Case) -> Read:
    try:
        statement = parse_statement(case.sql)
    except SqlSyntaxError:
        return Read(case, None, (), sql_cases.differs(case) is None)
    return Read(case, statement, tuple(_walk(statement)), sql_cases.differs(case) is None)


def _walk(part: object) -> Iterator[object]:
    if isinstance(part, tuple):
        for each in part:
            yield from _walk(each)
    elif isinstance(part, Node | Item | Selection | Statement):
        yield part
        for name in part.__slots__:
            yield from _walk(getattr(part, name))


def _is_expected(kind: str) -> Callable[[Read], bool]:
    return lambda read: read.case.expected.partition(":")[0] == kind


def _alias_longer_than_one(read: Read) -> bool:
    return any(isinstance(node, Item) and len(node.alias or ()) > 1 for node in read.nodes)


def _star_with_alias(read: Read) -> bool:
    return any(
        isinstance(node, Item) and isinstance(node.expression, Star) and node.alias is not None
        for node in read.nodes
    )


def _has_value(read: Read) -> bool:
    return read.statement is not None and read.statement.selection.value is not None


def _has_query_alias(read: Read) -> bool:
    return any(isinstance(node, Query) and node.alias is not None for node in read.nodes)


def _has_where(read: Read) -> bool:
    return read.statement is not None and read.statement.where is not None


def _is_no_json(read: Read) -> bool:
    is_json = read.case.message.lstrip().startswith((b"{", b"["))
    return not is_json and not _is_expected("error")(read)


def _is_of(name: str) -> Callable[[Read], bool]:
    return lambda read: read.case.place.startswith(f"{name}.sql")


FEATURES: dict[str, tuple[str, Callable[[Read], bool]]] = {
    "`*`, alone and among items": ("iot-sql-select", lambda read: read.has(Star)),
    "`* AS name`": ("iot-sql-select", _star_with_alias),
    "dotted aliases build objects": ("iot-sql-select", _alias_longer_than_one),
    "paths `a.b.c`, also after calls": ("iot-sql-json", lambda read: read.has(Member)),
    "`a[0]`": ("iot-sql-json", lambda read: read.has(Index)),
    "`SELECT VALUE`": ("iot-sql-select", _has_value),
    "WHERE": ("iot-sql-where", _has_where),
    "WHERE does not hold": ("iot-sql-where", _is_expected("no action")),
    "SET, `@name`": ("iot-sql-set", lambda read: read.has(Variable)),
    "AND, OR, NOT, and what Undefined does in them": (
        "iot-sql-operators",
        lambda read: read.has_operator("AND", "OR", "NOT"),
    ),
    "`< <= > >=`": ("iot-sql-operators", lambda read: read.has_operator("<", "<=", ">", ">=")),
    "`=` and `<>`": ("iot-sql-operators", lambda read: read.has_operator("=", "<>")),
    "`+ - * / %`": (
        "iot-sql-operators",
        lambda read: any(
            isinstance(node, Binary | Unary) and node.operator in "+-*/%" for node in read.nodes
        ),
    ),
    "IN": ("iot-sql-operators", lambda read: read.has_operator("IN")),
    "EXISTS": ("iot-sql-operators", lambda read: read.has(Exists)),
    "CASE": ("iot-sql-case", lambda read: read.has(Case)),
    "literals": ("iot-sql-literals", lambda read: read.has(Literal)),
    "arrays `[…]`": ("iot-sql-literals", lambda read: read.has(Array)),
    "objects `{…}`": ("iot-sql-literals", lambda read: read.has(Object)),
    "nested queries": ("iot-sql-nested-queries", lambda read: read.has(Query)),
    "`FROM … AS name` in nested queries": ("iot-sql-nested-queries", _has_query_alias),
    "conversions, 34 digits, integers over 64 bits": ("iot-sql-data-types", _is_of("values")),
    "version 2015-10-08": (
        "iot-rule-sql-version",
        lambda read: read.case.version == "2015-10-08",
    ),
    "payloads that are no JSON": ("binary-payloads", _is_no_json),
    "errors underline the place": ("iot-sql-reference", _is_expected("error")),
    "functions that need a service are refused by name": (
        "iot-sql-functions",
        _is_expected("unsupported"),
    ),
}
"""The features: the page of AWS, and which cases show it."""


def page(reads: list[Read]) -> str:
    """Return the page."""
    held = sum(read.holds for read in reads)
    lines = [
        HEAD.read_text().rstrip(),
        "",
        "## Features",
        "",
        f"{held} of {len(reads)} cases hold. Each is a statement, a message and a result in "
        "[tests/cases/sql](../tests/cases/sql), to read and to add to.",
        "",
        "| feature | cases | result | one of them |",
        "|---|---|---|---|",
    ]
    for feature, (anchor, shows) in FEATURES.items():
        of_it = sorted((read for read in reads if shows(read)), key=_length)
        lines.append(f"| [{feature}]({REFERENCE}/{anchor}.html) | {_result(of_it)} |")
    lines += ["", "## Functions", "", *_function_table(reads)]
    return "\n".join(lines) + "\n"


def _function_table(reads: list[Read]) -> list[str]:
    lines = ["| function | from version | cases | result | one of them |", "|---|---|---|---|---|"]
    for name in sorted(NAMES):
        of_it = [read for read in reads if name in read.functions]
        shortest = sorted(of_it, key=lambda read: len(read.functions))
        lines.append(f"| `{name}` | {_since(name)} | {_result(shortest)} |")
    return lines


def _since(name: str) -> str:
    signature = FUNCTIONS.get(name) or MESSAGE_FUNCTIONS.get(name) or EXTERNAL_FUNCTIONS.get(name)
    return "2016-03-23" if signature is not None and signature.needs_2016 else "2015-10-08"


def _result(reads: list[Read]) -> str:
    """Return three cells: how many cases, whether all hold, the first that is short."""
    held = sum(read.holds for read in reads)
    result = "✓" if reads and held == len(reads) else f"{held} of {len(reads)}"
    return f"{len(reads)} | {result} | {_example(reads)}"


def _example(reads: list[Read]) -> str:
    short = [read for read in reads if _length(read) <= EXAMPLE_CHARACTERS]
    shown = [read for read in short if sql_cases.is_json(read.case)] or short or reads
    case = shown[0].case
    expected = case.expected.replace("\n", " ") if sql_cases.is_json(case) else _kind(case)
    message = _message(case.message)
    parts = (case.sql, message, expected)
    return " · ".join(f"`` {part.replace('|', chr(92) + '|')} ``" for part in parts)


def _message(payload: bytes) -> str:
    try:
        return payload.decode() or "(empty)"
    except UnicodeDecodeError:
        return f"bytes: {payload.hex()}"


def _kind(case: sql_cases.Case) -> str:
    kind = case.expected.partition(":")[0]
    return {"error": "refused", "unsupported": "refused", "unfit": "nothing to hand over"}.get(
        kind, kind
    )


def _length(read: Read) -> int:
    return len(read.case.sql) + len(read.case.message) + len(read.case.expected)


if __name__ == "__main__":
    PAGE.write_text(page(read_all()))
    print(f"written to {PAGE}")
