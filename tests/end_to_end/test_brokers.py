"""A broker of somebody else as the device side: Debian's mosquitto, and a whole node beside it."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import paho.mqtt.client as mqtt
import pytest
import trustme
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


if TYPE_CHECKING:
    from tests.conftest import Mosquitto
    from tests.end_to_end.conftest import Node, StartNode

StartMosquitto = Callable[..., "Mosquitto"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

SERVICE = """\
service: outside
provider: {name: aws, runtime: python3.12}
custom:
  bellwire:
    limits: {redeliveryS: 1, brokerRetryS: 0.5}
%s
functions:
  record:
    handler: handler.record
    environment: {RECORD: "%s"}
    events:
      - iot:
          sql: >-
            SELECT *, topic(2) AS topic, get_mqtt_property('content_type') AS type,
            get_user_properties('site') AS site FROM 'events/+'
          sqlVersion: '2016-03-23'
          name: record
"""
HANDLER = """\
import json, os

def record(event, context):
    fd = os.open(os.environ["RECORD"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, json.dumps(event).encode() + b"\\n")
    os.close(fd)
"""
BROKER = """\
    broker:
      url: mqtts://127.0.0.1:%d
      ca: ca.pem
      certificate: node.pem
      key: node-key.pem
"""
SECRET = "correct horse battery staple"


class Certificates:
    """An authority, a broker's certificate, and how devices and the node show theirs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        for name, identity in (("broker", "127.0.0.1"), ("node", "node"), ("device", "device")):
            issued = authority.issue_cert(identity, common_name=identity)
            issued.private_key_pem.write_to_path(folder / f"{name}-key.pem")
            (folder / f"{name}.pem").write_bytes(issued.cert_chain_pems[0].bytes())

    def of_broker(self) -> str:
        return (
            f"cafile {self.folder}/ca.pem\ncertfile {self.folder}/broker.pem\n"
            f"keyfile {self.folder}/broker-key.pem\nrequire_certificate true\n"
            "allow_anonymous true\n"
        )

    def files(self) -> dict[str, str]:
        names = ("ca.pem", "node.pem", "node-key.pem")
        return {name: (self.folder / name).read_text() for name in names}

    def of_device(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        context.load_cert_chain(self.folder / "device.pem", self.folder / "device-key.pem")
        return context


class Device:
    """An MQTT 5 client that collects what it hears."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="device", protocol=MQTTProtocolVersion.MQTTv5
        )
        if context is not None:
            self._client.tls_set_context(context)
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_message = lambda _, __, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def subscribe(self, topic_filter: str) -> None:
        self._subscribed.clear()
        self._client.subscribe(topic_filter, qos=1)
        assert self._subscribed.wait(10)

    def publish(self, topic: str, payload: bytes, **properties: Any) -> bool:
        given = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in properties.items():
            setattr(given, name, value)
        sent = self._client.publish(topic, payload, qos=1, properties=given)
        if sent.rc != mqtt.MQTT_ERR_SUCCESS:
            return False
        sent.wait_for_publish(timeout=10)
        return sent.is_published()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def recorded(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def has_recorded(path: Path, count: int) -> bool:
    return len(recorded(path)) >= count


def wait_for(condition: Callable[[], object], within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


def call(node: Node, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    try:
        with urlopen(Request(node.http_url + path, data=body), timeout=10) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_a_broker_with_mutual_tls_and_mqtt_5_is_the_device_side(
    start_node: StartNode,
    start_mosquitto: StartMosquitto,
    certificates: Certificates,
    bellwire: Run,
    tmp_path: Path,
) -> None:
    broker = start_mosquitto(certificates.of_broker())
    record = tmp_path / "record"
    service = SERVICE % (BROKER % broker.port, record)
    node = start_node(
        service={"serverless.yml": service, "handler.py": HANDLER, **certificates.files()}
    )
    assert node.addresses["mqtt_url"] == f"mqtts://127.0.0.1:{broker.port}"
    device = Device(broker.port, certificates.of_device())

    # A rule sees the message and its properties.
    device.publish(
        "events/one", b'{"n": 1}', ContentType="text/x", UserProperty=[("site", "a"), ("site", "b")]
    )
    wait_for(lambda: recorded(record))
    assert recorded(record) == [{"n": 1, "topic": "one", "type": "text/x", "site": ["a", "b"]}]

    # What the node publishes goes through the broker, and comes back once.
    device.subscribe("events/http")
    assert call(node, "/topics/events/http?qos=1", b'{"n": 2}')[0] == 200
    wait_for(lambda: device.heard)
    assert device.heard == [("events/http", b'{"n": 2}')]

    # So does what `bellwire publish` says: the broker knows the node, not the command.
    own_data = ("--data-dir", str(node.folder / ".bellwire"))
    told = bellwire("publish", "--topic", "events/http", '{"n": 9}', *own_data)
    assert told.returncode == 0, told.stderr
    wait_for(lambda: len(device.heard) == 2)
    assert device.heard.pop() == ("events/http", b'{"n": 9}')
    watched = bellwire("watch", "events/#", *own_data)
    assert watched.returncode == 1
    assert "does not know this command" in watched.stderr

    # Shadows are served at the broker.
    device.subscribe("$aws/things/lamp/shadow/update/delta")
    wish = b'{"state": {"desired": {"on": true}}}'
    assert call(node, "/things/lamp/shadow", wish)[0] == 200
    wait_for(lambda: len(device.heard) == 2)
    assert json.loads(device.heard[1][1])["state"] == {"on": True}
    device.publish("$aws/things/lamp/shadow/update", b'{"state": {"reported": {"on": true}}}')
    wait_for(lambda: json.loads(call(node, "/things/lamp/shadow")[1])["version"] == 2)

    status = json.loads(call(node, "/status")[1])["broker"]
    assert status["connected"]
    assert (status["protocol"], status["subscriptions"], status["dropped"]) == ("MQTT 5", 4, 0)
    assert b"bellwire_broker_connected 1.0" in call(node, "/metrics")[1]

    # A broker that goes away is told, and comes back.
    broker.stop()
    wait_for(lambda: call(node, "/readyz")[0] == 503)
    reason = json.loads(call(node, "/status")[1])["broker"]["reason"]
    assert reason
    broker.start()
    wait_for(lambda: call(node, "/readyz")[0] == 200)
    wait_for(lambda: device.publish("events/last", b'{"n": 3}'))
    wait_for(lambda: recorded(record)[-1]["n"] == 3)
    assert {each["n"] for each in recorded(record)} == {1, 2, 9, 3}
    device.close()


def test_killing_the_node_or_its_nats_server_loses_nothing_that_the_broker_acknowledged(
    start_node: StartNode, start_mosquitto: StartMosquitto, tmp_path: Path
) -> None:
    broker = start_mosquitto()
    record = tmp_path / "record"
    node = start_node(
        "--broker",
        f"mqtt://127.0.0.1:{broker.port}",
        service={"serverless.yml": SERVICE % ("", record), "handler.py": HANDLER},
    )
    done: list[int] = []

    def publish() -> None:
        device = Device(broker.port)
        done.extend(
            number
            for number in range(2000)
            if device.publish(f"events/{number % 7}", b'{"n": %d}' % number)
        )
        device.close()

    publishing = threading.Thread(target=publish, daemon=True)
    publishing.start()
    for victim in ("node", "nats-server", "node"):
        enough = len(recorded(record)) + 50
        wait_for(partial(has_recorded, record, enough))
        if victim == "node":
            children = list(node.children())
            node.kill()
            node.wait_until_gone(children, within_s=10)
            node.start()
        else:
            os.kill(node.victims(victim)[0], signal.SIGKILL)
    publishing.join(timeout=60)
    assert len(done) == 2000
    wait_for(lambda: set(done) <= {each["n"] for each in recorded(record)}, within_s=30)


def test_a_node_waits_for_a_broker_that_is_not_there_yet(
    start_node: StartNode, start_mosquitto: StartMosquitto
) -> None:
    broker = start_mosquitto()
    broker.stop()
    later = threading.Timer(3.0, broker.start)
    later.start()
    node = start_node("--broker", f"mqtt://127.0.0.1:{broker.port}")
    later.join()
    assert "nothing listens there" in node.log_text()
    assert f"connected to the MQTT broker mqtt://127.0.0.1:{broker.port}" in node.log_text()
    assert call(node, "/readyz")[0] == 200


def test_a_refused_login_ends_the_start_and_no_password_is_seen(
    start_node: StartNode,
    start_mosquitto: StartMosquitto,
    bellwire: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = tmp_path / "users"
    made = ["mosquitto_passwd", "-b", "-c", str(users), "bell", SECRET]
    subprocess.run(made, check=True, capture_output=True)
    broker = start_mosquitto(f"allow_anonymous false\npassword_file {users}\n")
    url = f"mqtt://bell@127.0.0.1:{broker.port}"
    run = ("run", "--broker", url, "--port", "0")

    monkeypatch.setenv("BELLWIRE_BROKER_PASSWORD", "wrong horse")
    refused = bellwire(*run)
    assert refused.returncode == 1
    address = f"mqtt://127.0.0.1:{broker.port}"
    assert f"the MQTT broker {address} refused the client bellwire-" in refused.stderr
    assert "Not authorized" in refused.stderr
    assert "wrong horse" not in refused.stderr + refused.stdout

    in_url = bellwire("run", "--broker", url.replace("bell@", f"bell:{SECRET}@"), "--port", "0")
    assert in_url.returncode == 2
    assert "password in its address" in in_url.stderr
    assert SECRET not in in_url.stderr

    monkeypatch.setenv("BELLWIRE_BROKER_PASSWORD", SECRET)
    node = start_node("--broker", url)
    commands = Path(f"/proc/{node.process.pid}/cmdline").read_text()
    told = [commands, node.log_text(), *(call(node, path)[1].decode() for path in ("/status", "/"))]
    assert all(SECRET not in text for text in (*told, *node.children().values()))
