"""YAML values that know where they stand; everything else in this folder reads them.

Nodes are compared by identity: an alias is the same node again, and a variable's result is kept
by the node that holds the variable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from bellwire.errors import Place


Value: TypeAlias = str | int | float | bool | None
"""What a scalar can be: the types of JSON, as js-yaml reads them."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file's name as messages show it, and its text."""

    file: str
    text: str


class Written(NamedTuple):
    """How a scalar stands in its file.

    `start` is the 0-based offset of its first character, tag and anchor included. `style` is `'`,
    `"`, `|`, `>` or empty. `content` is the text before variables are replaced.
    """

    source: Source
    start: int
    style: str
    content: str


class Piece(NamedTuple):
    """Part of a text in which variables have been replaced.

    It has `length` characters. They are those of the content from `offset` on; where `replaced`,
    all of them came from the variable that stands at `offset`.
    """

    length: int
    offset: int
    replaced: bool


@dataclass(frozen=True, slots=True, eq=False)
class ScalarNode:
    """A text, number, boolean or null. `final` means: `${` in it is no variable any more."""

    value: Value
    place: Place
    written: Written | None = None
    pieces: tuple[Piece, ...] = ()
    final: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SequenceNode:
    """A list."""

    items: tuple[Node, ...]
    place: Place


class Entry(NamedTuple):
    """One entry of a map: where its key stands, and its value."""

    place: Place
    node: Node


@dataclass(frozen=True, slots=True, eq=False)
class MappingNode:
    """A map, in the order of the file. Keys are always text."""

    entries: dict[str, Entry]
    place: Place

    def get(self, key: str) -> Node | None:
        """Return the value of a key as it stands in the file, None if there is none."""
        entry = self.entries.get(key)
        return entry.node if entry else None


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode
"""Any value of a YAML or JSON document."""


def well_formed(text: str) -> str:
    """Return a text that is UTF-8: half of a surrogate pair, as `"\\ud83d"`, becomes U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def value_text(value: Value) -> str:
    """Return a value as the Serverless Framework writes it into a text: as JavaScript does.

    `True` is `true`, `1.0` is `1`, `null` is empty.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else _number_text(value)


def _number_text(value: int | float) -> str:
    # ECMA-262, Number::toString: every number is a double; an exponent from 1e21 and below 1e-6.
    number = float(value)
    if number == 0:
        return "0"
    if 1e-6 <= abs(number) < 1e21:
        text = format(Decimal(repr(number)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = repr(number).split("e")
    return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"


Plain: TypeAlias = Value | Node | Sequence["Plain"] | Mapping[str, "Plain"]
"""A value as Python writes it, in which nodes may stand."""


def make_node(value: Plain, place: Place) -> Node:
    """Return a value as nodes that all stand at one place; the nodes in it keep theirs."""
    if isinstance(value, ScalarNode | SequenceNode | MappingNode):
        return value
    if isinstance(value, Mapping):
        return make_map(value, place)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return SequenceNode(tuple(make_node(item, place) for item in value), place)
    return ScalarNode(value, place, final=True)


def make_map(value: Mapping[str, Plain], place: Place) -> MappingNode:
    """Return a map as `make_node` does."""
    entries = {key: Entry(place, make_node(item, place)) for key, item in value.items()}
    return MappingNode(entries, place)
