"""Tree → text: what parses to the same tree again."""

from __future__ import annotations

import re
from decimal import Decimal

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
    Name,
    Node,
    Object,
    Query,
    Selection,
    Star,
    Statement,
    Unary,
    Variable,
)


def print_statement(statement: Statement) -> str:
    """Return a statement on one line."""
    text = f"SELECT {_selection(statement.selection)}"
    if statement.variables:
        pairs = ", ".join(f"@{name} = {print_node(node)}" for name, node in statement.variables)
        text = f"SET {pairs} {text}"
    if statement.source is not None:
        text += f" FROM {_quoted(statement.source)}"
    return text + _where(statement.where)


def print_node(node: Node) -> str:
    """Return an expression on one line; parentheses only where they change the meaning."""
    match node:
        case Literal(value=value):
            return _literal(value)
        case Star():
            return "*"
        case Name(name=name):
            return name
        case Variable(name=name):
            return f"@{name}"
        case Member(of=of, name=name):
            return f"{_tight(of)}.{name}"
        case Index(of=of, index=index):
            return f"{_tight(of)}[{print_node(index)}]"
        case Unary(operator="NOT", operand=operand):
            return f"NOT {_operand(operand, _LEVELS['NOT'])}"
        case Unary(operand=operand):
            return f"- {_operand(operand, _TIGHT - 1)}"
        case Binary():
            return _binary(node)
        case Call(name=name, arguments=arguments):
            return f"{name}({_listed(arguments)})"
        case Cast(operand=operand, type=kind):
            return f"cast({print_node(operand)} AS {kind})"
        case _:
            return _compound(node)


def _compound(node: Node) -> str:
    match node:
        case Case(subject=subject, branches=branches, otherwise=otherwise):
            parts = [f"WHEN {print_node(test)} THEN {print_node(then)}" for test, then in branches]
            if otherwise is not None:
                parts.append(f"ELSE {print_node(otherwise)}")
            return f"CASE {_operand(subject, 0)} {' '.join(parts)} END"
        case Array(items=items):
            return f"[{_listed(items)}]"
        case Object(members=members):
            pairs = [f"{_quoted(key)}: {print_node(value)}" for key, value in members]
            return f"{{{', '.join(pairs)}}}"
        case Query():
            return f"({_query(node)})"
        case Exists(query=query):
            return f"EXISTS ({_query(query)})"
        case _:
            raise AssertionError(f"no such node: {node}")


_LEVELS = {
    "OR": 1,
    "AND": 2,
    "NOT": 3,
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">=", "IN"), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
}
"""How tightly an operator binds."""
_COMPARISON = 4
_TIGHT = 8


def _binary(node: Binary) -> str:
    level = _LEVELS[node.operator]
    # Comparisons cannot be chained; the others group to the left.
    left = _operand(node.left, level + (level == _COMPARISON))
    return f"{left} {node.operator} {_operand(node.right, level + 1)}"


def _operand(node: Node, level: int) -> str:
    """Return an operand, in parentheses where it binds less tightly than `level` asks."""
    match node:
        case Binary(operator=operator) if _LEVELS[operator] < level:
            return f"({print_node(node)})"
        case Unary(operator="NOT") if level > _LEVELS["NOT"]:
            return f"({print_node(node)})"
        case _:
            return print_node(node)


def _tight(node: Node) -> str:
    """Return what a `.` or `[` may follow."""
    if isinstance(node, Binary | Unary | Case):
        return f"({print_node(node)})"
    if isinstance(node, Literal) and isinstance(node.value, int | Decimal):
        return f"({print_node(node)})"
    return print_node(node)


def _listed(nodes: tuple[Node, ...]) -> str:
    return ", ".join(map(print_node, nodes))


def _literal(value: int | Decimal | str | bool | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _selection(selection: Selection) -> str:
    if selection.value is not None:
        text = print_node(selection.value)
        # `VALUE * 2` would be a product, and `VALUE in` a test.
        return f"VALUE ({text})" if _OPERATOR.match(text) else f"VALUE {text}"
    return ", ".join(map(_item, selection.items))


_OPERATOR = re.compile(r"\*|in\b", re.IGNORECASE)
_KEYWORD = re.compile(r"value\b", re.IGNORECASE)


def _item(item: Item) -> str:
    text = print_node(item.expression)
    if _KEYWORD.match(text):
        text = f"({text})"  # a member of this name, not SELECT VALUE
    return text if item.alias is None else f"{text} AS {'.'.join(item.alias)}"


def _query(query: Query) -> str:
    alias = "" if query.alias is None else f" AS {query.alias}"
    source = print_node(query.source)
    if isinstance(query.source, Binary | Unary):
        source = f"({source})"
    selection = _selection(query.selection)
    return f"SELECT {selection} FROM {source}{alias}{_where(query.where)}"


def _where(node: Node | None) -> str:
    return "" if node is None else f" WHERE {print_node(node)}"
