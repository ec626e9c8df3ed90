"""Message → isolated Python function → reply, 50 connections. Beside serverless-offline.

Each connection has one message on its way, and every one must be answered with its own. What is
compared is the warm state: serverless-offline starts a process for each message of the first burst,
and a figure of its own says how long that takes. The Python handler is the same for both; a Node.js
handler of serverless-offline runs in a worker thread of its one process.
"""

from __future__ import annotations

from bench.callers import CALLER, Calls, call
from bench.servers import lacks_serverless_offline, running_node, running_serverless_offline


MESSAGE = b'{"action":"echo","device_id":"' + CALLER + b'","temperature":21.5}'


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    with running_node(service="echo") as node:
        ours = call(node.websocket_url, message=MESSAGE, reply=MESSAGE)
    figures = _figures("bellwire, Python", ours)
    missing = lacks_serverless_offline()
    if missing is not None:
        print(f"  no peer: {missing}")
        return figures
    for service, language in (("echo", "Python"), ("echo_node", "Node.js")):
        with running_serverless_offline(service) as address:
            theirs = call(f"ws://{address.websocket}", message=MESSAGE, reply=MESSAGE)
        name = f"serverless-offline, {language}"
        figures |= _figures(name, theirs)
        figures[f"ratio of messages, bellwire to {name}", "×"] = ours.per_s / theirs.per_s
    return figures


def _figures(name: str, calls: Calls) -> dict[tuple[str, str], float]:
    return {
        (f"{name}: until all 50 had their first reply", "s"): calls.first_replies_s,
        (f"{name}: message → function → reply", "per s"): calls.per_s,
        (f"{name}: message → reply, p50", "ms"): calls.p50_ms,
        (f"{name}: message → reply, p99", "ms"): calls.p99_ms,
    }
