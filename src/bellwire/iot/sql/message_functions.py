"""Functions of the message that a rule sees, and of what the node lends: an account, chance.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from uuid import UUID

from bellwire.iot.sql.numeric_functions import whole
from bellwire.iot.sql.scope import NO_CLIENT, Scope
from bellwire.iot.sql.signature import MessageFunction
from bellwire.iot.sql.values import UNDEFINED, Value
from bellwire.origin import MqttProperties


_BASIC_INGEST = "$aws/rules/"


def _topic(scope: Scope, *numbers: Value) -> Value:
    topic = scope.message.topic
    if topic.startswith(_BASIC_INGEST):
        topic = "/".join(topic.split("/")[3:])  # what a rule is called is not part of it
    if not numbers:
        return topic
    level = whole(numbers[0])
    levels = topic.split("/")
    if level is None or not 1 <= level <= len(levels):
        return UNDEFINED
    return levels[level - 1]


def _timestamp(scope: Scope) -> Value:
    return scope.message.timestamp_ms


def _client_id(scope: Scope) -> Value:
    return scope.message.origin.client_id or NO_CLIENT


def _known(value: str | None) -> Value:
    return UNDEFINED if value is None else value


def _new_uuid(scope: Scope) -> Value:
    return str(UUID(int=scope.world.random_bits(128), version=4))


def _rand(scope: Scope) -> Value:
    return Decimal(repr(scope.world.random_bits(53) / 2**53))


def _mqtt_property(scope: Scope, name: Value) -> Value:
    given = scope.message.origin.properties or MqttProperties()
    match name:
        case "content_type":
            return _known(given.content_type)
        case "response_topic":
            return _known(given.response_topic)
        case "format_indicator" if given.is_text is not None:
            return "UTF8_DATA" if given.is_text else "UNSPECIFIED_BYTES"
        case "correlation_data" if given.correlation_data is not None:
            return b64encode(given.correlation_data).decode()
        case _:
            return UNDEFINED


def _user_properties(scope: Scope, *keys: Value) -> Value:
    given = scope.message.origin.properties or MqttProperties()
    if not keys:
        return [{key: value} for key, value in given.user] or UNDEFINED
    return [value for key, value in given.user if key == keys[0]] or UNDEFINED


MESSAGE_FUNCTIONS: dict[str, MessageFunction] = {
    "accountid": MessageFunction(lambda scope: _known(scope.world.account_id)),
    "clientid": MessageFunction(_client_id, broker=True),
    "get_mqtt_property": MessageFunction(_mqtt_property, 1, 1, needs_2016=True, broker=True),
    "get_user_properties": MessageFunction(_user_properties, 0, 1, needs_2016=True, broker=True),
    "newuuid": MessageFunction(_new_uuid),
    "principal": MessageFunction(lambda scope: _known(scope.message.origin.principal), broker=True),
    "rand": MessageFunction(_rand),
    "sourceip": MessageFunction(
        lambda scope: _known(scope.message.origin.source_ip), needs_2016=True, broker=True
    ),
    "timestamp": MessageFunction(_timestamp),
    "topic": MessageFunction(_topic, 0, 1),
    "traceid": MessageFunction(lambda scope: _known(scope.message.origin.trace_id), broker=True),
}
"""By name in lower case. `sql_version()` is the compiler's."""
