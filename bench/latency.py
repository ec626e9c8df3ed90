"""Publish → receive at a fixed rate: MQTT, rule, function, push, WebSocket."""

from __future__ import annotations

import time

from bench.figures import percentile
from bench.publisher import Publisher
from bench.receivers import receivers
from bench.servers import running_node


RATE = 200
UPDATES = 1000
WARM_UP = 100


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    figures = {}
    with running_node() as node:
        figures["start of `bellwire run` to ready", "s"] = node.start_s
        for qos in (0, 1):
            latencies_ms = _latencies_ms(node.websocket_url, node.mqtt_port, qos)
            for share, name in ((0.5, "p50"), (0.99, "p99")):
                label = f"publish → receive, {RATE}/s, QoS {qos}, {name}"
                figures[label, "ms"] = percentile(latencies_ms, share)
    return figures


def _latencies_ms(websocket_url: str, mqtt_port: int, qos: int) -> list[float]:
    device = f"bench-{qos}"
    with receivers("websocket", websocket_url, device=device, count=1) as arrivals:
        publisher = Publisher(mqtt_port, device=device)
        latencies_ms = []

        def take() -> None:
            arrival = arrivals.recv()
            if arrival.number >= WARM_UP:
                waited_ns = arrival.last_ns - publisher.sent_ns[arrival.number]
                latencies_ms.append(waited_ns / 1e6)

        start = time.monotonic()
        for number in range(WARM_UP + UPDATES):
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
