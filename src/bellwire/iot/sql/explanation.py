"""Why a statement did what it did: the parts of WHERE with their values, what was Undefined.

For a person at a terminal; nothing of it runs when a rule does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from bellwire.iot.sql.compiler import Compiler
from bellwire.iot.sql.nodes import (
    Binary,
    Call,
    Cast,
    Index,
    Literal,
    Member,
    Node,
    Statement,
    Unary,
)
from bellwire.iot.sql.printer import print_node
from bellwire.iot.sql.scope import Scope
from bellwire.iot.sql.values import UNDEFINED, Value


class Part(NamedTuple):
    """An expression of the statement and its value; `depth` says how far inside it is."""

    depth: int
    text: str
    value: Value


def explain_where(
    statement: Statement, version: str, scope: Scope, external: Collection[str] = ()
) -> list[Part]:
    """Return WHERE and what it consists of, the whole before its parts; empty where there is none.

    Queries and CASE are one part: what is inside has other values for each element.
    """
    if statement.where is None:
        return []
    compiler = _compiler(statement, version, external)
    return [
        Part(depth, print_node(node), compiler.compile(node)(scope))
        for depth, node in _walk(statement.where, 0)
        if not isinstance(node, Literal)
    ]


def explain_selection(
    statement: Statement, version: str, scope: Scope, external: Collection[str] = ()
) -> list[Part]:
    """Return what SELECT asked for and what is Undefined, with the parts that made it so."""
    compiler = _compiler(statement, version, external)
    wanted = (
        [item.expression for item in statement.selection.items]
        if statement.selection.value is None
        else [statement.selection.value]
    )
    found = []
    for expression in wanted:
        if compiler.compile(expression)(scope) is UNDEFINED:
            found += [
                Part(depth, print_node(node), UNDEFINED)
                for depth, node in _walk(expression, 0)
                if compiler.compile(node)(scope) is UNDEFINED
            ]
    return found


def _compiler(statement: Statement, version: str, external: Collection[str]) -> Compiler:
    return Compiler("", version, external, [name for name, _ in statement.variables])


def _walk(node: Node, depth: int) -> Iterator[tuple[int, Node]]:
    yield depth, node
    for child in _children(node):
        yield from _walk(child, depth + 1)


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Binary(left=left, right=right):
            return (left, right)
        case Unary(operand=operand) | Cast(operand=operand):
            return (operand,)
        case Call(arguments=arguments):
            return arguments
        case Member(of=of):
            return (of,)
        case Index(of=of, index=index):
            return (of, index)
        case _:
            return ()
