"""Whatever a few devices send, the good ones do not notice."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

SERVICE = """\
service: station
provider: {name: aws, runtime: python3.12}
functions:
  good:
    handler: handler.good
    environment: {RECORD: "%s"}
    events:
      - iot: {sql: "SELECT n FROM 'good/+'", sqlVersion: '2016-03-23', name: good}
  bad:
    handler: handler.bad
    events:
      - iot: {sql: "SELECT *, topic() AS topic FROM 'bad/#'", sqlVersion: '2016-03-23', name: star}
      - iot:
          sql: >-
            SELECT regexp_replace(text, pattern, 'x') AS a, md5(encode(*, 'base64')) AS b
            FROM 'bad/#' WHERE regexp_matches(text, pattern) OR deep.a.b.c > 3
          sqlVersion: '2016-03-23'
          name: costly
"""
HANDLER = """\
import os, time

def good(event, context):
    fd = os.open(os.environ["RECORD"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, b"%d\\n" % event["n"])
    os.close(fd)

def bad(event, context):
    pass
"""
INTERVAL_S = 0.02
WITHIN_S = 3.0
"""How late what a good device publishes may be, whatever others do."""
HALF_OPEN = 500
RECONNECTS = 300
MOST_GROWTH_KB = 100_000

EVIL = json.dumps({"text": "a" * 30_000 + "b", "pattern": "(a*)*(a+)+(a|aa)+$"})
PAYLOADS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"\xff\xfe\x00",
    "NaN": b'{"a": NaN}',
    "keys twice": b'{"a": 1, "a": 2}',
    "10 000 levels": b"[" * 10_000 + b"]" * 10_000,
    "objects in objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a number of 10 000 digits": b'{"a": ' + b"9" * 10_000 + b"}",
    "a large exponent": b'{"a": 1e999999999}',
    "an expression that backtracks": EVIL.encode(),
    "128 KB": b'{"a": "' + b"x" * (128 * 1024 - 9) + b'"}',
    "one byte more": b'{"a": "' + b"x" * (128 * 1024 - 8) + b'"}',
    "half a character": b'{"a": "\\ud800"}',
}
TOPICS = ["bad/" + "/".join("abcdefgh"), "bad/" + "x" * 253, "bad/" + "x" * 20_000, "bad//", "bad/"]


def field(data: bytes) -> bytes:
    return len(data).to_bytes(2) + data


def packet(kind: int, body: bytes) -> bytes:
    length, size = b"", len(body)
    while True:
        size, low = divmod(size, 128)
        length += bytes((low | (0x80 if size else 0),))
        if not size:
            return bytes((kind,)) + length + body


CONNECT = packet(0x10, field(b"MQTT") + b"\x04\x02\x00\x3c" + field(b"bad"))
GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x00" * 1000,
    b"\xff" * 1000,
    packet(0x10, field(b"MQTT") + b"\x05\x02\x00\x3c\x00" + field(b"five")),
    packet(0x10, field(b"MQTT") + b"\x04\xff\x00\x3c" + field(b"flags")),
    CONNECT + packet(0x82, b"\x00\x01" + field(b"a/#/b") + b"\x01"),
    CONNECT + packet(0x30, field(b"good/+") + b'{"n": -1}'),
    CONNECT + packet(0x30, field(b"with a space") + b"{}"),
    CONNECT + packet(0x30, b"\xff\xff" + b"cut"),
    CONNECT + packet(0x36, field(b"bad/x") + b"\x00\x01{}"),
    CONNECT + CONNECT,
    CONNECT[:9],
]


class Good:
    """A device that publishes a number every 20 ms, for as long as it lives."""

    def __init__(self, node: Node) -> None:
        self._device = node.device("good")
        self._ending = threading.Event()
        self.sent = 0
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self) -> int:
        """Stop, and return how many were acknowledged."""
        self._ending.set()
        self._thread.join()
        self._device.close()
        return self.sent

    def _work(self) -> None:
        while not self._ending.wait(INTERVAL_S):
            assert self._device.publish("good/1", b'{"n": %d}' % self.sent)
            self.sent += 1


def recorded(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def has_all(record: Path, count: int) -> bool:
    return len(recorded(record)) >= count


def wait_until(condition: Callable[[], object], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the good ones notice"
        time.sleep(0.01)


def memory_kb(node: Node) -> int:
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def connection(node: Node) -> socket.socket:
    return socket.create_connection(("127.0.0.1", node.mqtt_port), timeout=5)


def send_bad_payloads(node: Node) -> None:
    device = node.device("payloads")
    for payload in PAYLOADS.values():
        for qos in (0, 1):
            device.publish("bad/x", payload, qos)
    for topic in TOPICS:
        device.publish(topic, b"{}")
    device.close()


def send_garbage(node: Node) -> None:
    for garbage in GARBAGE:
        with connection(node) as bad, suppress(OSError):
            bad.sendall(garbage)
            bad.settimeout(0.05)
            bad.recv(100)


def connect_and_say_nothing(node: Node) -> None:
    half_open = [connection(node) for _ in range(HALF_OPEN)]
    time.sleep(0.3)
    for each in half_open:
        each.close()


def subscribe_and_never_acknowledge(node: Node) -> None:
    bad = connection(node)
    bad.sendall(CONNECT + packet(0x82, b"\x00\x01" + field(b"good/+") + b"\x01"))
    time.sleep(1)
    bad.close()


def reconnect_all_the_time(node: Node) -> None:
    for _ in range(RECONNECTS):
        with connection(node) as bad:
            bad.sendall(CONNECT)


def test_good_devices_do_not_notice_bad_ones(start_node: StartNode, tmp_path: Path) -> None:
    record = tmp_path / "record"
    node = start_node(service={"serverless.yml": SERVICE % record, "handler.py": HANDLER})
    servers = node.victims("nats-server")
    good = Good(node)
    wait_until(lambda: len(recorded(record)) > 20, WITHIN_S)
    before_kb = memory_kb(node)
    for work in (
        send_bad_payloads,
        send_garbage,
        connect_and_say_nothing,
        subscribe_and_never_acknowledge,
        reconnect_all_the_time,
    ):
        work(node)
        wait_until(partial(has_all, record, good.sent), WITHIN_S)
    sent = good.stop()
    wait_until(lambda: recorded(record) == list(range(sent)), WITHIN_S)
    assert node.victims("nats-server") == servers, "it died"
    assert memory_kb(node) - before_kb < MOST_GROWTH_KB
    log = node.log_text()
    assert "Traceback" not in log
    assert "not for a rule, as AWS would refuse them" in log
    assert node.log.stat().st_size < 100_000, "a flood of the log"
