"""A function's `events`: routes of the WebSocket API and topic rules.

Source: the Serverless Framework's event page `iot`
[www.serverless.com/framework/docs/providers/aws/events/iot].
"""

from __future__ import annotations

from dataclasses import dataclass

from bellwire.definition.findings import Findings
from bellwire.definition.nodes import MappingNode, Node, ScalarNode
from bellwire.definition.rule_events import RuleEvent, read_rule_event
from bellwire.definition.suggestion import clipped, described, listed, nearest
from bellwire.definition.values import Fields, items_of
from bellwire.definition.vocabulary import EVENTS_READ, EVENTS_SKIPPED, IOT_KEYS, WEBSOCKET_KEYS
from bellwire.definition.websockets import WebsocketEvent, read_event
from bellwire.errors import DefinitionError, UnknownKeyError


_EVENT_KEYS = {"websocket": WEBSOCKET_KEYS, "iot": IOT_KEYS}


@dataclass(frozen=True, slots=True)
class Events:
    """What starts one function."""

    websockets: tuple[WebsocketEvent, ...]
    rules: tuple[RuleEvent, ...]


def read_events(function: Fields, key: str, findings: Findings) -> Events:
    """Read the `events` list of the function `key`. Raises DefinitionError."""
    node = function.get("events")
    websockets: list[WebsocketEvent] = []
    rules: list[RuleEvent] = []
    path = function.path("events")
    for index, item in enumerate(items_of(node, path) if node else ()):
        item = function.variables.resolve(item)
        event = _Event(f"{path}[{index}]", key, item, function, findings)
        kind = event.kind()
        if kind == "websocket":
            websockets.append(event.websocket())
        elif kind == "iot":
            rules.append(event.rule(len(rules) + 1))
    return Events(tuple(websockets), tuple(rules))


class _Event:
    """One item of an `events` list."""

    def __init__(
        self, path: str, function: str, item: Node, parent: Fields, findings: Findings
    ) -> None:
        self._path = path
        self._function = function
        self._item = item
        self._variables = parent.variables
        self._findings = findings

    def kind(self) -> str | None:
        """Return the type of the event, None if it is not served here.

        Raises DefinitionError for an item that is no event, and for what was to be one of ours.
        """
        name = self._only_key()
        if name in EVENTS_READ:
            return name
        if name in EVENTS_SKIPPED:
            self._findings.skip_event(name, self._item.place)
            return None
        meant = nearest(name, [*EVENTS_READ, *EVENTS_SKIPPED])
        hint = f"did you mean `{meant}`?" if meant else None
        if meant in EVENTS_READ:
            raise UnknownKeyError(f"unknown event `{name}`", place=self._item.place, hint=hint)
        self._findings.notice(f"unknown event {clipped(name)}: skipped", self._item.place, hint)
        return None

    def _only_key(self) -> str:
        item = self._item
        if isinstance(item, ScalarNode) and isinstance(item.value, str):
            if item.value in EVENTS_READ:
                key = _EVENT_KEYS[item.value][0]
                hint = f"write `- {item.value}: {{{key}: …}}`"
                raise DefinitionError(f"`{item.value}` has no {key}", place=item.place, hint=hint)
            return item.value
        if not isinstance(item, MappingNode) or not item.entries:
            raise DefinitionError(
                f"`{self._path}` must be an event, not {described(item)}", place=item.place
            )
        if len(item.entries) > 1:
            raise self._many_keys(item)
        return next(iter(item.entries))

    def _many_keys(self, item: MappingNode) -> DefinitionError:
        first, *others = item.entries
        own = _EVENT_KEYS.get(first, ())
        inside = [key for key in others if key in own or nearest(key, own)]
        if inside:
            empty = self._variables.get(item, first) is None
            return DefinitionError(
                f"{listed(inside)} must stand inside `{first}`, not beside it",
                place=item.entries[inside[0]].place,
                hint=f"indent by two more spaces what belongs to `{first}:`"
                if empty
                else f"write `{first}: {{{own[0]}: …, {inside[0]}: …}}`",
            )
        return DefinitionError(
            f"`{self._path}` has more than one key: {listed(item.entries)}",
            place=item.entries[others[0]].place,
            hint="start each event with a `-` of its own",
        )

    def _value(self, kind: str) -> Node:
        assert isinstance(self._item, MappingNode)
        node = self._variables.get(self._item, kind)
        if node is None:
            key = _EVENT_KEYS[kind][0]
            raise DefinitionError(
                f"`{kind}` has no {key}",
                place=self._item.place,
                hint=f"write `{kind}: {{{key}: …}}`",
            )
        return node

    def websocket(self) -> WebsocketEvent:
        """Read a `websocket` event."""
        node, path = self._value("websocket"), f"{self._path}.websocket"
        return read_event(self._function, node, path, self._item.place, self._variables)

    def rule(self, number: int) -> RuleEvent:
        """Read an `iot` event, the function's `number`th from 1."""
        fields = Fields(self._value("iot"), f"{self._path}.iot", self._variables)
        return read_rule_event(self._function, number, fields, self._item.place, self._findings)
