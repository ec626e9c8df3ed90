"""Message → MOCK route → reply, 50 connections: what the socket and the routing cost alone."""

from __future__ import annotations

from bench.callers import call
from bench.servers import running_node


MESSAGE = b'{"action":"ping"}'
REPLY = b'{"pong":true}'


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    with running_node(service="mock") as node:
        calls = call(node.websocket_url, message=MESSAGE, reply=REPLY)
    return {
        ("message → MOCK route → reply", "per s"): calls.per_s,
        ("message → MOCK route → reply, p50", "ms"): calls.p50_ms,
        ("message → MOCK route → reply, p99", "ms"): calls.p99_ms,
    }
