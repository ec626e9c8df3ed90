"""The tree of a statement. `position` is the offset in the text, for errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Node:
    """Any expression."""

    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, a string, TRUE, FALSE or NULL."""

    value: int | Decimal | str | bool | None


@dataclass(frozen=True, slots=True)
class Star(Node):
    """`*`: the whole message."""


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A member of the message, or of the element in a nested query."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`@name`, set by SET."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`of.name`."""

    of: Node
    name: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`of[index]`."""

    of: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-operand` or `NOT operand`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left operator right`; the operator in upper case."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function call; `name` as written, `length` of the name."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Cast(Node):
    """`cast(operand AS type)`; the type in lower case."""

    operand: Node
    type: str


@dataclass(frozen=True, slots=True)
class Case(Node):
    """`CASE subject WHEN … THEN … ELSE … END`."""

    subject: Node
    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Array(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Object(Node):
    """`{'a': b}`."""

    members: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of SELECT; `alias` is its dotted parts. `text` is the expression as written."""

    expression: Node
    alias: tuple[str, ...] | None
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """What SELECT asks for: items, or the bare `value` of SELECT VALUE."""

    items: tuple[Item, ...]
    value: Node | None


@dataclass(frozen=True, slots=True)
class Query(Node):
    """A nested `SELECT … FROM source WHERE …`."""

    selection: Selection
    source: Node
    alias: str | None
    where: Node | None


@dataclass(frozen=True, slots=True)
class Exists(Node):
    """`EXISTS (query)`."""

    query: Query


@dataclass(frozen=True, slots=True)
class Statement:
    """A whole statement. `source` is the topic filter, None where FROM is left out."""

    variables: tuple[tuple[str, Node], ...]
    selection: Selection
    source: str | None
    source_position: int = field(compare=False)
    where: Node | None = None
