"""What policies allow a device: whether it may connect, and the topic filters that bound it.

The broker knows a device by two lists of filters, what is allowed and what is denied, for
publishing and for subscribing; it knows no part of a level. A pattern that cannot be said so
exactly is refused when the service is loaded.
docs.aws.amazon.com/iot/latest/developerguide/iot-policy-actions.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import translate
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from bellwire.definition.access import Action, Condition, Policy, Resource, Statement
from bellwire.errors import BadRequestError, UnsupportedFeatureError


_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LEVELS = 11
"""Levels of the longest topic: eight, behind three of Basic Ingest
[docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]."""
_FILTERS = 64
"""Most filters that one pattern may become. Ours."""
_THING = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_UNFIT = re.compile(r"[+#*?>\s\x00-\x1f]")
"""What may stand in no name that becomes part of a filter: it would be more than itself."""
_EVERYTHING = "#"
_SAMPLE = "x"


class Identity(NamedTuple):
    """Who connects: the name of its login, its client id, and what else policies may ask for."""

    device: str
    client_id: str
    things: tuple[str, ...] = ()
    source_ip: str | None = None

    @property
    def thing(self) -> str | None:
        """The thing that connects: one that the login may be, by the client id."""
        is_own = self.client_id in self.things or "*" in self.things
        return self.client_id if is_own and _THING.fullmatch(self.client_id) else None

    def values(self) -> Mapping[str, str | None]:
        """Return the variables of policies; None is one that has no value."""
        return {
            "device": self.device,
            "clientId": self.client_id,
            "iot:ClientId": self.client_id,
            "iot:Connection.Thing.ThingName": self.thing,
            "aws:SourceIp": self.source_ip,
            "iot:Connection.Thing.IsAttached": "true" if self.thing else "false",
        }


class Permissions(NamedTuple):
    """Topic filters: what a device may publish to, and subscribe to. What is denied prevails.

    A `#` stands for one level or more, not for the level above it, which is there besides.
    """

    publish: tuple[str, ...]
    publish_denied: tuple[str, ...]
    subscribe: tuple[str, ...]
    subscribe_denied: tuple[str, ...]


def check_policy(policy: Policy) -> None:
    """Raise UnsupportedFeatureError for a pattern that cannot be served exactly."""
    for statement in policy.statements:
        for resource in statement.resources:
            unknown = set(_VARIABLE.findall(resource.pattern)) - Identity("", "").values().keys()
            if unknown:
                raise UnsupportedFeatureError(
                    f"policy {policy.name}: ${{{min(unknown)}}} is not known here",
                    place=resource.place,
                    hint="see docs/devices.md for those that are",
                )
            _check_resource(policy, resource)


def permissions_of(policies: Iterable[Policy], identity: Identity) -> Permissions:
    """Return what a device may do. Raises BadRequestError, with the reason, where it may not
    connect.
    """
    values = identity.values()
    statements = [
        statement
        for policy in policies
        for statement in policy.statements
        if all(_holds(condition, values) for condition in statement.conditions)
    ]
    _check_connect(statements, values, identity.client_id)
    heard = _filters(statements, values, "Receive", allows=True)
    return Permissions(
        publish=_filters(statements, values, "Publish", allows=True),
        publish_denied=_filters(statements, values, "Publish", allows=False),
        subscribe=_with_parents(
            common
            for wanted in _filters(statements, values, "Subscribe", allows=True)
            for each in heard
            if (common := intersection(wanted, each)) is not None
        ),
        subscribe_denied=_unique(
            (
                *_filters(statements, values, "Subscribe", allows=False),
                *_filters(statements, values, "Receive", allows=False),
            )
        ),
    )


def intersection(one: str, other: str) -> str | None:
    """Return the filter of the topics that match both, None where there are none.

    >>> intersection("a/#", "+/b")
    'a/b'
    """
    levels: list[str] = []
    left, right = one.split("/"), other.split("/")
    while left and right:
        if left[0] == "#" or right[0] == "#":
            return "/".join(levels + (right if left[0] == "#" else left))
        if left[0] != right[0] and "+" not in (left[0], right[0]):
            return None
        levels.append(right[0] if left[0] == "+" else left[0])
        left, right = left[1:], right[1:]
    return "/".join(levels) if not left and not right else None


def _check_connect(
    statements: Iterable[Statement], values: Mapping[str, str | None], client_id: str
) -> None:
    patterns: dict[bool, list[str]] = {True: [], False: []}
    for statement in statements:
        if "Connect" in statement.actions:
            patterns[statement.allows] += _filled(statement, "client", values)
    if any(_matches(pattern, client_id) for pattern in patterns[False]):
        raise BadRequestError("a policy denies it this client id")
    if not any(_matches(pattern, client_id) for pattern in patterns[True]):
        raise BadRequestError("no policy allows it this client id")


def _filled(statement: Statement, kind: str, values: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the patterns of a kind with their variables filled in; without those that lack one."""
    for resource in statement.resources:
        if resource.kind == kind:
            names = _VARIABLE.findall(resource.pattern)
            if all(values.get(name) is not None for name in names):
                yield _VARIABLE.sub(lambda found: _literal(values[found[1]]), resource.pattern)


