"""What the broker has acknowledged reaches the function, whatever is killed on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.loss import VICTIMS, run


if TYPE_CHECKING:
    from tests.end_to_end.conftest import StartNode

SERVICE = """\
service: recorder
provider: {name: aws, runtime: python3.12}
custom: {bellwire: {limits: {retryDelayS: 0.1}}}
functions:
  record:
    handler: handler.record
    events:
      - iot: {sql: "SELECT * FROM 'events/+'", sqlVersion: '2016-03-23', name: record}
"""


def test_what_is_acknowledged_reaches_the_function_whatever_is_killed() -> None:
    """A short `make loss`."""
    missing, told, killed = run(1000, seed=1)
    assert not missing, told
    assert set(killed) == set(VICTIMS), told


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
            "serverless.yml": SERVICE,
            "handler.py": "def record(event, context):\n    raise ValueError('never')\n",
        }
    )
    device = node.device("d")
    device.publish("events/1", b'{"number": 1}')
    node.wait_for_log("bellwire dead-letters list")
    assert node.log_text().count("ValueError: never") >= 3, "two retries were due"
    device.close()
