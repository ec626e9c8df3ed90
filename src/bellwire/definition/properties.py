"""Typed reads of a resource's properties, CloudFormation's functions resolved."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from bellwire.definition.findings import Findings
from bellwire.definition.intrinsics import Intrinsics
from bellwire.definition.nodes import MappingNode, Node, ScalarNode, SequenceNode
from bellwire.definition.suggestion import clipped, nearest
from bellwire.definition.values import Fields, items_of, text_of
from bellwire.definition.variables import Variables
from bellwire.definition.vocabulary import INTRINSICS
from bellwire.errors import DefinitionError, Place, UnknownKeyError
from bellwire.limits import DEFINITION_DEPTH, DEFINITION_VALUES


Word = TypeVar("Word", bound=str)

_FUNCTIONS = {*INTRINSICS} - {"Condition"}


class Properties(Fields):
    """A map of a resource being read. `name` is its path: `MyRoute`, `MyStage.StageVariables`.

    `origin` is where the resource stands, or what it was made of.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        variables: Variables,
        intrinsics: Intrinsics,
        origin: Place | None = None,
    ) -> None:
        super().__init__(node, name, variables)
        self.origin = origin or node.place
        self._intrinsics = intrinsics

    def get(self, key: str) -> Node | None:
        """Return a value, its variables and a function that gives a text resolved."""
        node = super().get(key)
        if node is None or not is_function(node):
            return node
        text = self._intrinsics.text(node, self.path(key))
        return None if text is None else ScalarNode(text, node.place, final=True)

    def fields(self, key: str) -> Properties | None:
        """Return a map."""
        node = self.get(key)
        return Properties(node, self.path(key), self.variables, self._intrinsics) if node else None

    def required(self, key: str) -> str:
        """Return a text that must be there."""
        text = self.text(key)
        if text is None:
            raise DefinitionError(f"`{self.name}` has no {key}", place=self.origin)
        return text

    def texts(self, key: str) -> dict[str, str]:
        """Return a map of texts; empty if it is absent."""
        fields = self.fields(key)
        if not fields:
            return {}
        found = {name: fields.text(name) for name in fields.node.entries}
        return {name: text for name, text in found.items() if text is not None}

    def items(self, key: str) -> tuple[Node, ...]:
        """Return a list's items, unresolved; empty if it is absent."""
        node = self.get(key)
        return items_of(node, self.path(key)) if node else ()

    def text_list(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty if it is absent."""
        texts = [self._intrinsics.text(item, self.path(key)) for item in self.items(key)]
        return tuple(text for text in texts if text is not None)

    def item(self, node: Node, key: str, index: int) -> Properties:
        """Return a map that is an item of the list `key`."""
        path = f"{self.path(key)}[{index}]"
        return Properties(self.variables.resolve(node), path, self.variables, self._intrinsics)

    def number(self, key: str) -> float | None:
        """Return a number of 0 or more."""
        node = self.get(key)
        if node is None:
            return None
        text = text_of(node, self.path(key))
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise DefinitionError(
                f"`{self.path(key)}` must be a number of 0 or more, not {clipped(text)}",
                place=node.place,
            )
        return number

    def choice(self, key: str, words: Collection[Word]) -> Word | None:
        """Return a text that is one of some words."""
        text = self.text(key)
        found = next((word for word in words if word == text), None)
        if text is not None and found is None:
            raise DefinitionError(
                f"`{self.path(key)}` must be one of {', '.join(words)}, not {clipped(text)}",
                place=self.place(key),
            )
        return found

    def json(self, key: str) -> object:
        """Return a value as JSON has it. Raises DefinitionError if it is too large or too deep."""
        node = self.get(key)
        return _Plainly(self.variables).value(node, 0) if node else None

    def check(self, read: Collection[str], ignored: Collection[str], findings: Findings) -> None:
        """Name the properties that do not exist. Raises UnknownKeyError for a near one of ours."""
        for key, entry in self.node.entries.items():
            if key in read or key in ignored:
                continue
            meant = nearest(key, (*read, *ignored))
            hint = f"did you mean `{meant}`?" if meant else None
            if meant in read:
                message = f"unknown property `{self.path(key)}`"
                raise UnknownKeyError(message, place=entry.place, hint=hint)
            findings.notice(f"unknown property `{self.path(key)}`: ignored", entry.place, hint)


def is_function(node: Node) -> bool:
    """Tell whether a value is one of CloudFormation's functions."""
    if not isinstance(node, MappingNode) or len(node.entries) != 1:
        return False
    return next(iter(node.entries)) in _FUNCTIONS


def is_reference(node: Node, logical_id: str) -> bool:
    """Tell whether a value is `Ref` of a resource."""
    target = node.get("Ref") if isinstance(node, MappingNode) else None
    return isinstance(target, ScalarNode) and target.value == logical_id


class _Plainly:
    """One conversion of nodes to what JSON has, bounded: variables may lead in a circle."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._count = 0

    def value(self, node: Node, depth: int) -> object:
        self._count += 1
        if depth > DEFINITION_DEPTH or self._count > DEFINITION_VALUES:
            raise DefinitionError("this value is built of too many parts", place=node.place)
        node = self._variables.resolve(node)
        if isinstance(node, MappingNode):
            entries = node.entries.items()
            return {key: self.value(entry.node, depth + 1) for key, entry in entries}
        if isinstance(node, SequenceNode):
            return [self.value(item, depth + 1) for item in node.items]
        return node.value
