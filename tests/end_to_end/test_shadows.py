"""Device shadows of real nodes: paho devices, boto3 apps, rules, kill -9."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import paho.mqtt.client as mqtt
import pytest
from botocore.config import Config
from paho.mqtt.enums import CallbackAPIVersion

from bellwire.bus.embedded import free_port


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

PAGE = Path(__file__).parents[2] / "docs" / "iot-shadow.md"
PREFIX = "$aws/things/lamp/shadow"
SERVICE = """\
service: lamps
provider: {name: aws, runtime: python3.12}
custom: {bellwire: {limits: {redeliveryS: 1, retryDelayS: 0.1}}}
functions:
  record:
    handler: handler.record
    environment: {RECORD: "%s"}
    events:
      - iot:
          sql: "SELECT topic(3) AS thing, previous.version AS was, current.version AS now,
            current.state.reported.last AS last FROM '$aws/things/+/shadow/update/documents'"
          sqlVersion: '2016-03-23'
          name: record
  switch: {handler: handler.switch}
"""
HANDLER = """\
import json, os

def record(event, context):
    fd = os.open(os.environ["RECORD"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, json.dumps(event).encode() + b"\\n")
    os.close(fd)

def switch(event, context):
    import boto3
    client = boto3.client("iot-data", region_name="us-east-1")
    payload = json.dumps({"state": {"desired": event}})
    client.update_thing_shadow(thingName="lamp", payload=payload)
    return json.load(client.get_thing_shadow(thingName="lamp")["payload"])["state"]
"""
UPDATES = 240


def client(node: Node, service: str = "iot-data") -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]  # one of many names
        endpoint_url=node.http_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, max_pool_connections=100),
    )


def start_lamps(start_node: StartNode, record: Path, **arguments: Any) -> Node:
    service = {"serverless.yml": SERVICE % record, "handler.py": HANDLER}
    return start_node(service=service, **arguments)


def document(app: Any, **name: str) -> Any:
    return json.load(app.get_thing_shadow(**{"thingName": "lamp", **name})["payload"])


def recorded(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_until(condition: Any, what: str, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@contextmanager
def hearing(node: Node, topic: str) -> Iterator[dict[str, Any]]:
    """Subscribe with QoS 1; gives what came, by the end of its topic."""
    heard: dict[str, Any] = {}
    subscribed = threading.Event()

    def take(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        assert message.qos == 1
        heard[message.topic.removeprefix(f"{PREFIX}/")] = json.loads(message.payload or b"null")

    listener = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener")
    listener.on_message = take
    listener.on_subscribe = lambda *_: subscribed.set()
    listener.connect("127.0.0.1", node.mqtt_port)
    listener.subscribe(topic, qos=1)
    listener.loop_start()
    assert subscribed.wait(10)
    yield heard
    listener.disconnect()
    listener.loop_stop()


def test_device_app_function_and_rule_share_a_shadow(start_node: StartNode, tmp_path: Path) -> None:
    record = tmp_path / "record"
    node = start_lamps(start_node, record)
    app, device = client(node), node.device("lamp")
    with hearing(node, f"{PREFIX}/+/+") as heard:
        assert device.publish(f"{PREFIX}/update", b'{"state":{"reported":{"on":false}}}')
        wait_until(lambda: "update/documents" in heard, "no documents")
        assert heard["update/accepted"]["version"] == 1
        assert "update/delta" not in heard
        answer = client(node, "lambda").invoke(FunctionName="switch", Payload=b'{"on":true}')
        assert json.load(answer["Payload"]) == {
            "desired": {"on": True},
            "reported": {"on": False},
            "delta": {"on": True},
        }
        wait_until(lambda: "update/delta" in heard, "no delta")
        assert heard["update/delta"]["state"] == {"on": True}
        assert "get/accepted" not in heard
        assert device.publish(f"{PREFIX}/get", b'{"clientToken":"t"}')
        wait_until(lambda: "get/accepted" in heard, "no answer")
        shadow = document(app)
        assert heard["get/accepted"].pop("clientToken") == "t"
        assert abs(heard["get/accepted"].pop("timestamp") - shadow.pop("timestamp")) <= 1
        assert heard["get/accepted"] == shadow
    wait_until(lambda: len(recorded(record)) >= 2, "the rule did not hear of it")
    assert recorded(record) == [
        {"thing": "lamp", "now": 1},
        {"thing": "lamp", "was": 1, "now": 2},
    ]
    device.close()


def test_boto3_lists_named_shadows_and_knows_errors(start_node: StartNode, tmp_path: Path) -> None:
    app = client(start_lamps(start_node, tmp_path / "record"))
    payload = json.dumps({"state": {"desired": {"on": True}}})
    for number in range(3):
        app.update_thing_shadow(thingName="lamp", shadowName=f"s:{number}", payload=payload)
    first = app.list_named_shadows_for_thing(thingName="lamp", pageSize=2)
    assert first["results"] == ["s:0", "s:1"]
    rest = app.list_named_shadows_for_thing(thingName="lamp", nextToken=first["nextToken"])
    assert rest["results"] == ["s:2"]
    with pytest.raises(app.exceptions.ResourceNotFoundException, match="'lamp'"):
        document(app)
    stale = json.dumps({"state": {}, "version": 7})
    with pytest.raises(app.exceptions.ConflictException, match="Version conflict"):
        app.update_thing_shadow(thingName="lamp", shadowName="s:0", payload=stale)
    with pytest.raises(app.exceptions.InvalidRequestException, match="Invalid JSON"):
        app.update_thing_shadow(thingName="lamp", payload=b"{")
    large = json.dumps({"state": {"desired": {"text": "x" * 8200}}})
    with pytest.raises(app.exceptions.RequestEntityTooLargeException):
        app.update_thing_shadow(thingName="lamp", payload=large)
    gone = app.delete_thing_shadow(thingName="lamp", shadowName="s:1")
    assert json.load(gone["payload"])["version"] == 1
    assert app.list_named_shadows_for_thing(thingName="lamp")["results"] == ["s:0", "s:2"]


def test_a_hundred_updates_at_once_are_a_hundred_versions_and_a_restart_keeps_them(
    start_node: StartNode, tmp_path: Path
) -> None:
    node = start_lamps(start_node, tmp_path / "record")
    app, device = client(node), node.device("lamp")

    def over_http(number: int) -> None:
        update = {"state": {"reported": {f"n{number}": number}}}
        app.update_thing_shadow(thingName="lamp", payload=json.dumps(update))

    calls = [threading.Thread(target=over_http, args=(number,)) for number in range(50)]
    for call in calls:
        call.start()
    for number in range(50, 100):
        update = {"state": {"reported": {f"n{number}": number}}}
        assert device.publish(f"{PREFIX}/update", json.dumps(update).encode())
    for call in calls:
        call.join()
    wait_until(lambda: document(app)["version"] >= 100, "updates are missing")
    device.close()
    assert node.stop() == 0
    node.start()
    shadow = document(client(node))
    assert shadow["version"] == 100
    assert shadow["state"]["reported"] == {f"n{number}": number for number in range(100)}


def test_what_was_acknowledged_is_in_the_shadow_once_although_the_node_is_killed(
    start_node: StartNode, tmp_path: Path
) -> None:
    record = tmp_path / "record"
    node = start_lamps(start_node, record, mqtt_port=free_port("127.0.0.1"))
    acknowledged: list[int] = []

    done: queue.Queue[None] = queue.Queue()

    def publish() -> None:
        device = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="lamp")
        device.reconnect_delay_set(min_delay=1, max_delay=1)
        device.on_publish = lambda *_: done.put(None)
        device.connect("127.0.0.1", node.mqtt_port)
        device.loop_start()
        for number in range(UPDATES):
            update = {"state": {"reported": {f"n{number}": number, "last": number}}}
            # Once: what finds no connection waits in the client, and is sent again as the same.
            device.publish(f"{PREFIX}/update", json.dumps(update), qos=1)
            done.get(timeout=30)
            acknowledged.append(number)
        device.disconnect()
        device.loop_stop()

    publishing = threading.Thread(target=publish)
    publishing.start()
    for kill in range(1, 4):
        wait_until(lambda kill=kill: len(acknowledged) >= kill * UPDATES // 5, "it hangs", 60)
        node.kill()
        node.start()
    publishing.join(60)
    assert acknowledged == list(range(UPDATES))
    app = client(node)
    expected = {f"n{number}": number for number in range(UPDATES)} | {"last": UPDATES - 1}
    wait_until(lambda: document(app)["state"]["reported"] == expected, "updates are missing")
    time.sleep(1.5)  # what is given out again has come by now
    version = document(app)["version"]
    wait_until(
        lambda: {each["now"] for each in recorded(record)} >= set(range(1, version + 1)),
        "the rule has not heard of every version",
    )
    last = {each["now"]: each["last"] for each in recorded(record)}
    assert [last[each] for each in sorted(last)] == sorted(last.values())
    # A publish that was stored and not acknowledged is sent again by the device, as another.
    assert UPDATES <= version <= UPDATES + 3


def test_the_example_of_the_docs_prints_what_they_say(
    start_node: StartNode, tmp_path: Path
) -> None:
    example, printed = re.findall(r"```(?:python|text)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    node = start_lamps(start_node, tmp_path / "record")
    example = example.replace("http://127.0.0.1:3001", node.http_url)
    example = example.replace("1883", str(node.mqtt_port))
    ran = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.stdout, ran.stderr) == (printed, "")
