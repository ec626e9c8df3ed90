"""Devices that log in, against a real node: who may connect, and what each may do."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion


SERVICE = """\
service: fleet
provider:
  name: aws
  runtime: python3.11
functions:
  seen:
    handler: handler.seen
    events:
      - iot:
          sql: "SELECT *, topic() AS topic FROM 'devices/#'"
          sqlVersion: '2016-03-23'
      - iot:
          sql: "SELECT * FROM '$aws/events/presence/#'"
          sqlVersion: '2016-03-23'
custom:
  bellwire:
    devices:
      users:
        thermostat-1: secret-1
        thermostat-2: {password: secret-2, things: [pump-1], policies: [aws]}
      tokens:
        fleet: {token: the-token, policies: [fleet]}
        ears: {token: token-of-ears, policies: [ears]}
      policies:
        default:
          publish: ['devices/${device}/#']
          subscribe: ['devices/${device}/#', '$aws/events/presence/#']
        fleet:
          connect: ['fleet-*']
          publish: ['devices/${clientId}/state']
        ears:
          Statement:
            - {Effect: Allow, Action: 'iot:*', Resource: '*'}
            - Effect: Deny
              Action: iot:Receive
              Resource: 'arn:aws:iot:*:*:topic/devices/thermostat-1/hidden/*'
        aws:
          Version: '2012-10-17'
          Statement:
            - Effect: Allow
              Action: iot:Connect
              Resource: 'arn:aws:iot:*:*:client/\\${iot:Connection.Thing.ThingName}'
            - Effect: Allow
              Action: iot:Publish
              Resource: 'arn:aws:iot:*:*:topic/devices/\\${iot:ClientId}/*'
"""
HANDLER = """\
import json


def seen(event, context):
    print("SEEN", json.dumps(event, sort_keys=True))