def _literal(value: str | None) -> str:
    if value is None or _UNFIT.search(value):
        raise BadRequestError(f"a policy of it cannot be used for the name {value!r}")
    return value


def _filters(
    statements: Iterable[Statement],
    values: Mapping[str, str | None],
    action: Action,
    *,
    allows: bool,
) -> tuple[str, ...]:
    kind = "topicfilter" if action == "Subscribe" else "topic"
    found: list[str] = []
    for statement in statements:
        if statement.allows is allows and action in statement.actions:
            for pattern in _filled(statement, kind, values):
                found += _filters_of(pattern)
            for pattern in _filled(statement, "filter", values):
                found += _with_parents([pattern])
    return _unique(found)


def _filters_of(pattern: str) -> list[str]:
    """Return the topic filters that are together what a pattern of AWS is, level for level.

    `*` is any characters, slashes too: at the end a `#`, as a whole level one level or more.
    Raises BadRequestError for what no filter can be: `*` or `?` beside other characters.
    """
    levels = pattern.split("/")
    for level in levels:
        if level != "*" and ("*" in level or "?" in level):
            raise BadRequestError(f"`{level}` is a part of a level")
    if levels[-1] == "*":
        levels[-1] = _EVERYTHING
    spare = _LEVELS - len(levels)
    found = [levels]
    for position in range(len(levels) - 1, -1, -1):
        if levels[position] == "*":
            found = [
                [*each[:position], *["+"] * (count + 1), *each[position + 1 :]]
                for each in found
                for count in range(spare + 1)
                if len(each) + count <= _LEVELS
            ]
    if len(found) > _FILTERS:
        raise BadRequestError(f"the `*` between its slashes stand for too much ({len(found)} ways)")
    return ["/".join(each) for each in found]


def _check_resource(policy: Policy, resource: Resource) -> None:
    pattern = _VARIABLE.sub(_SAMPLE, resource.pattern)
    problem, remedy = None, "give `*` a level of its own, as in devices/*/state"
    if resource.kind == "topic" and re.search(r"(?:^|/)[+#](?:/|$)", pattern):
        problem, remedy = "a topic has no + and #", "write `*`"
    elif resource.kind in ("topic", "topicfilter"):
        try:
            _filters_of(pattern)
        except BadRequestError as error:
            problem = f"{error.message}, which the broker cannot tell"
    elif resource.kind == "filter" and ("*" in pattern or "?" in pattern):
        problem, remedy = "a plain table takes topic filters", "write + for a level, # for the rest"
    if problem is None and resource.kind != "client":
        problem, remedy = _fault_of_filter(pattern), "a wildcard is a whole level, # is the last"
    if problem is not None:
        raise UnsupportedFeatureError(
            f"policy {policy.name}: {resource.pattern}: {problem}",
            place=resource.place,
            hint=remedy,
        )


def _fault_of_filter(pattern: str) -> str | None:
    levels = pattern.split("/")
    if any(level not in ("+", "#") and re.search(r"[+#]", level) for level in levels):
        return "+ or # is a part of a level"
    if "#" in levels[:-1]:
        return "# is not its last level"
    if re.search(r"[\s>\x00-\x1f]", pattern):
        return "a space or a `>`, which the broker cannot carry"
    return None


def _holds(condition: Condition, values: Mapping[str, str | None]) -> bool:
    """Tell if a condition holds; a negated one does where there is no value
    [docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html].
    """
    operator = condition.operator
    negated = "Not" in operator
    value = values.get(condition.key)
    if value is None:
        return negated
    return any(_compare(operator, value, each) for each in condition.values) is not negated


def _compare(operator: str, value: str, wanted: str) -> bool:
    if operator.endswith("IpAddress"):
        try:
            return ip_address(value) in ip_network(wanted, strict=False)
        except ValueError:
            return False
    if operator.endswith("Like"):
        return _matches(wanted, value)
    return value == wanted or (operator == "Bool" and value == wanted.lower())


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(translate(pattern.replace("[", "[[]")), text) is not None


def _with_parents(filters: Iterable[str]) -> tuple[str, ...]:
    """Return filters with the level above each `#`, which MQTT counts to it."""
    return _unique(
        each
        for pattern in filters
        for each in (pattern, *([pattern[:-2]] if pattern.endswith("/#") else []))
    )


def _unique(filters: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filters))
