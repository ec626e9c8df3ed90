"""How many updates a second come through: MQTT, rule, function, push, WebSocket.

The devices of one sender publish as fast as a window lets them: so many updates are on their way
and not more, so nothing is dropped, and what is measured is the slowest part. Then the way of one
update at a fixed rate.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from bench.figures import percentile
from bench.publisher import Publisher
from bench.receivers import mark, receivers, tally
from bench.servers import running_node


DEVICES = 50
WINDOW = 500
"""Updates on their way: half of what a rule takes at once."""
SECONDS = 3.0
WARM_UP_S = 0.7
RATE = 1000
UPDATES = 2000
LATENCY_WARM_UP = 200
WAYS: dict[str, str | None] = {"function": None}
"""The service that runs: the bundled one has a function."""
GOALS = {("function", 1): " (goal ≥ 3 000)", ("notify", 0): " (goal ≥ 40 000)"}


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    figures = {}
    for way, service in WAYS.items():
        for qos in (0, 1):
            label = f"MQTT QoS {qos} → rule → {way} → push"
            with running_node(service=service) as node:
                figures[label + GOALS.get((way, qos), ""), "updates/s"] = throughput(
                    node.websocket_url, node.mqtt_port, qos
                )
            with running_node(service=service) as node:
                latencies_ms = _latencies_ms(node.websocket_url, node.mqtt_port, qos)
            for share, name in ((0.5, "p50"), (0.99, "p99")):
                figures[f"{label}, {RATE}/s, {name}", "ms"] = percentile(latencies_ms, share)
    return figures


def throughput(websocket_url: str, mqtt_port: int, qos: int) -> float:
    """Return the updates per second that a node's devices get through to one listener."""
    devices = [f"bench-{number}" for number in range(DEVICES)]
    with tally(websocket_url, devices=devices) as report, _sender(mqtt_port) as sender:
        _flood(sender, report, devices, qos, seconds=WARM_UP_S, total=0)
        total = DEVICES * sender.rounds
        began = time.monotonic()
        arrived = _flood(sender, report, devices, qos, seconds=SECONDS, total=total)
        return arrived / (time.monotonic() - began)


class _Sender:
    """A raw MQTT client: one update of each device with one system call."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.rounds = 0

    def send(self, devices: list[str], qos: int) -> None:
        first = self.rounds * len(devices)
        numbered = enumerate(devices, first)
        self._connection.sendall(b"".join(_packet(each, n, qos) for n, each in numbered))
        self.rounds += 1

    def discard_answers(self) -> None:
        try:
            while self._connection.recv(65536, socket.MSG_DONTWAIT):
                pass
        except BlockingIOError:
            pass


@contextmanager
def _sender(port: int) -> Iterator[_Sender]:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench")
        assert connection.recv(4) == b"\x20\x02\x00\x00"
        yield _Sender(connection)


def _packet(device: str, number: int, qos: int) -> bytes:
    topic = f"devices/{device}/parameters".encode()
    payload = json.dumps({"value": {"mark": mark(number), "temperature": 21.5}}).encode()
    packet_id = (number % 65_535 + 1).to_bytes(2) if qos else b""
    body = len(topic).to_bytes(2) + topic + packet_id + payload
    assert len(body) < 128, "the length has one byte here"
    return bytes((0x30 | qos << 1, len(body))) + body


def _flood(
    sender: _Sender,
    report: Connection,
    devices: list[str],
    qos: int,
    *,
    seconds: float,
    total: int,
) -> int:
    """Send for some seconds and wait for the last; return how many arrived since `total`."""
    arrived = total
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        while sender.rounds * DEVICES - arrived >= WINDOW:
            arrived = _next(report)
        sender.send(devices, qos)
        sender.discard_answers()
        while report.poll():
            arrived = _next(report)
    while arrived < sender.rounds * DEVICES:
        arrived = _next(report)
        sender.discard_answers()
    return arrived - total


def _next(report: Connection) -> int:
    if not report.poll(10):
        raise SystemExit("updates did not arrive within 10 s")
    count: int = report.recv()
    return count


def _latencies_ms(websocket_url: str, mqtt_port: int, qos: int) -> list[float]:
    latencies_ms: list[float] = []
    with receivers("websocket", websocket_url, device="bench", count=1) as arrivals:
        publisher = Publisher(mqtt_port, device="bench")

        def take() -> None:
            arrival = arrivals.recv()
            if arrival.number >= LATENCY_WARM_UP:
                waited_ns = arrival.last_ns - publisher.sent_ns[arrival.number]
                latencies_ms.append(waited_ns / 1e6)

        start = time.monotonic()
        for number in range(LATENCY_WARM_UP + UPDATES):
            time.sleep(max(0.0, start + number / RATE - time.monotonic()))
            publisher.publish(number, qos=qos)
            while arrivals.poll():  # a full pipe would stall the receiver
                take()
        while len(latencies_ms) < UPDATES:
            if not arrivals.poll(10):
                raise SystemExit("an update did not arrive within 10 s")
            take()
        publisher.close()
    return latencies_ms
