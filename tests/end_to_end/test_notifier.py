"""The main job with the bundled application: connect, listen, publish, see it arrive."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import ClientConnection


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

RECEIVE_S = 10.0


def receive(app: ClientConnection, within_s: float = RECEIVE_S) -> Any:
    return json.loads(app.recv(timeout=within_s))


def listen(
    app: ClientConnection, *entries: dict[str, object], request_id: str | None = None
) -> Any:
    frame: dict[str, object] = {"action": "set_notify_list", "notify_list": list(entries)}
    if request_id is not None:
        frame["request_id"] = request_id
    app.send(json.dumps(frame))
    return receive(app)


def test_an_update_reaches_the_app_that_asked_for_it(notifier: Node) -> None:
    device = notifier.device("thermostat-1")
    with notifier.connect() as app:
        entry: dict[str, object] = {
            "device_id": "thermostat-1",
            "parameters": ["temperature", "battery.level"],
        }
        reply = listen(app, entry, request_id="a1")
        assert reply == {
            "event": "notify_list",
            "notify_list": [entry],
            "snapshot": [],
            "request_id": "a1",
        }
        device.publish(
            "devices/thermostat-1/parameters",
            b'{"value":{"temperature":21.7,"humidity":40,"battery":{"level":80}},"timestamp":1732370004567}',
        )
        assert receive(app) == {
            "event": "parameters",
            "device_id": "thermostat-1",
            "value": {"temperature": 21.7, "battery.level": 80},
            "timestamp": 1732370004567,
        }
    device.close()


def test_two_apps_get_exactly_their_parameters_in_order(notifier: Node) -> None:
    device = notifier.device("d")
    with notifier.connect() as one, notifier.connect() as two:
        listen(one, {"device_id": "d", "parameters": ["a"]})
        listen(two, {"device_id": "d", "parameters": ["b"]}, {"device_id": "e"})
        for number in range(50):
            device.publish_values("d", a=number, b=-number)
            device.publish_values("e", c=number)
        of_one = [receive(one) for _ in range(50)]
        of_two = [receive(two) for _ in range(100)]
        assert [frame["value"] for frame in of_one] == [{"a": number} for number in range(50)]
        from_d = [frame["value"] for frame in of_two if frame["device_id"] == "d"]
        from_e = [frame["value"] for frame in of_two if frame["device_id"] == "e"]
        assert from_d == [{"b": -number} for number in range(50)]
        assert from_e == [{"c": number} for number in range(50)]
    device.close()


def test_a_list_is_replaced_and_starts_with_a_snapshot(notifier: Node) -> None:
    device = notifier.device("d")
    with notifier.connect() as app:
        listen(app, {"device_id": "d", "parameters": ["a"]})
        device.publish_values("d", a=1, b=2)
        assert receive(app)["value"] == {"a": 1}
        reply = listen(app, {"device_id": "d", "parameters": ["b"]})
        assert [known["value"] for known in reply["snapshot"]] == [{"b": 2}]
        device.publish_values("d", a=3)
        device.publish_values("d", b=4)
        assert receive(app)["value"] == {"b": 4}
    device.close()


def test_a_malformed_list_is_refused_and_the_old_one_stays(notifier: Node) -> None:
    device = notifier.device("d")
    with notifier.connect() as app:
        listen(app, {"device_id": "d"})
        assert listen(app, {"device_id": 7}, request_id="x") == {
            "event": "error",
            "code": "InvalidNotifyList",
            "message": "notify_list[0].device_id: expected a non-empty string",
            "request_id": "x",
        }
        device.publish_values("d", a=1)
        assert receive(app)["value"] == {"a": 1}
    device.close()


@pytest.mark.parametrize("qos", [0, 1])
def test_bytes_that_are_no_json_do_no_harm(notifier: Node, qos: int) -> None:
    device = notifier.device("d")
    with notifier.connect() as app:
        listen(app, {"device_id": "d"})
        for payload in (b"\xff\x00 not json", b"", b"80", b'"text"', b"[1]", b'{"value": 3}', b"{"):
            device.publish("devices/d/parameters", payload, qos)
        device.publish_values("d", qos, a=1)
        assert receive(app)["value"] == {"a": 1}
    device.close()


def test_a_frame_without_a_route_is_forbidden_byte_for_byte(notifier: Node) -> None:
    with notifier.connect() as app:
        for text in ('{"action":"nothing"}', "not json", '{"action":"$connect"}', "[]", ""):
            app.send(text)
            answer = app.recv(timeout=RECEIVE_S)
            assert isinstance(answer, str)
            assert re.fullmatch(
                r'\{"message": "Forbidden", '
                r'"connectionId":"[\w-]{15}=", "requestId":"[\w-]{15}="\}',
                answer,
            )


def test_simulated_devices_are_heard(start_node: StartNode) -> None:
    node = start_node("--simulate", "4")
    with node.connect() as app:
        listen(app, {"device_id": "pump-1", "parameters": ["rpm"]}, {"device_id": "tracker-1"})
        seen = {receive(app)["device_id"] for _ in range(6)}
        assert seen == {"pump-1", "tracker-1"}


def test_a_node_of_many_busy_devices_stops_at_once(start_node: StartNode) -> None:
    for _ in range(3):
        node = start_node("--simulate", "1000")
        with node.connect() as app:
            listen(app, {"device_id": "pump-9"})
            receive(app)
        started = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - started < 5


def test_an_ipv6_host_is_listened_on(start_node: StartNode) -> None:
    node = start_node("--host", "::1")
    assert node.websocket_url.startswith("ws://[::1]:")
    assert node.addresses["mqtt_url"] == f"mqtt://[::1]:{node.mqtt_port}"
    with node.connect() as app:
        assert listen(app)["notify_list"] == []


def test_the_folder_may_have_any_name(start_node: StartNode, tmp_path: Path) -> None:
    folder = tmp_path / 'a "b" c\\d'
    folder.mkdir()
    node = start_node(folder=folder)
    with node.connect() as app:
        assert listen(app)["notify_list"] == []
