"""A function's `events`: routes of the WebSocket API and topic rules.

Source: the Serverless Framework's event page `iot`
[www.serverless.com/framework/docs/providers/aws/events/iot].
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bellwire.definition.findings import Findings
from bellwire.definition.model import LambdaAction, TopicRule
from bellwire.definition.naming import rule_logical_id
from bellwire.definition.nodes import MappingNode, Node, ScalarNode
from bellwire.definition.source_text import Position, positions_of, runs_of
from bellwire.definition.suggestion import clipped, described, listed, nearest
from bellwire.definition.values import Fields, items_of, text_of
from bellwire.definition.vocabulary import EVENTS_READ, EVENTS_SKIPPED, IOT_KEYS, WEBSOCKET_KEYS
from bellwire.definition.websockets import WebsocketEvent, read_event
from bellwire.errors import DefinitionError, Place, UnknownKeyError


_EVENT_KEYS = {"websocket": WEBSOCKET_KEYS, "iot": IOT_KEYS}
_SQL_VERSIONS = ("2015-10-08", "2016-03-23", "beta")
_DEFAULT_SQL_VERSION = "2015-10-08"
"""[docs.aws.amazon.com/iot/latest/developerguide/iot-rule-sql-version.html]"""

_RULE_NAME = re.compile(r"[a-zA-Z0-9_]{1,128}")
"""[docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html]"""

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_BREAK = re.compile(r"\r?\n")
_GLUED = re.compile(r"\b(\w+)\r?\n(\w+)")


@dataclass(frozen=True, slots=True)
class Events:
    """What starts one function."""

    websockets: tuple[WebsocketEvent, ...]
    rules: tuple[TopicRule, ...]


def read_events(function: Fields, key: str, findings: Findings) -> Events:
    """Read the `events` list of the function `key`. Raises DefinitionError."""
    node = function.get("events")
    websockets: list[WebsocketEvent] = []
    rules: list[TopicRule] = []
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

    def rule(self, number: int) -> TopicRule:
        """Read an `iot` event, the function's `number`th from 1."""
        fields = Fields(self._value("iot"), f"{self._path}.iot", self._variables)
        fields.check_keys(IOT_KEYS)
        node = fields.get("sql")
        if node is None:
            raise DefinitionError(f"`{fields.name}` has no sql", place=self._item.place)
        text = text_of(node, fields.path("sql"))
        assert isinstance(node, ScalarNode)
        enabled = fields.boolean("enabled")
        positions = _kept(positions_of(node), text) if isinstance(node.value, str) else []
        start = Place(node.place.file, *positions[0]) if positions else node.place
        self._report_glued(text, node.place)
        return TopicRule(
            name=self._rule_name(fields) or rule_logical_id(self._function, number),
            sql=_without_breaks(text),
            sql_version=self._sql_version(fields),
            actions=(LambdaAction(self._function, self._item.place),),
            error_action=None,
            enabled=enabled is not False,
            description=_without_breaks(fields.text("description") or ""),
            sql_place=start,
            sql_runs=runs_of(positions),
        )

    def _rule_name(self, fields: Fields) -> str | None:
        written = fields.text("name")
        if not written:
            return None
        name = _without_breaks(written)
        if not _RULE_NAME.fullmatch(name):
            raise DefinitionError(
                f"{clipped(name)} is no name for a rule: up to 128 letters, digits and underscores",
                place=fields.place("name"),
            )
        return name

    def _sql_version(self, fields: Fields) -> str:
        version = fields.text("sqlVersion")
        if version is None:
            return _DEFAULT_SQL_VERSION
        version = _without_breaks(version)
        node = fields.node.get("sqlVersion")
        if isinstance(node, ScalarNode) and _is_bare_date(node):
            # A date to js-yaml; what the framework then does depends on its version.
            raise DefinitionError(
                "sqlVersion without quotes is a date to YAML",
                place=node.place,
                hint=f"write it in quotes: sqlVersion: '{version}'",
            )
        if version not in _SQL_VERSIONS:
            raise DefinitionError(
                f"there is no sqlVersion {clipped(version)}",
                place=fields.place("sqlVersion"),
                hint=f"AWS knows {', '.join(_SQL_VERSIONS)}",
            )
        return version

    def _report_glued(self, text: str, place: Place) -> None:
        for left, right in _GLUED.findall(text):
            self._findings.notice(
                f"the framework deletes line breaks in sql: `{left}` and `{right}` become "
                f"`{left}{right}`",
                place,
                "start the block with `>-` instead of `|`",
            )


def _is_bare_date(node: ScalarNode) -> bool:
    written = node.written
    return bool(written and not written.style and _DATE.fullmatch(written.content))


def _without_breaks(text: str) -> str:
    """Delete line breaks, as the framework does with sql, name and description of a rule."""
    return _BREAK.sub("", text)


def _kept(positions: list[Position], text: str) -> list[Position]:
    """Return the positions of the characters that `_without_breaks` keeps."""
    kept: list[Position] = []
    start = 0
    for found in _BREAK.finditer(text):
        kept += positions[start : found.start()]
        start = found.end()
    return kept + positions[start:]
