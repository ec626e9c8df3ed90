"""Senders of raw HTTP in one process: each posts, and again once it is answered."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import cast
from urllib.parse import urlsplit


WARM_UP_S = 1.0
SECONDS = 4.0


class _Sender(asyncio.Protocol):
    """Posts the next once the last is answered: with 200, or 204 as serverless-offline does.

    Knows only answers that say their length, or have no body by their status.
    """

    def __init__(self, request: bytes, failed: asyncio.Future[None]) -> None:
        self._request = request
        self._failed = failed
        self._data = b""
        self.answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by type
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"HTTP/1.1 204"):
            length = b"0"
        else:
            length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 204")) or not length:
            self._fail(f"a POST was answered {self._data[:200]!r}")
        elif len(body) == int(length):
            self._data = b""
            self.answers += 1
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("a sender was cut off")

    def _fail(self, why: str) -> None:
        if not self._failed.done():
            self._failed.set_exception(ConnectionError(why))


async def post(url: str, requests: list[bytes]) -> float:
    """Post to the host of `url`, a socket for each request; return the answers per second."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    address = urlsplit(url)
    senders = []
    for request in requests:
        make = partial(_Sender, request, failed)
        _, sender = await loop.create_connection(make, address.hostname or "", address.port or 0)
        senders.append(sender)
    await _run_for(WARM_UP_S, failed)
    before = [sender.answers for sender in senders]
    started = time.monotonic()
    await _run_for(SECONDS, failed)
    took_s = time.monotonic() - started
    answers = [sender.answers - then for sender, then in zip(senders, before, strict=True)]
    if not all(answers):
        raise ConnectionError(f"a sender had no answer: {answers}")
    return sum(answers) / took_s


def make_request(url: str, path: str, body: bytes) -> bytes:
    """Return a POST to a path on the host of `url`."""
    host = urlsplit(url).netloc
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _run_for(seconds: float, failed: asyncio.Future[None]) -> None:
    await asyncio.wait([failed], timeout=seconds)
    if failed.done():
        failed.result()
