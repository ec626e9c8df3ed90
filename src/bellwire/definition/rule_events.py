"""`iot` events of functions → the resources that the framework makes of them.

Source: the framework's page of the event
[www.serverless.com/framework/docs/providers/aws/events/iot].
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bellwire.definition.findings import Findings
from bellwire.definition.naming import RULE_TYPE, function_logical_id, rule_logical_id
from bellwire.definition.nodes import MappingNode, Piece, Plain, ScalarNode, make_map
from bellwire.definition.suggestion import clipped
from bellwire.definition.values import Fields, text_of
from bellwire.definition.vocabulary import IOT_KEYS
from bellwire.errors import DefinitionError, Place


SQL_VERSIONS = ("2015-10-08", "2016-03-23", "beta")
"""The first is that of a rule that names none
[docs.aws.amazon.com/iot/latest/developerguide/iot-rule-sql-version.html]."""

_RULE_NAME = re.compile(r"[a-zA-Z0-9_]{1,128}")
"""[docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html]"""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_BREAK = re.compile(r"\r?\n")
_GLUED = re.compile(r"\b(\w+)\r?\n(\w+)")


@dataclass(frozen=True, slots=True)
class RuleEvent:
    """One `iot` event, the `number`th of its function from 1: the properties of its rule."""

    function: str
    number: int
    name: str | None
    payload: dict[str, Plain]
    place: Place


def read_rule_event(
    function: str, number: int, event: Fields, place: Place, findings: Findings
) -> RuleEvent:
    """Read an `iot` event, which stands at `place`. Raises DefinitionError."""
    event.check_keys(IOT_KEYS)
    node = event.get("sql")
    if node is None:
        raise DefinitionError(f"`{event.name}` has no sql", place=place)
    text = text_of(node, event.path("sql"))
    assert isinstance(node, ScalarNode)
    _report_glued(text, node.place, findings)
    payload: dict[str, Plain] = {
        "Sql": _without_breaks(node) if isinstance(node.value, str) else node,
        "AwsIotSqlVersion": read_sql_version(event, "sqlVersion"),
        "RuleDisabled": event.boolean("enabled") is False,
        "Description": _BREAK.sub("", event.text("description") or ""),
        "Actions": [{"Lambda": {"FunctionArn": _arn(function)}}],
    }
    name = _BREAK.sub("", event.text("name") or "") or None
    if name is not None:
        check_rule_name(name, event.place("name"))
    return RuleEvent(function, number, name, payload, place)


def compile_rules(events: Iterable[RuleEvent]) -> dict[str, MappingNode]:
    """Return the rules' resources by logical id."""
    return {rule_logical_id(each.function, each.number): _resource(each) for each in events}


def check_rule_name(name: str, place: Place) -> None:
    """Raise DefinitionError for what AWS does not take as the name of a rule."""
    if not _RULE_NAME.fullmatch(name):
        raise DefinitionError(
            f"{clipped(name)} is no name for a rule: up to 128 letters, digits and underscores",
            place=place,
        )


def read_sql_version(fields: Fields, key: str) -> str:
    """Return the version of IoT SQL; the oldest where none is named. Raises DefinitionError."""
    version = fields.text(key)
    if version is None:
        return SQL_VERSIONS[0]
    version = _BREAK.sub("", version)
    node = fields.node.get(key)
    if isinstance(node, ScalarNode) and _is_bare_date(node):
        # A date to js-yaml; what the framework then does depends on its version.
        raise DefinitionError(
            f"{key} without quotes is a date to YAML",
            place=node.place,
            hint=f"write it in quotes: {key}: '{version}'",
        )
    if version not in SQL_VERSIONS:
        raise DefinitionError(
            f"there is no {key} {clipped(version)}",
            place=fields.place(key),
            hint=f"AWS knows {', '.join(SQL_VERSIONS)}",
        )
    return version


def _resource(event: RuleEvent) -> MappingNode:
    properties: dict[str, Plain] = {"TopicRulePayload": event.payload}
    if event.name is not None:
        properties["RuleName"] = event.name
    return make_map({"Type": RULE_TYPE, "Properties": properties}, event.place)


def _arn(function: str) -> Plain:
    return {"Fn::GetAtt": [function_logical_id(function), "Arn"]}


def _is_bare_date(node: ScalarNode) -> bool:
    written = node.written
    return bool(written and not written.style and _DATE.fullmatch(written.content))


def _without_breaks(node: ScalarNode) -> ScalarNode:
    """Delete line breaks, as the framework does; the rest knows where it stands as before."""
    text, at = str(node.value), 0
    kept: list[Piece] = []
    words: list[str] = []
    for piece in node.pieces or (Piece(len(text), 0, replaced=False),):
        end = at + piece.length
        starts = [at, *(found.end() for found in _BREAK.finditer(text, at, end))]
        ends = [*(found.start() for found in _BREAK.finditer(text, at, end)), end]
        for low, high in zip(starts, ends, strict=True):
            offset = piece.offset + (0 if piece.replaced else low - at)
            kept.append(Piece(high - low, offset, piece.replaced))
            words.append(text[low:high])
        at = end
    return ScalarNode("".join(words), node.place, node.written, tuple(kept), final=True)


def _report_glued(text: str, place: Place, findings: Findings) -> None:
    for left, right in _GLUED.findall(text):
        findings.notice(
            f"the framework deletes line breaks in sql: `{left}` and `{right}` become "
            f"`{left}{right}`",
            place,
            "start the block with `>-` instead of `|`",
        )
