"""YAML and JSON text → nodes, with the place of each.

Plain scalars mean what they mean to js-yaml, which the Serverless Framework reads with, not what
they mean to PyYAML: `yes` and `12:30` are texts, dates stay texts, `0o17` is 15. CloudFormation's
short forms become what they stand for: `!Ref x` is `{Ref: x}`, `!GetAtt a.b` is
`{"Fn::GetAtt": [a, b]}`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import yaml
from yaml import events as ev

from bellwire.definition.nodes import (
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    Source,
    Value,
    Written,
    well_formed,
)
from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.definition.vocabulary import INTRINSICS
from bellwire.errors import DefinitionError, Place, UnknownKeyError
from bellwire.limits import DEFINITION_BYTES, DEFINITION_DEPTH, DEFINITION_VALUES


Loader: TypeAlias = type[yaml.SafeLoader] | type[yaml.CSafeLoader]
"""What makes events of a text."""

LOADER: Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: faster, and takes a tab after a key's colon."""

_TAGS = {f"!{name.removeprefix('Fn::')}": name for name in INTRINSICS}
"""CloudFormation's short forms."""

_PLAIN_TAGS = {None, "!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))}
_CORE_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float")}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONSTANTS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"([-+]?)(?:0b([01]+)|0o([0-7]+)|0x([0-9a-fA-F]+))")
_NUMBER = re.compile(
    r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?"
    r"|(?P<unlimited>[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))"
)

_MOST_DIGITS = 400
"""Longer numbers are zeros at the left: a double has at most 309 digits."""

_CAUSES = {
    "mapping values are not allowed in this context": (
        "a `:` that starts a value where none can start",
        "put a text that holds `: ` in quotes, or check the indentation",
    ),
    "found character that cannot start any token": (
        "a value cannot start with this character",
        "indent with spaces, not with tabs; put a text that starts with @, ` or % in quotes",
    ),
    "found unexpected end of stream": ("a quote is opened here and never closed", None),
    "could not find expected ':'": ("a key without its `:`", None),
    "did not find expected key": (
        "this line belongs to no level above it",
        "check the indentation: entries of one map start in the same column",
    ),
    "did not find expected '-' indicator": (
        "this line is no entry of the list above it",
        "check the indentation: entries of one list start with `-` in the same column",
    ),
    "block sequence entries are not allowed in this context": (
        "a `-` that starts a list entry where none can start",
        "put the list on lines of its own",
    ),
    "did not find expected ',' or ']'": ("a `[` list without its `]`", "or a `,` is missing"),
    "did not find expected ',' or '}'": ("a `{` map without its `}`", "or a `,` is missing"),
}
"""What libyaml says → what is wrong, and what to do about it."""

_SAME_CAUSES = {
    "mapping values are not allowed here": "mapping values are not allowed in this context",
    "expected ',' or ']'": "did not find expected ',' or ']'",
    "expected ',' or '}'": "did not find expected ',' or '}'",
    "that cannot start any token": "found character that cannot start any token",
    "while parsing a block collection, expected <block end>": (
        "did not find expected '-' indicator"
    ),
    "while parsing a block mapping, expected <block end>": "did not find expected key",
    "sequence entries are not allowed here": (
        "block sequence entries are not allowed in this context"
    ),
}
"""The same, as the pure Python scanner says it."""


def read_document(path: Path, file: str) -> Node:
    """Read a .yml, .yaml or .json file; `file` is its name in messages.

    Any other file is one text. Raises DefinitionError if it cannot be read or is malformed.
    """
    source = Source(file, _read_text(path, file))
    if path.suffix in (".yml", ".yaml"):
        return parse_yaml(source)
    if path.suffix == ".json":
        return _parse_json(source)
    return ScalarNode(source.text, Place(file, 1, 1))


def parse_yaml(source: Source, *, loader: Loader = LOADER) -> Node:
    """Return the one document of a YAML text. Raises DefinitionError, UnknownKeyError for a tag."""
    unprintable = _UNPRINTABLE.search(source.text)
    if unprintable:
        raise DefinitionError(
            f"the character U+{ord(unprintable[0]):04X} may not stand in YAML",
            place=_place_at(source, unprintable.start()),
        )
    try:
        return _Composer(source, loader).document()
    except yaml.MarkedYAMLError as error:
        raise _plain_words(error, source.file) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The last two: without libyaml an escape above U+10FFFF, `"\UFFFFFFFF"`.
        raise DefinitionError(
            f"the YAML is broken: {error}", place=Place(source.file, 1, 1)
        ) from None


def _read_text(path: Path, file: str) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(DEFINITION_BYTES + 1)
    except OSError as error:
        raise DefinitionError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > DEFINITION_BYTES:
        raise DefinitionError(f"{file} is larger than {DEFINITION_BYTES // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        place = _place_at(Source(file, before), len(before))
        raise DefinitionError(
            f"the byte 0x{data[error.start]:02X} is not UTF-8",
            place=place,
            hint="save the file as UTF-8",
        ) from None


def _too_deep(place: Place) -> DefinitionError:
    return DefinitionError(f"nested more than {DEFINITION_DEPTH} deep", place=place)


def _place_at(source: Source, offset: int) -> Place:
    line_start = source.text.rfind("\n", 0, offset) + 1
    return Place(source.file, source.text.count("\n", 0, offset) + 1, offset - line_start + 1)


def _plain_words(error: yaml.MarkedYAMLError, file: str) -> DefinitionError:
    problem = str(error.problem or error.context)
    full = f"{error.context}, {problem}"
    problem = next((same for said, same in _SAME_CAUSES.items() if said in full), problem)
    cause, hint = _CAUSES.get(problem, (problem, None))
    mark = error.problem_mark or error.context_mark
    if problem == "found unexpected end of stream":
        mark = error.context_mark or mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
    return DefinitionError(f"the YAML is broken: {cause}", place=place, hint=hint)


class _Composer:
    """One parse: libyaml's events → nodes. Events, because each bound holds before it is passed."""

    def __init__(self, source: Source, loader: Loader) -> None:
        self._source = source
        self._events: Iterator[ev.Event] = yaml.parse(source.text, Loader=loader)
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def document(self) -> Node:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), ev.StreamEndEvent):
            raise DefinitionError("the file is empty", place=Place(self._source.file, 1, 1))
        node = self._node(next(self._events), 0)
        next(self._events)  # the end of the document
        after = next(self._events)
        if not isinstance(after, ev.StreamEndEvent):
            raise DefinitionError(
                "a second document starts here", place=self._place(after), hint="remove the `---`"
            )
        return node

    def _place(self, event: ev.Event) -> Place:
        mark = event.start_mark
        assert mark, "libyaml marks each event"
        return Place(self._source.file, mark.line + 1, mark.column + 1)

    def _count_values(self, number: int, place: Place) -> None:
        self._count += number
        if self._count > DEFINITION_VALUES:
            raise DefinitionError(f"more than {DEFINITION_VALUES} values in one file", place=place)

    def _node(self, event: ev.Event, depth: int) -> Node:
        place = self._place(event)
        self._count_values(1, place)
        if depth > DEFINITION_DEPTH:
            raise _too_deep(place)
        if isinstance(event, ev.AliasEvent):
            return self._alias(event, place)
        if isinstance(event, ev.ScalarEvent):
            node: Node = self._scalar(event, place)
        elif isinstance(event, ev.SequenceStartEvent):
            node = self._sequence(event, place, depth)
        else:
            assert isinstance(event, ev.MappingStartEvent)
            node = self._mapping(event, place, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: ev.AliasEvent, place: Place) -> Node:
        name = str(event.anchor)
        # An anchor is known once its value is complete, so that no value can hold itself.
        if name not in self._anchors:
            raise UnknownKeyError(
                f"no anchor `&{name}` is complete before this `*{name}`",
                place=place,
                hint=did_you_mean(name, self._anchors),
            )
        return self._anchors[name]

    def _scalar(self, event: ev.ScalarEvent, place: Place) -> Node:
        assert event.start_mark
        text, tag = well_formed(event.value), event.tag
        style = str(event.style or "")
        written = Written(self._source, event.start_mark.index, style, text)
        if (tag is None and not style) or tag in _CORE_TAGS:
            return ScalarNode(_plain_value(text), place, written)
        return self._tagged(tag, ScalarNode(text, place, written))

    def _sequence(self, event: ev.SequenceStartEvent, place: Place, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(item := next(self._events), ev.SequenceEndEvent):
            items.append(self._node(item, depth + 1))
        return self._tagged(event.tag, SequenceNode(tuple(items), place))

    def _mapping(self, event: ev.MappingStartEvent, place: Place, depth: int) -> Node:
        entries: dict[str, Entry] = {}
        merged: list[MappingNode] = []
        while not isinstance(event_of_key := next(self._events), ev.MappingEndEvent):
            key, key_place, merges = self._key(event_of_key)
            value = self._node(next(self._events), depth + 1)
            if merges:
                merged += _merged_maps(value)
            elif key in entries:
                raise DefinitionError(
                    f"the key {clipped(key)} is there twice; the first is at {entries[key].place}",
                    place=key_place,
                )
            else:
                entries[key] = Entry(key_place, value)
        for other in merged:
            self._count_values(len(other.entries), place)
            for key, entry in other.entries.items():
                entries.setdefault(key, entry)
        return self._tagged(event.tag, MappingNode(entries, place))

    def _key(self, event: ev.Event) -> tuple[str, Place, bool]:
        place = self._place(event)
        if isinstance(event, ev.ScalarEvent):
            self._count_values(1, place)
            key = well_formed(event.value)
            if event.anchor:
                self._anchors[event.anchor] = ScalarNode(key, place)
            return key, place, key == "<<" and not event.style
        if isinstance(event, ev.AliasEvent):
            node = self._alias(event, place)
            if isinstance(node, ScalarNode) and isinstance(node.value, str):
                return node.value, place, False
        raise DefinitionError("a key must be a text", place=place)

    def _tagged(self, tag: str | None, node: Node) -> Node:
        if tag in _PLAIN_TAGS:
            return node
        if tag not in _TAGS:
            raise UnknownKeyError(
                f"unknown tag {clipped(str(tag))}",
                place=node.place,
                hint=did_you_mean(str(tag), _TAGS),
            )
        name = _TAGS[str(tag)]
        if name == "Fn::GetAtt" and isinstance(node, ScalarNode):
            node = _attribute_path(node)
        return MappingNode({name: Entry(node.place, node)}, node.place)


def _merged_maps(value: Node) -> list[MappingNode]:
    nodes = value.items if isinstance(value, SequenceNode) else (value,)
    maps = [node for node in nodes if isinstance(node, MappingNode)]
    if len(maps) != len(nodes):
        raise DefinitionError("`<<` takes a map or a list of maps", place=value.place)
    return maps


def _attribute_path(node: ScalarNode) -> SequenceNode:
    resource, _, attribute = str(node.value).partition(".")
    parts = tuple(ScalarNode(part, node.place) for part in (resource, attribute))
    return SequenceNode(parts, node.place)


def _plain_value(text: str) -> Value:
    """Return what an unquoted scalar means to js-yaml."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    based = _INTEGER.fullmatch(text)
    if based:
        digits, base = next(
            (d, b) for d, b in zip(based.groups()[1:], (2, 8, 16), strict=True) if d
        )
        magnitude = int(digits, base)
        # Above JavaScript's largest number js-yaml leaves a text.
        return int(f"{based[1]}1") * magnitude if _is_finite(magnitude) else text
    number_found = _NUMBER.fullmatch(text)
    if not number_found:
        return text
    # As the framework: infinity and NaN become null on their way through JSON.
    number = math.inf if number_found["unlimited"] else float(text)
    if not math.isfinite(number):
        return None
    return _whole_number(text) if text.lstrip("+-").isdigit() else number


def _whole_number(text: str) -> int | float:
    return int(text) if len(text) < _MOST_DIGITS else float(text)


def _parse_json(source: Source) -> Node:
    start = Place(source.file, 1, 1)
    try:
        return _json_node(json.loads(source.text, parse_int=_whole_number), start, 0)
    except json.JSONDecodeError as error:
        place = Place(source.file, error.lineno, error.colno)
        raise DefinitionError(f"the JSON is broken: {error.msg}", place=place) from None
    except RecursionError:
        raise _too_deep(start) from None


def _json_node(value: object, place: Place, depth: int) -> Node:
    if depth > DEFINITION_DEPTH:
        raise _too_deep(place)
    if isinstance(value, dict):
        entries = {
            well_formed(key): Entry(place, _json_node(item, place, depth + 1))
            for key, item in value.items()
        }
        return MappingNode(entries, place)
    if isinstance(value, list):
        return SequenceNode(tuple(_json_node(item, place, depth + 1) for item in value), place)
    assert value is None or isinstance(value, str | int | float | bool)
    if isinstance(value, str):
        return ScalarNode(well_formed(value), place)
    return ScalarNode(value if _is_finite(value) else None, place)


def _is_finite(value: Value) -> bool:
    """Tell whether JavaScript has such a number; texts, booleans and null are finite too."""
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or abs(value) < 1 << 1024
