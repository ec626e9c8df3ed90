"""What rules cost that do not match: 1, 100 and 10 000 of them, of which one has the topic.

The match alone; the start of a node; updates through the one that matches, sender and function as
in `pipeline`, whose receiver is a WebSocket: so the function pushes.
"""

from __future__ import annotations

import time

from bellwire.iot.topic_tree import TopicTree
from bellwire.iot.topics import TopicFilter
from bellwire.loading import BUNDLED
from bench.pipeline import throughput
from bench.servers import running_node


RULES = (1, 100, 10_000)
MATCHES = 100_000
_EVENT = "      - iot: {sql: \"SELECT * FROM 'sites/%d/+/alarms'\", sqlVersion: '2016-03-23'}\n"
_PLACE = "      - iot:\n"
"""Where the bundled application has the event of its rule."""


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    figures = {}
    for count in RULES:
        figures[f"match of a topic, {count} rules", "ns"] = _match_ns(count)
    for count in RULES:
        files = {name: (BUNDLED / name).read_text() for name in ("serverless.yml",)}
        text = files["serverless.yml"]
        assert text.count(_PLACE) == 1
        others = "".join(_EVENT % number for number in range(count - 1))
        files["serverless.yml"] = text.replace(_PLACE, others + _PLACE)
        folder = "subscribers"
        for file in (BUNDLED / folder).glob("*.py"):
            files[f"{folder}/{file.name}"] = file.read_text()
        with running_node(files=files) as node:
            figures[f"start of a node, {count} rules", "s"] = node.start_s
            label = f"MQTT QoS 1 → one rule of {count} → function → push"
            figures[label, "updates/s"] = throughput(node.websocket_url, node.mqtt_port, 1)
    return figures


def _match_ns(count: int) -> float:
    filters = [f"sites/{number}/+/alarms" for number in range(count - 1)]
    tree = TopicTree((TopicFilter.parse(each), each) for each in ["devices/+/parameters", *filters])
    match = tree.match
    began = time.perf_counter_ns()
    for _ in range(MATCHES):
        match("devices/thermostat-1/parameters")
    return (time.perf_counter_ns() - began) / MATCHES
