"""The `resources` section: the part of the CloudFormation template that the user writes.

It is looked into only when an environment value refers to it, so that what it holds besides, or a
file it includes that is not there, harms nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from bellwire.definition.nodes import MappingNode, Node, SequenceNode
from bellwire.definition.values import Fields


class Resources:
    """Finds resources and parameters by logical id."""

    def __init__(self, service: Fields) -> None:
        self._service = service

    def resource(self, name: str) -> MappingNode | None:
        """Return a resource's map."""
        return self._find("Resources", name)

    def parameter(self, name: str) -> MappingNode | None:
        """Return a parameter's map."""
        return self._find("Parameters", name)

    def names(self) -> Iterator[str]:
        """Yield the logical ids of all resources and parameters."""
        for section in ("Resources", "Parameters"):
            for each in self._sections(section):
                yield from each.entries

    def _find(self, section: str, name: str) -> MappingNode | None:
        variables = self._service.variables
        for each in self._sections(section):
            node = variables.get(each, name)
            if isinstance(node, MappingNode):
                return node
        return None

    def _sections(self, section: str) -> Iterator[MappingNode]:
        for part in self._parts():
            node = self._service.variables.get(part, section)
            if isinstance(node, MappingNode):
                yield node

    def _parts(self) -> Iterator[MappingNode]:
        """Yield the maps of the section, which is a map or a list of maps."""
        node: Node | None = self._service.get("resources")
        items = node.items if isinstance(node, SequenceNode) else (node,) if node else ()
        for item in items:
            part = self._service.variables.resolve(item)
            if isinstance(part, MappingNode):
                yield part
