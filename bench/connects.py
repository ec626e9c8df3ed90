"""New connections per second, opened and closed again: with a `$connect` function, and without."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from bench import frames
from bench.figures import percentile
from bench.processes import in_process
from bench.servers import running_node


AT_ONCE = 50
WARM_UP_S = 2.0
SECONDS = 5.0
_ADDRESSES = 20
"""127.0.0.2 and on: the ports of one address would run out while closed sockets linger."""


class Opened(NamedTuple):
    """Connections that were opened, and closed with the closing handshake."""

    per_s: float
    p50_ms: float
    p99_ms: float


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    figures = {}
    for service, name in (("echo", "with a $connect function"), ("open", "without")):
        with running_node(service=service) as node:
            opened = in_process(_open, node.websocket_url)
        figures[f"new connections, {name}", "per s"] = opened.per_s
        figures[f"handshake, {name}, p50", "ms"] = opened.p50_ms
        figures[f"handshake, {name}, p99", "ms"] = opened.p99_ms
    return figures


async def _open(url: str) -> Opened:
    latencies_ms: list[float] = []
    workers = [asyncio.create_task(_open_and_close(url, n, latencies_ms)) for n in range(AT_ONCE)]
    await _while_running(workers, WARM_UP_S)
    latencies_ms.clear()
    started = time.monotonic()
    await _while_running(workers, SECONDS)
    took_s = time.monotonic() - started
    for worker in workers:
        worker.cancel()
    return Opened(
        len(latencies_ms) / took_s, percentile(latencies_ms, 0.5), percentile(latencies_ms, 0.99)
    )


async def _while_running(workers: list[asyncio.Task[None]], seconds: float) -> None:
    done, _ = await asyncio.wait(workers, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for worker in done:
        worker.result()


async def _open_and_close(url: str, number: int, latencies_ms: list[float]) -> None:
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    close = frames.masked(frames.CLOSE, (1000).to_bytes(2))
    while True:
        with socket.socket() as client:
            client.setblocking(False)
            client.bind((f"127.0.0.{2 + number % _ADDRESSES}", 0))
            started = time.monotonic()
            await loop.sock_connect(client, (address.hostname, address.port))
            await loop.sock_sendall(client, frames.handshake(url))
            answer = await loop.sock_recv(client, 4096)
            if not answer.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(f"a handshake was answered {answer[:200]!r}")
            latencies_ms.append((time.monotonic() - started) * 1e3)
            await loop.sock_sendall(client, close)
            while await loop.sock_recv(client, 4096):
                pass
