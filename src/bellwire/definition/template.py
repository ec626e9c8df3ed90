"""The CloudFormation template of a service, as far as it is read here: what the framework makes of
the functions' events, with the user's `resources` merged over it
[www.serverless.com/framework/docs/providers/aws/guide/resources].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bellwire.definition.nodes import Entry, MappingNode, Node, ScalarNode, SequenceNode, value_text
from bellwire.definition.resources import Resources
from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.definition.values import Fields
from bellwire.definition.variables import Variables
from bellwire.errors import DefinitionError, Place, UnknownKeyError
from bellwire.limits import DEFINITION_DEPTH, DEFINITION_VALUES


_GENERATED = re.compile(
    r".*(Websockets(Api|DeploymentStage|Integration|Route|RouteResponse|Authorizer)"
    r"|IotTopicRule\d+)"
)


class Record(NamedTuple):
    """A resource of the template; `place` is where it, or what it was made of, stands."""

    logical_id: str
    type: str
    node: MappingNode
    place: Place


class Template:
    """Resources and parameters by logical id."""

    def __init__(
        self, generated: Mapping[str, MappingNode], resources: Resources, variables: Variables
    ) -> None:
        self._resources = resources
        self._variables = variables
        self._generated = generated
        self._nodes = dict(generated)
        self._steps = 0
        self._places = {name: node.place for name, node in generated.items()}
        for name, entries in resources.resources.items():
            self._places.setdefault(name, entries[0].place)
            for entry in entries:
                self._merge(name, entry)
        for name, entries in resources.extensions.items():
            for entry in entries:
                self._extend(name, entry)

    def resource(self, name: str) -> MappingNode | None:
        """Return a resource's map.

        Raises DefinitionError if there is none and part of `resources` could not be read.
        """
        if name not in self._nodes:
            self._resources.check_read()
        return self._nodes.get(name)

    def parameter(self, name: str) -> MappingNode | None:
        """Return a parameter's map."""
        entries = self._resources.parameters.get(name)
        node = entries[0].node if entries else None
        return node if isinstance(node, MappingNode) else None

    def names(self) -> Iterator[str]:
        """Yield the logical ids of all resources and parameters."""
        yield from self._nodes
        yield from self._resources.parameters

    def records(self) -> Iterator[Record]:
        """Yield the resources that have a type: those of the events, then the user's."""
        for name, node in self._nodes.items():
            kind = self._variables.get(node, "Type")
            if isinstance(kind, ScalarNode):
                yield Record(name, value_text(kind.value), node, self._places[name])

    def _merge(self, name: str, entry: Entry) -> None:
        node = entry.node
        assert isinstance(node, MappingNode), "only maps are in the index"
        under = self._nodes.get(name)
        if under is None and node.get("Type") is None and _GENERATED.fullmatch(name):
            raise self._unknown("Resources", name, entry.place)
        self._nodes[name] = self._merged_maps(under, node, 0) if under else node

    def _extend(self, name: str, entry: Entry) -> None:
        """Set properties whole, as the framework does: a map there is not merged."""
        node = self._nodes.get(name)
        if node is None:
            if _GENERATED.fullmatch(name):
                raise self._unknown("extensions", name, entry.place)
            return  # one of the resources that the framework makes and that are not read here
        fields = Fields(entry.node, f"resources.extensions.{name}", self._variables)
        properties = fields.fields("Properties")
        if properties:
            own = self._variables.get(node, "Properties")
            entries = own.entries if isinstance(own, MappingNode) else {}
            changed = MappingNode({**entries, **properties.node.entries}, node.place)
            whole = {**node.entries, "Properties": Entry(entry.place, changed)}
            self._nodes[name] = MappingNode(whole, node.place)

    def _unknown(self, section: str, name: str, place: Place) -> UnknownKeyError:
        return UnknownKeyError(
            f"`resources.{section}` changes {clipped(name)}, which does not exist",
            place=place,
            hint=did_you_mean(name, self._generated),
        )

    def _merged(self, under: Node, over: Node, depth: int) -> Node:
        """Merge as lodash, which the framework uses: maps by key, lists by index."""
        self._steps += 1
        if depth > DEFINITION_DEPTH or self._steps > DEFINITION_VALUES:
            raise DefinitionError("`resources` are built of too many parts", place=over.place)
        under, over = self._variables.resolve(under), self._variables.resolve(over)
        if isinstance(under, MappingNode) and isinstance(over, MappingNode):
            return self._merged_maps(under, over, depth + 1)
        if isinstance(under, SequenceNode) and isinstance(over, SequenceNode):
            pairs = zip(under.items, over.items, strict=False)
            items = [self._merged(low, high, depth + 1) for low, high in pairs]
            longer = max(under.items, over.items, key=len)
            return SequenceNode((*items, *longer[len(items) :]), over.place)
        return over

    def _merged_maps(self, under: MappingNode, over: MappingNode, depth: int) -> MappingNode:
        entries = dict(under.entries)
        for key, entry in over.entries.items():
            low = entries.get(key)
            node = self._merged(low.node, entry.node, depth) if low else entry.node
            entries[key] = Entry(entry.place, node)
        return MappingNode(entries, under.place)
