"""Policies of devices: AWS's documents, and plain tables of topics.

docs.aws.amazon.com/iot/latest/developerguide/iot-policies.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bellwire.definition.access import (
    Action,
    Condition,
    Policy,
    Resource,
    ResourceKind,
    Statement,
)
from bellwire.definition.nodes import MappingNode, Node, SequenceNode
from bellwire.definition.suggestion import did_you_mean
from bellwire.definition.values import Fields, items_of, text_of
from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError


_ACTIONS: tuple[Action, ...] = ("Connect", "Publish", "Subscribe", "Receive")
_OTHER_ACTIONS = (
    "RetainPublish",
    "GetRetainedMessage",
    "ListRetainedMessages",
    "GetThingShadow",
    "UpdateThingShadow",
    "DeleteThingShadow",
    "ListNamedShadowsForThing",
    "DescribeJobExecution",
    "GetPendingJobExecutions",
    "StartNextPendingJobExecution",
    "UpdateJobExecution",
    "AssumeRoleWithCertificate",
)
"""Actions that are no MQTT, or that nats-server does not tell apart: read and passed over."""
_KINDS: dict[ResourceKind, tuple[Action, ...]] = {
    "client": ("Connect",),
    "topic": ("Publish", "Receive"),
    "topicfilter": ("Subscribe",),
}
_ARN = re.compile(r"arn:[^:]*:iot:[^:]*:[^:]*:(\w+|\*)(?:/(.*))?", re.DOTALL)
_OTHER_KINDS = {"thing", "cert", "policy", "thinggroup", "thingtype", "rule", "job", "rolealias"}
_OPERATORS = (
    "Bool",
    "IpAddress",
    "NotIpAddress",
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
)
VARIABLES = {
    "device": "the name of its login",
    "clientId": "its client id",
    "iot:ClientId": "its client id",
    "iot:Connection.Thing.ThingName": "its client id, where the login may be that thing",
    "aws:SourceIp": "where it connects from",
}
"""What stands in a policy for a part of who connects."""
_CONDITION_KEYS = (*list(VARIABLES)[2:], "iot:Connection.Thing.IsAttached")
_TABLE = ("connect", "publish", "subscribe")
_OF_TABLE: dict[str, tuple[Action, ...]] = {
    "connect": ("Connect",),
    "publish": ("Publish",),
    "subscribe": ("Subscribe", "Receive"),
}

TextOf = Callable[[Node, str], str]
"""What reads a text at a path: plain, or with CloudFormation's functions."""


def read_policy(name: str, fields: Fields, text: TextOf = text_of) -> Policy:
    """Read a policy of either form. Raises DefinitionError with the place and a remedy."""
    if "Statement" in fields.node.entries:
        fields.check_keys(("Version", "Id", "Statement"))
        statements = tuple(_statements(fields, text))
    else:
        fields.check_keys(_TABLE)
        statements = tuple(_table(fields))
    return Policy(name, statements, fields.node.place)


def _table(fields: Fields) -> Iterator[Statement]:
    """Yield what a plain table allows; without `connect` the client id must be the device's."""
    for key in _TABLE:
        node = fields.get(key)
        kind: ResourceKind = "client" if key == "connect" else "filter"
        if node is None and key != "connect":
            continue
        if node is None:
            resources: tuple[Resource, ...] = (Resource("client", "${device}", fields.node.place),)
        else:
            resources = tuple(
                Resource(kind, text, place)
                for text, place in _texts(fields, node, fields.path(key), text_of)
            )
        yield Statement(True, frozenset(_OF_TABLE[key]), resources)


def _statements(fields: Fields, text: TextOf) -> Iterator[Statement]:
    node = fields.get("Statement")
    assert node is not None
    path = fields.path("Statement")
    several = isinstance(node, SequenceNode)
    for position, item in enumerate(node.items if isinstance(node, SequenceNode) else (node,)):
        at = f"{path}[{position}]" if several else path
        yield _statement(Fields(fields.variables.resolve(item), at, fields.variables), text)


