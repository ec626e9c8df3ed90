"""One update to 500 connections: until the last one has it. Beside mosquitto, in the same run.

Bellwire's way is the longer one: MQTT, rule, a function in its own process, then 500 WebSockets;
mosquitto's is MQTT in, MQTT out. Receivers are the same lean sockets for both.
"""

from __future__ import annotations

from bench.figures import percentile
from bench.publisher import Publisher
from bench.receivers import Kind, receivers
from bench.servers import mosquitto_program, running_mosquitto, running_node


CONNECTIONS = 500
UPDATES = 200
WARM_UP = 20
DEVICE = "bench"


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    with running_node() as node:
        ours = _measure("bellwire", "websocket", node.websocket_url, node.mqtt_port)
    program = mosquitto_program()
    if program is None:
        print("  mosquitto is not installed: no peer (apt-get install mosquitto)")
        return ours
    with running_mosquitto(program) as port:
        theirs = _measure("mosquitto", "mqtt", f"mqtt://127.0.0.1:{port}", port)
    spread = "first → last of 500 receivers, deliveries"
    ratio = ours[f"bellwire: {spread}", "per ms"] / theirs[f"mosquitto: {spread}", "per ms"]
    return {**ours, **theirs, ("ratio of deliveries, bellwire to mosquitto", "×"): ratio}


def _measure(name: str, kind: Kind, address: str, mqtt_port: int) -> dict[tuple[str, str], float]:
    whole_ms, spread_ms = [], []
    with receivers(kind, address, device=DEVICE, count=CONNECTIONS) as arrivals:
        publisher = Publisher(mqtt_port, device=DEVICE)
        for number in range(WARM_UP + UPDATES):
            publisher.publish(number, qos=0)
            if not arrivals.poll(10):
                raise SystemExit(f"{name}: an update did not reach all within 10 s")
            arrival = arrivals.recv()
            if number >= WARM_UP:
                whole_ms.append((arrival.last_ns - publisher.sent_ns[number]) / 1e6)
                spread_ms.append((arrival.last_ns - arrival.first_ns) / 1e6)
        publisher.close()
    label = f"{name}: publish → last of {CONNECTIONS} receivers"
    spread = f"{name}: first → last of {CONNECTIONS} receivers, deliveries"
    return {
        (f"{label}, p50", "ms"): percentile(whole_ms, 0.5),
        (f"{label}, p99", "ms"): percentile(whole_ms, 0.99),
        (spread, "per ms"): CONNECTIONS / percentile(spread_ms, 0.5),
    }
