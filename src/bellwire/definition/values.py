"""Typed reads from placed values: the type, the range, and an error that names the place."""

from __future__ import annotations

from collections.abc import Collection

from bellwire.definition.nodes import MappingNode, Node, ScalarNode, SequenceNode, value_text
from bellwire.definition.suggestion import described, did_you_mean
from bellwire.definition.variables import Variables
from bellwire.errors import DefinitionError, Place, UnknownKeyError


class Fields:
    """A map being read by key. `name` is its path in messages: `functions.hello`.

    Values are converted as the framework's validation converts them: the text `30` is a number
    where a number is due, the number 5 a text where a text is due. Null is as good as absent.
    """

    def __init__(self, node: Node, name: str, variables: Variables) -> None:
        if not isinstance(node, MappingNode):
            raise DefinitionError(
                f"`{name}` must be a map, not {described(node)}", place=node.place
            )
        self.node = node
        self.name = name
        self.variables = variables

    def get(self, key: str) -> Node | None:
        """Return a key's value, variables resolved; None if absent."""
        return self.variables.get(self.node, key)

    def place(self, key: str) -> Place:
        """Return where the value of a key stands, which must be there."""
        return self.node.entries[key].node.place

    def fields(self, key: str) -> Fields | None:
        """Return a map."""
        node = self.get(key)
        return Fields(node, self.path(key), self.variables) if node else None

    def text(self, key: str) -> str | None:
        """Return a text."""
        node = self.get(key)
        return text_of(node, self.path(key)) if node else None

    def integer(self, key: str, *, low: int, high: int | None = None) -> int | None:
        """Return a whole number within its bounds."""
        node = self.get(key)
        if node is None:
            return None
        number = _whole_number(node)
        if number is None or number < low or (high is not None and number > high):
            bounds = f"from {low} to {high}" if high is not None else f"of at least {low}"
            raise DefinitionError(
                f"`{self.path(key)}` must be a whole number {bounds}, not {described(node)}",
                place=node.place,
            )
        return number

    def boolean(self, key: str) -> bool | None:
        """Return a boolean."""
        node = self.get(key)
        if node is None:
            return None
        value = node.value if isinstance(node, ScalarNode) else None
        if value not in (True, False, "true", "false"):
            raise DefinitionError(
                f"`{self.path(key)}` must be true or false, not {described(node)}", place=node.place
            )
        return value in (True, "true")

    def path(self, key: str) -> str:
        """Return the path of a key, for messages."""
        return f"{self.name}.{key}" if self.name else key

    def check_keys(self, known: Collection[str]) -> None:
        """Raise UnknownKeyError if there is a key that is not known."""
        for key, entry in self.node.entries.items():
            if key not in known:
                raise unknown_key(self.path(key), key, entry.place, known)


def unknown_key(path: str, key: str, place: Place, known: Collection[str]) -> UnknownKeyError:
    """Return the error for a key that does not exist, with what was meant or what there is."""
    there_is = "it takes " + ", ".join(f"`{name}`" for name in known)
    hint = did_you_mean(key, known) or there_is
    return UnknownKeyError(f"unknown key `{path}`", place=place, hint=hint)


def text_of(node: Node, path: str) -> str:
    """Return a scalar as text. Raises DefinitionError for a list, a map and null."""
    if not isinstance(node, ScalarNode) or node.value is None:
        raise DefinitionError(f"`{path}` must be a text, not {described(node)}", place=node.place)
    return value_text(node.value)


def items_of(node: Node, path: str) -> tuple[Node, ...]:
    """Return the items of a list. Raises DefinitionError for anything else."""
    if not isinstance(node, SequenceNode):
        raise DefinitionError(f"`{path}` must be a list, not {described(node)}", place=node.place)
    return node.items


def _whole_number(node: Node) -> int | None:
    value = node.value if isinstance(node, ScalarNode) else None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