def _statement(fields: Fields, text: TextOf) -> Statement:
    fields.check_keys(("Sid", "Effect", "Action", "Resource", "Condition"))
    effect = fields.text("Effect")
    if effect not in ("Allow", "Deny"):
        raise DefinitionError(
            f"`{fields.path('Effect')}` must be Allow or Deny", place=fields.node.place
        )
    actions = _actions(fields)
    resources = tuple(_resources(fields, actions, text))
    return Statement(effect == "Allow", actions, resources, tuple(_conditions(fields)))


def _actions(fields: Fields) -> frozenset[Action]:
    found: set[Action] = set()
    for text, place in _texts(fields, _required(fields, "Action"), fields.path("Action"), text_of):
        wanted = re.escape(text).replace(r"\*", ".*")
        matched = [
            name
            for name in (*_ACTIONS, *_OTHER_ACTIONS)
            if re.fullmatch(wanted, f"iot:{name}", re.IGNORECASE)
        ]
        if not matched and "*" not in text:
            known = [f"iot:{name}" for name in (*_ACTIONS, *_OTHER_ACTIONS)]
            raise DefinitionError(
                f"a device can do no {text}",
                place=place,
                hint=did_you_mean(text, known) or f"it can do {', '.join(known[:4])}",
            )
        found.update(name for name in _ACTIONS if name in matched)
    return frozenset(found)


def _resources(fields: Fields, actions: frozenset[Action], text: TextOf) -> Iterator[Resource]:
    path = fields.path("Resource")
    for arn, place in _texts(fields, _required(fields, "Resource"), path, text):
        match = _ARN.fullmatch(arn)
        kind: str = match.group(1) if match else "*"
        name: str | None = match.group(2) if match else None
        if match is None and arn != "*":
            raise DefinitionError(
                f"{arn} is no ARN of IoT",
                place=place,
                hint="such as arn:aws:iot:us-east-1:000000000000:topic/devices/*",
            )
        if kind == "*":
            kinds = {kind for kind, their in _KINDS.items() if actions & set(their)}
            yield from (Resource(each, "*", place) for each in _KINDS if each in kinds)
        elif kind in _KINDS and name:
            yield Resource(kind, name, place)
        elif kind not in _OTHER_KINDS or not name:
            raise DefinitionError(
                f"{arn} names nothing that a policy of a device is about",
                place=place,
                hint="write client/…, topic/… or topicfilter/… behind the account",
            )


def _conditions(fields: Fields) -> Iterator[Condition]:
    section = fields.fields("Condition")
    for operator, entry in section.node.entries.items() if section else ():
        assert section is not None
        if operator not in _OPERATORS:
            raise UnsupportedFeatureError(
                f"the condition {operator} is not evaluated here",
                place=entry.place,
                hint=f"there are {', '.join(_OPERATORS)}",
            )
        keys = section.fields(operator)
        for key, at in keys.node.entries.items() if keys else ():
            assert keys is not None
            if key not in _CONDITION_KEYS:
                raise UnsupportedFeatureError(
                    f"the condition key {key} is not known here",
                    place=at.place,
                    hint=f"there are {', '.join(_CONDITION_KEYS)}",
                )
            node = _required(keys, key)
            values = tuple(text for text, _ in _texts(keys, node, keys.path(key), text_of))
            yield Condition(operator, key, values)


def _required(fields: Fields, key: str) -> Node:
    node = fields.get(key)
    if node is None:
        raise DefinitionError(f"`{fields.path(key)}` is missing", place=fields.node.place)
    return node


def _texts(fields: Fields, node: Node, path: str, text: TextOf) -> Iterator[tuple[str, Place]]:
    """Yield the texts of a list, or the one that stands in its place."""
    items = items_of(node, path) if isinstance(node, SequenceNode) else (node,)
    for item in items:
        found = item if isinstance(item, MappingNode) else fields.variables.resolve(item)
        yield text(found, path), item.place
