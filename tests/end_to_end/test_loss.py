"""What the broker has acknowledged reaches the function, whatever is killed on the way."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

SERVICE = """\
service: recorder
provider: {name: aws, runtime: python3.12}
custom: {bellwire: {limits: {redeliveryS: 1, retryDelayS: 0.1}}}
functions:
  record:
    handler: handler.record
    timeout: 10
    environment: {RECORD: "%s"}
    events:
      - iot: {sql: "SELECT * FROM 'events/+'", sqlVersion: '2016-03-23', name: record}
"""
HANDLER = """\
import os, time

def record(event, context):
    time.sleep(0.002)
    fd = os.open(os.environ["RECORD"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, f"{event['number']}\\n".encode())
    os.close(fd)
"""
EVENTS = 300


def start_recorder(start_node: StartNode, record: Path) -> Node:
    return start_node(service={"serverless.yml": SERVICE % record, "handler.py": HANDLER})


def recorded(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def wait_for_all(path: Path, numbers: set[int], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not numbers <= set(recorded(path)):
        missing = sorted(numbers - set(recorded(path)))
        assert time.monotonic() < deadline, f"{len(missing)} lost: {missing[:20]}"
        time.sleep(0.05)


def publish_all(node: Node, done: list[int], count: int = EVENTS) -> threading.Thread:
    """Publish in the background; `done` gets the number of each acknowledged event.

    Ends early when an event is not acknowledged.
    """

    def work() -> None:
        device = node.device("publisher")
        for number in range(count):
            if not device.publish(f"events/{number % 7}", b'{"number": %d}' % number):
                break
            done.append(number)
        device.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("victim", ["worker", "fork server", "nats-server"])
def test_killing_a_child_loses_no_acknowledged_event(
    start_node: StartNode, tmp_path: Path, victim: str
) -> None:
    record = tmp_path / "record"
    node = start_recorder(start_node, record)
    done: list[int] = []
    publishing = publish_all(node, done)
    killed = 0
    for _ in range(3):
        time.sleep(0.3)
        for pid in node.victims(victim)[:1]:
            os.kill(pid, signal.SIGKILL)
            killed += 1
    assert killed > 1
    publishing.join(timeout=60)
    assert len(done) == EVENTS
    wait_for_all(record, set(range(EVENTS)))


def test_killing_the_node_loses_no_acknowledged_event(
    start_node: StartNode, tmp_path: Path
) -> None:
    record = tmp_path / "record"
    node = start_recorder(start_node, record)
    done: list[int] = []
    publish_all(node, done, count=20 * EVENTS)
    while len(recorded(record)) < 20:
        time.sleep(0.01)
    children = list(node.children())
    node.kill()
    acknowledged = set(done)
    assert len(acknowledged) > len(recorded(record)), "killed too late to prove anything"
    node.wait_until_gone(children, within_s=10)
    node.start()
    wait_for_all(record, acknowledged)


def test_a_killed_node_may_start_again_at_once_on_the_same_ports(start_node: StartNode) -> None:
    first = start_node()
    ports = (first.http_url.rpartition(":")[2], first.mqtt_port)
    assert first.stop() == 0
    for _ in range(3):
        node = start_node("--port", ports[0], mqtt_port=ports[1], folder=first.folder)
        assert (node.http_url.rpartition(":")[2], node.mqtt_port) == ports
        node.kill()


def test_an_event_whose_function_always_fails_is_set_aside(start_node: StartNode) -> None:
    node = start_node(
        service={
            "serverless.yml": SERVICE % "/nowhere",
            "handler.py": "def record(event, context):\n    raise ValueError('never')\n",
        }
    )
    device = node.device("d")
    device.publish("events/1", b'{"number": 1}')
    node.wait_for_log("BELLWIRE_DEAD_LETTERS")
    assert node.log_text().count("ValueError: never") >= 3, "two retries were due"
    device.close()