"""
WAIT_S = 10.0


class Client:
    """An MQTT client that keeps what it is told."""

    def __init__(self, port: int, client_id: str, user: str | None, password: str | None) -> None:
        self.code: str | None = None
        self.granted: list[bool] = []
        self.messages: list[tuple[str, bytes]] = []
        self._changed = threading.Condition()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, reconnect_on_failure=False
        )
        if user is not None:
            self.client.username_pw_set(user, password)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.wait(lambda: self.code is not None)

    def subscribe(self, topic_filter: str) -> bool:
        count = len(self.granted)
        self.client.subscribe(topic_filter, qos=1)
        self.wait(lambda: len(self.granted) > count)
        return self.granted[-1]

    def publish(self, topic: str, payload: str, qos: int = 1) -> None:
        self.client.publish(topic, payload, qos=qos).wait_for_publish(WAIT_S)

    def wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, *arguments: Any) -> None:
        with self._changed:
            self.code = str(arguments[3])
            self._changed.notify_all()

    def _on_disconnect(self, *_arguments: Any) -> None:
        with self._changed:
            self.code = self.code or "closed"
            self._changed.notify_all()

    def _on_subscribe(self, *arguments: Any) -> None:
        with self._changed:
            self.granted += [not code.is_failure for code in arguments[3]]
            self._changed.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.messages.append((message.topic, bytes(message.payload)))
            self._changed.notify_all()


@pytest.fixture(scope="module")
def node(start_shared_node: Any) -> Any:
    return start_shared_node(service={"serverless.yml": SERVICE, "handler.py": HANDLER})


@pytest.fixture
def connect(node: Any) -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make(client_id: str, user: str | None = None, password: str | None = None) -> Client:
        clients.append(Client(node.mqtt_port, client_id, user, password))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("client_id", "user", "password"),
    [
        ("thermostat-1", None, None),
        ("thermostat-1", "thermostat-1", "wrong"),
        ("thermostat-2", "thermostat-1", "secret-1"),
        ("bellwire-x", "thermostat-1", "secret-1"),
        ("thermostat-2", "thermostat-2", "secret-2"),
        ("x", "anybody", "the-token"),
        ("bellwire", "bellwire", ""),
    ],
)
def test_a_device_that_may_not_connect_is_refused(
    connect: Any, client_id: str, user: str | None, password: str | None
) -> None:
    assert connect(client_id, user, password).code == "Not authorized"


def test_a_device_publishes_what_it_may_and_a_rule_gets_it(connect: Any, node: Any) -> None:
    device = connect("thermostat-1", "thermostat-1", "secret-1")
    assert device.code == "Success"
    device.publish("devices/thermostat-2/x", '{"not": "mine"}')
    device.publish("devices/thermostat-1/x", '{"mine": 1}')
    device.publish("devices/thermostat-1", '{"mine": 0}', qos=0)
    node.wait_for_log('SEEN {"mine": 1, "topic": "devices/thermostat-1/x"}')
    node.wait_for_log('SEEN {"mine": 0, "topic": "devices/thermostat-1"}')
    assert '"not": "mine"' not in node.log_text()


def test_a_device_subscribes_to_what_it_may(connect: Any) -> None:
    device = connect("thermostat-1", "thermostat-1", "secret-1")
    assert device.subscribe("devices/thermostat-1/#")
    assert device.subscribe("devices/thermostat-1/a/+")
    assert not device.subscribe("devices/thermostat-2/#")
    assert not device.subscribe("#")
    assert not device.subscribe("$JS/#")
    device.publish("devices/thermostat-1/a/b", "hello")
    device.wait(lambda: ("devices/thermostat-1/a/b", b"hello") in device.messages)


@pytest.mark.parametrize("topic_filter", ["devices/thermostat-1/#", "#", "+/+/#"])
@pytest.mark.parametrize("qos", [0, 1])
def test_what_a_device_may_not_receive_it_does_not(
    connect: Any, topic_filter: str, qos: int
) -> None:
    ears = connect("ears", "x", "token-of-ears")
    assert ears.subscribe(topic_filter)
    device = connect("thermostat-1", "thermostat-1", "secret-1")
    device.publish("devices/thermostat-1/hidden/x", "hidden", qos=qos)
    device.publish("devices/thermostat-1/open", "open", qos=qos)
    ears.wait(lambda: any(payload == b"open" for _, payload in ears.messages))
    assert all(payload != b"hidden" for _, payload in ears.messages)


@pytest.mark.parametrize(("user", "password"), [("anybody", "the-token"), ("the-token", None)])
def test_a_token_is_a_password_or_a_user(
    connect: Any, node: Any, user: str, password: str | None
) -> None:
    device = connect("fleet-7", user, password)
    assert device.code == "Success"
    device.publish("devices/fleet-7/state", f'{{"by": "{user == "anybody"}"}}')
    node.wait_for_log(f'SEEN {{"by": "{user == "anybody"}", "topic": "devices/fleet-7/state"}}')
    assert not device.subscribe("devices/fleet-7/state")


def test_a_policy_of_aws_holds_for_the_thing(connect: Any, node: Any) -> None:
    device = connect("pump-1", "thermostat-2", "secret-2")
    assert device.code == "Success"
    device.publish("devices/pump-1/a/b", '{"pump": 1}')
    node.wait_for_log('SEEN {"pump": 1, "topic": "devices/pump-1/a/b"}')


def test_devices_and_rules_hear_who_comes_and_goes(connect: Any, node: Any) -> None:
    watcher = connect("thermostat-1", "thermostat-1", "secret-1")
    assert watcher.subscribe("$aws/events/presence/#")
    connect("fleet-9", "x", "the-token").close()
    watcher.wait(lambda: len([m for m in watcher.messages if m[0].endswith("/fleet-9")]) == 2)
    watcher.publish("$aws/events/presence/connected/fleet-9", '{"forged": 1}')
    node.wait_for_log(
        '"clientId": "fleet-9", "clientInitiatedDisconnect": true, '
        '"disconnectReason": "CLIENT_INITIATED_DISCONNECT"'
    )
    assert "forged" not in node.log_text()


def test_logins_that_fail_are_said_without_their_secrets(connect: Any, node: Any) -> None:
    for _ in range(20):
        connect("thermostat-1", "thermostat-1", "a-wrong-secret")
    node.wait_for_log("logins refused so far")
    text = node.log_text()
    assert text.count("logins refused so far") < 10
    assert "secret" not in text
    assert "the-token" not in text


def test_a_device_that_connects_again_after_nats_server_died_gets_in(
    connect: Any, node: Any
) -> None:
    os.kill(node.victims("nats-server")[0], signal.SIGKILL)
    started = time.monotonic()
    while True:
        try:
            device = connect("thermostat-1", "thermostat-1", "secret-1")
        except (OSError, AssertionError):
            time.sleep(0.05)
        else:
            if device.code == "Success":
                break
        assert time.monotonic() - started < WAIT_S
