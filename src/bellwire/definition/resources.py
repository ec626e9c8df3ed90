"""The `resources` section: the part of the CloudFormation template that the user writes.

A file that it includes and that is not there harms only who refers to what the file would hold:
what could not be read is named in the findings.
"""

from __future__ import annotations

from collections.abc import Iterator

from bellwire.definition.findings import Findings
from bellwire.definition.nodes import Entry, MappingNode, Node, SequenceNode
from bellwire.definition.values import Fields
from bellwire.errors import DefinitionError, UnresolvedVariableError, UnsupportedFeatureError


class Resources:
    """The section's maps by logical id, in the order of the file.

    The section may be a list of maps, so one id may have several; the framework merges them.
    """

    def __init__(self, service: Fields, findings: Findings) -> None:
        self._variables = service.variables
        self._findings = findings
        self._unread: DefinitionError | None = None
        parts = list(self._parts(service))
        self.resources = self._index(parts, "Resources")
        self.extensions = self._index(parts, "extensions")
        self.parameters = self._index(parts, "Parameters")

    def check_read(self) -> None:
        """Raise the error of what could not be read, if there is any.

        To be asked when a name is not found: it may stand there.
        """
        if self._unread:
            raise self._unread

    def _parts(self, service: Fields) -> Iterator[MappingNode]:
        """Yield the maps of the section, which is a map or a list of maps."""
        entry = service.node.entries.get("resources")
        node = self._resolved(entry.node) if entry else None
        for item in node.items if isinstance(node, SequenceNode) else (node,):
            part = self._resolved(item) if item else None
            if isinstance(part, MappingNode):
                yield part

    def _index(self, parts: list[MappingNode], section: str) -> dict[str, list[Entry]]:
        index: dict[str, list[Entry]] = {}
        for part in parts:
            entry = part.entries.get(section)
            node = self._resolved(entry.node) if entry else None
            for name, (place, value) in (
                node.entries.items() if isinstance(node, MappingNode) else ()
            ):
                found = self._resolved(value)
                if isinstance(found, MappingNode):
                    index.setdefault(name, []).append(Entry(place, found))
        return index

    def _resolved(self, node: Node) -> Node | None:
        try:
            return self._variables.resolve(node)
        except (UnresolvedVariableError, UnsupportedFeatureError) as error:
            self._unread = self._unread or error
            self._findings.notice(
                f"part of `resources` is not read: {error.message}",
                error.place or node.place,
                error.hint,
            )
            return None
