"""Memory per idle connection: of the node's process, and of those it has started.

The bundled notifier lets each connection in by its `$connect` function; none has a notify list.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

from bench.holder import held
from bench.processes import descendants, raise_open_files, resident_bytes
from bench.servers import running_node


STEPS = (10_000, 50_000)
WARM_UP = 500
_SPARE_FILES = 600
_SETTLE_S = 1.0


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    fit = raise_open_files(STEPS[-1] + _SPARE_FILES + WARM_UP) - _SPARE_FILES - WARM_UP
    figures = {}
    with running_node() as node, ExitStack() as stack:
        stack.enter_context(held(node.websocket_url, WARM_UP))
        node_empty, children_empty = _resident(node.pid)
        open_now = 0
        for step in STEPS:
            count = min(step, fit)
            if count < step:
                print(f"  {step} connections need more open files than allowed here: {count}")
            first = WARM_UP + open_now
            stack.enter_context(held(node.websocket_url, count - open_now, first=first))
            open_now = count
            of_node, of_children = _resident(node.pid)
            label = f"at {count} idle connections, each"
            figures[f"node, {label}", "KB"] = (of_node - node_empty) / count / 1024
            figures[f"its children, {label}", "KB"] = (of_children - children_empty) / count / 1024
    return figures


def _resident(pid: int) -> tuple[int, int]:
    time.sleep(_SETTLE_S)
    return resident_bytes(pid), sum(map(resident_bytes, descendants(pid)))
