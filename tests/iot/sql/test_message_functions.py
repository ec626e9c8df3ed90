"""Functions of the message: MQTT 5's properties, chance."""

from __future__ import annotations

import random
import uuid
from decimal import Decimal

import pytest

from bellwire.iot.sql.message_functions import MESSAGE_FUNCTIONS
from bellwire.iot.sql.scope import Budget, Message, Scope, World
from bellwire.iot.sql.values import UNDEFINED
from bellwire.origin import MqttProperties, Origin


GIVEN = MqttProperties(
    "text/plain", True, "answers/1", b"\x00\x01", (("k", "1"), ("k", "2"), ("l", "3"))
)


def scope(properties: MqttProperties | None = None) -> Scope:
    message = Message("t", b"", 0, Origin(properties=properties))
    return Scope(UNDEFINED, message, {}, World(random.Random(7).getrandbits), Budget())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content_type", "text/plain"),
        ("format_indicator", "UTF8_DATA"),
        ("response_topic", "answers/1"),
        ("correlation_data", "AAE="),
        ("other", UNDEFINED),
        (1, UNDEFINED),
    ],
)
def test_a_property_by_its_name(name: object, value: object) -> None:
    function = MESSAGE_FUNCTIONS["get_mqtt_property"].call
    assert function(scope(GIVEN), name) == value
    assert function(scope(), name) is UNDEFINED


def test_bytes_are_told_from_text() -> None:
    function = MESSAGE_FUNCTIONS["get_mqtt_property"].call
    assert function(scope(MqttProperties(is_text=False)), "format_indicator") == "UNSPECIFIED_BYTES"


def test_user_properties_keep_their_order_and_may_come_twice() -> None:
    function = MESSAGE_FUNCTIONS["get_user_properties"].call
    assert function(scope(GIVEN)) == [{"k": "1"}, {"k": "2"}, {"l": "3"}]
    assert function(scope(GIVEN), "k") == ["1", "2"]
    assert function(scope(GIVEN), "none") is UNDEFINED
    assert function(scope()) is UNDEFINED


def test_uuids_are_of_version_4_and_differ() -> None:
    one = scope()
    ids = {str(MESSAGE_FUNCTIONS["newuuid"].call(one)) for _ in range(100)}
    assert len(ids) == 100
    assert {uuid.UUID(text).version for text in ids} == {4}


def test_rand_lies_between_0_and_1() -> None:
    one = scope()
    numbers = [MESSAGE_FUNCTIONS["rand"].call(one) for _ in range(100)]
    assert all(isinstance(number, Decimal) and 0 <= number < 1 for number in numbers)
    assert len(set(numbers)) == 100
