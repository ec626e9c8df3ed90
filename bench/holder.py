"""Idle connections in processes of their own, each of which answers pings."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench import frames


_PER_ADDRESS = 5000
"""From each of 127.0.0.2 and on: one address has 28 000 ports, for everybody."""
_AT_ONCE = 200
_READY_S = 120.0


class _Idle(asyncio.Protocol):
    def __init__(self, url: str, message: bytes) -> None:
        self._url = url
        self._message = message
        self._data = b""
        self._open = False
        self.ready: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by type
        self._transport.write(frames.handshake(self._url))

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._open:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.connection_lost(ConnectionError(f"answered {head[:200]!r}"))
                return
            self._open, self._data = True, rest
            if self._message:
                self._transport.write(frames.masked(frames.TEXT, self._message))
            else:
                self.ready.set_result(b"")
        end_of_frames = 0
        for frame in frames.frames(self._data):
            end_of_frames = frame.end
            if frame.opcode == frames.PING:
                self._transport.write(frames.masked(frames.PONG, frame.payload))
            elif not self.ready.done():
                self.ready.set_result(frame.payload)
        self._data = self._data[end_of_frames:]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before it was open"))


async def _hold(url: str, first: int, count: int, message: bytes, report: Connection) -> None:
    loop = asyncio.get_running_loop()
    address = urlsplit(url)

    async def open_one(number: int) -> bytes:
        client = socket.socket()
        client.setblocking(False)
        client.bind((f"127.0.0.{2 + (first + number) // _PER_ADDRESS}", 0))
        await loop.sock_connect(client, (address.hostname, address.port))
        _, idle = await loop.create_connection(lambda: _Idle(url, message), sock=client)
        return await idle.ready

    replies: list[bytes] = []
    for start in range(0, count, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, count))
        replies += await asyncio.gather(*map(open_one, numbers))
    report.send(replies)
    await asyncio.Event().wait()


def _run(url: str, first: int, count: int, message: bytes, report: Connection) -> None:
    uvloop.run(_hold(url, first, count, message, report))


@contextmanager
def held(url: str, count: int, *, first: int = 0, message: bytes = b"") -> Iterator[list[bytes]]:
    """Hold `count` connections open; yields what each was answered to `message`, if there is one.

    `first` is how many are held already: those have taken the ports of their addresses.
    """
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    arguments = (url, first, count, message, theirs)
    process = context.Process(target=_run, args=arguments, daemon=True)
    process.start()
    theirs.close()
    try:
        if not mine.poll(_READY_S):
            raise SystemExit(f"{count} connections were not open after {_READY_S} s")
        try:
            replies = mine.recv()
        except EOFError:
            raise SystemExit(f"{count} connections could not be opened at {url}") from None
        yield replies
    finally:
        process.kill()
        process.join()
