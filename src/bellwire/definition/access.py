"""Who may log in to the MQTT broker, and what each may do there: the model of
`custom.bellwire.devices`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from bellwire.errors import Place


LoginKind: TypeAlias = Literal["user", "token"]
"""How a device shows who it is."""
Action: TypeAlias = Literal["Connect", "Publish", "Subscribe", "Receive"]
"""What a policy speaks of here, without `iot:`."""
ResourceKind: TypeAlias = Literal["client", "topic", "topicfilter", "filter"]
"""What a resource is: AWS's kinds, and a topic filter of a plain table."""


class Resource(NamedTuple):
    """What a statement is about: client ids, topics or filters, which may hold variables `${…}`.

    In a `topic` and a `topicfilter`, and for client ids always, `*` stands for any characters, as
    in AWS's policies. A `filter` is MQTT's, from a plain table.
    """

    kind: ResourceKind
    pattern: str
    place: Place


class Condition(NamedTuple):
    """What must hold besides: an operator of AWS, the key it looks at, and the values."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """What is allowed, or denied, and under which conditions."""

    allows: bool
    actions: frozenset[Action]
    resources: tuple[Resource, ...]
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A named list of statements."""

    name: str
    statements: tuple[Statement, ...]
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """A way to log in: `name` is the device's, `secret` a password, its hash, or a token.

    `things` are the names that `${iot:Connection.Thing.ThingName}` may take; `*` is any client id.
    """

    name: str
    kind: LoginKind
    policies: tuple[str, ...]
    things: tuple[str, ...]
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Devices:
    """Everything that decides who may connect."""

    logins: tuple[DeviceLogin, ...]
    policies: Mapping[str, Policy]
