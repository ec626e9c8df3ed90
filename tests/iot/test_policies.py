"""Policies → what the broker may be told, case by case."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from bellwire.definition.access import (
    Action,
    Condition,
    Policy,
    Resource,
    ResourceKind,
    Statement,
)
from bellwire.errors import BadRequestError, Place, UnsupportedFeatureError
from bellwire.iot.policies import Identity, check_policy, intersection, permissions_of


PLACE = Place("serverless.yml", 1, 1)
ME = Identity("pump", "pump-7", things=("pump-7",), source_ip="192.0.2.7")
CONNECT = Statement(True, frozenset(["Connect"]), (Resource("client", "*", PLACE),))


def statement(
    actions: str, *resources: str, allows: bool = True, conditions: tuple[Condition, ...] = ()
) -> Statement:
    """`Publish,Receive`, and resources such as `topic/a/*`."""
    found = []
    for each in resources:
        kind, _, pattern = each.partition("/")
        assert kind in get_args(ResourceKind)
        found.append(Resource(kind, pattern, PLACE))  # type: ignore[arg-type]  # just looked at
    wanted: list[Any] = actions.split(",")
    assert set(wanted) <= set(get_args(Action))
    return Statement(allows, frozenset(wanted), tuple(found), conditions)


def policy(*statements: Statement) -> Policy:
    return Policy("mine", (CONNECT, *statements), PLACE)


@pytest.mark.parametrize(
    ("pattern", "filters"),
    [
        ("topic/a/b", ("a/b",)),
        ("topic/a/*", ("a/#",)),
        ("topic/*", ("#",)),
        ("topic/a/${iot:ClientId}/*", ("a/pump-7/#",)),
        ("topic/a/${iot:ClientId}-x", ("a/pump-7-x",)),
        ("topic/${device}/b", ("pump/b",)),
        ("topic/${iot:Connection.Thing.ThingName}", ("pump-7",)),
        ("topic/${aws:SourceIp}/up", ("192.0.2.7/up",)),
        ("topic/$aws/rules/mine/*", ("$aws/rules/mine/#",)),
        ("filter/a/#", ("a/#", "a")),
        ("filter/a/+/c", ("a/+/c",)),
        ("filter/+/${clientId}", ("+/pump-7",)),
        ("filter/#", ("#",)),
    ],
)
def test_what_may_be_published(pattern: str, filters: tuple[str, ...]) -> None:
    assert permissions_of([policy(statement("Publish", pattern))], ME).publish == filters


def test_a_star_between_slashes_is_each_number_of_levels_a_topic_has_room_for() -> None:
    publish = permissions_of([policy(statement("Publish", "topic/a/*/c"))], ME).publish
    assert publish[0] == "a/+/c"
    assert publish[1] == "a/+/+/c"
    assert len(publish) == 9
    assert max(len(each.split("/")) for each in publish) == 11


def test_what_is_denied_is_told_apart() -> None:
    found = permissions_of(
        [
            policy(
                statement("Publish,Receive", "topic/a/*"),
                statement("Subscribe", "topicfilter/a/*"),
                statement("Publish,Receive", "topic/a/secret", allows=False),
                statement("Subscribe", "topicfilter/a/+/x", allows=False),
            )
        ],
        ME,
    )
    assert found.publish == ("a/#",)
    assert found.publish_denied == ("a/secret",)
    assert found.subscribe == ("a/#", "a")
    assert found.subscribe_denied == ("a/+/x", "a/secret")


@pytest.mark.parametrize(
    ("subscribe", "receive", "filters"),
    [
        ("topicfilter/a/#", "topic/a/*", ("a/#", "a")),
        ("topicfilter/a/+", "topic/a/*", ("a/+",)),
        ("topicfilter/*", "topic/a/b", ("a/b",)),
        ("topicfilter/a/*", "topic/b/*", ()),
        ("topicfilter/a/b", "topic/*", ("a/b",)),
    ],
)
def test_a_device_hears_what_it_may_subscribe_to_and_receive(
    subscribe: str, receive: str, filters: tuple[str, ...]
) -> None:
    both = policy(statement("Subscribe", subscribe), statement("Receive", receive))
    assert permissions_of([both], ME).subscribe == filters


@pytest.mark.parametrize("lacks", ["Subscribe", "Receive"])
def test_one_of_the_two_is_not_enough_to_hear(lacks: str) -> None:
    actions = {"Subscribe": "topicfilter/a/#", "Receive": "topic/a/*"}
    del actions[lacks]
    [(action, resource)] = actions.items()
    assert permissions_of([policy(statement(action, resource))], ME).subscribe == ()


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("a/b", "a/b", "a/b"),
        ("a/b", "a/c", None),
        ("a/+", "a/c", "a/c"),
        ("+/b", "a/+", "a/b"),
        ("a/#", "a/b/+", "a/b/+"),
        ("#", "a/#", "a/#"),
        ("a/#", "a", None),
        ("a/b", "a/b/c", None),
        ("a/#", "+/b/#", "a/b/#"),
    ],
)
def test_intersections(one: str, other: str, both: str | None) -> None:
    assert intersection(one, other) == both
    assert intersection(other, one) == both


@pytest.mark.parametrize(
    ("resources", "denied", "client_id", "may"),
    [
        (["client/pump-7"], [], "pump-7", True),
        (["client/pump-7"], [], "pump-8", False),
        (["client/pump-*"], [], "pump-8", True),
        (["client/pump-?"], [], "pump-81", False),
        (["client/${iot:Connection.Thing.ThingName}"], [], "pump-7", True),
        (["client/${iot:Connection.Thing.ThingName}"], [], "pump-8", False),
        (["client/*"], ["client/pump-7"], "pump-7", False),
        (["client/pump[7]"], [], "pump7", False),
        ([], [], "pump-7", False),
    ],
)
def test_who_may_connect(
    resources: list[str], denied: list[str], client_id: str, may: bool
) -> None:
    mine = Policy(
        "mine",
        (statement("Connect", *resources), statement("Connect", *denied, allows=False)),
        PLACE,
    )
    identity = ME._replace(client_id=client_id)
    if may:
        permissions_of([mine], identity)
    else:
        with pytest.raises(BadRequestError, match="client id"):
            permissions_of([mine], identity)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Condition("Bool", "iot:Connection.Thing.IsAttached", ("True",)), True),
        (Condition("Bool", "iot:Connection.Thing.IsAttached", ("false",)), False),
        (Condition("IpAddress", "aws:SourceIp", ("192.0.2.0/24", "::1")), True),
        (Condition("IpAddress", "aws:SourceIp", ("198.51.100.0/24",)), False),
        (Condition("NotIpAddress", "aws:SourceIp", ("192.0.2.0/24",)), False),
        (Condition("IpAddress", "aws:SourceIp", ("nonsense",)), False),
        (Condition("StringEquals", "iot:ClientId", ("pump-7",)), True),
        (Condition("StringLike", "iot:ClientId", ("pump-*",)), True),
        (Condition("StringNotLike", "iot:ClientId", ("pump-*",)), False),
        (Condition("StringEquals", "iot:Connection.Thing.ThingName", ("x",)), False),
        (Condition("StringNotEquals", "iot:Connection.Thing.ThingName", ("x",)), True),
    ],
)
def test_conditions(condition: Condition, holds: bool) -> None:
    mine = policy(statement("Publish", "topic/a", conditions=(condition,)))
    assert permissions_of([mine], ME).publish == (("a",) if holds else ())


@pytest.mark.parametrize("client_id", ["a+", "a#", "a*", "a b", "a>b", "a\n"])
def test_a_name_that_would_be_more_than_itself_in_a_filter_is_refused(client_id: str) -> None:
    mine = policy(statement("Publish", "topic/${iot:ClientId}/x"))
    with pytest.raises(BadRequestError, match="cannot be used"):
        permissions_of([mine], ME._replace(client_id=client_id))


@pytest.mark.parametrize(
    "resource",
    [
        "topic/dev*",
        "topic/a/b?",
        "topic/a/x*/b",
        "topic/a/#",
        "topic/a/+/b",
        "topic/*/*/*/x",
        "topicfilter/a/#/b",
        "topicfilter/a/b#",
        "topicfilter/a b",
        "topic/a b",
        "topic/${iot:Nothing}/x",
        "filter/a/*",
        "filter/a+/b",
        "client/${cognito-identity.amazonaws.com:sub}",
    ],
)
def test_what_the_broker_cannot_tell_is_refused_with_its_place(resource: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="policy mine") as caught:
        check_policy(policy(statement("Publish", resource)))
    assert caught.value.place == PLACE
    assert caught.value.hint


@pytest.mark.parametrize(
    "resource", ["topic/a/*/b", "topicfilter/a/+/#", "client/pump-*", "filter/${device}/#"]
)
def test_what_it_can_tell_passes(resource: str) -> None:
    check_policy(policy(statement("Publish", resource)))
