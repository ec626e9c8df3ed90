"""Callers in one process of their own: each sends a message, and the next once the reply is in.

As lean as can be: raw bytes in, one comparison, raw bytes out. On two cores a client library would
be what is measured.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from bench import frames
from bench.figures import percentile
from bench.processes import in_process


CALLER = b"<caller>"
"""Stands for the number of the caller, in a message and its reply."""
_WARM_UP_LIMIT_S = 20.0


class Calls(NamedTuple):
    """What was answered in the time that counts; before it, all callers had their first reply."""

    first_replies_s: float
    per_s: float
    p50_ms: float
    p99_ms: float


class _Load:
    """What all callers share."""

    def __init__(self) -> None:
        self.latencies_ns: list[int] = []
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, why: str) -> None:
        if not self.failed.done():
            self.failed.set_exception(ConnectionError(why))

    async def run(self, seconds: float) -> None:
        """Let the callers call. Raises ConnectionError once one of them has failed."""
        await asyncio.wait([self.failed], timeout=seconds)
        if self.failed.done():
            self.failed.result()


class _Caller(asyncio.Protocol):
    """One connection. Its message is its own, so that the reply to another is no reply to it."""

    def __init__(self, load: _Load, opening: bytes, message: bytes, reply: bytes) -> None:
        self._load = load
        self._opening = opening
        self._message = frames.masked(frames.TEXT, message)
        self._reply = frames.unmasked(frames.TEXT, reply)
        self._data = b""
        self._sent_ns = 0
        self._open = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.replies = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by type
        self._transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        if self._data:
            data, self._data = self._data + data, b""
        if self._open and data == self._reply:
            self._answered()
        elif self._open:
            self._data = self._other(data)
        elif b"\r\n\r\n" not in data:
            self._data = data
        elif data.startswith(b"HTTP/1.1 101"):
            self._open = True
            self.opened.set_result(None)
        else:
            self._load.fail(f"the handshake was answered {data[:200]!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.fail("a connection was closed")

    def send(self) -> None:
        """Send the message; the reply sends the next."""
        self._sent_ns = time.monotonic_ns()
        self._transport.write(self._message)

    def _answered(self) -> None:
        self._load.latencies_ns.append(time.monotonic_ns() - self._sent_ns)
        self.replies += 1
        self.send()

    def _other(self, data: bytes) -> bytes:
        """Take what is not just the reply, such as a ping; returns what is not yet whole."""
        end = 0
        for frame in frames.frames(data):
            if data[end : frame.end] == self._reply:
                self._answered()
            elif frame.opcode == frames.PING:
                self._transport.write(frames.masked(frames.PONG, frame.payload))
            else:
                self._load.fail(f"a message was answered {frame.payload!r}")
            end = frame.end
        return data[end:]


async def _call(
    url: str, message: bytes, reply: bytes, connections: int, warm_up_s: float, seconds: float
) -> Calls:
    load = _Load()
    callers = [await _connect(load, url, message, reply, n) for n in range(connections)]
    started = time.monotonic()
    for caller in callers:
        caller.send()
    while not all(caller.replies for caller in callers):
        if time.monotonic() - started > _WARM_UP_LIMIT_S:
            raise ConnectionError(_silent(callers))
        await load.run(0.01)
    first_replies_s = time.monotonic() - started
    await load.run(warm_up_s)
    load.latencies_ns.clear()
    for caller in callers:
        caller.replies = 0
    started = time.monotonic()
    await load.run(seconds)
    took_s = time.monotonic() - started
    if not all(caller.replies for caller in callers):
        raise ConnectionError(_silent(callers))
    latencies_ms = [nanoseconds / 1e6 for nanoseconds in load.latencies_ns]
    return Calls(
        first_replies_s,
        len(latencies_ms) / took_s,
        percentile(latencies_ms, 0.5),
        percentile(latencies_ms, 0.99),
    )


async def _connect(load: _Load, url: str, message: bytes, reply: bytes, number: int) -> _Caller:
    name = b"%04d" % number
    message, reply = message.replace(CALLER, name), reply.replace(CALLER, name)
    caller = _Caller(load, frames.handshake(url), message, reply)
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: caller, address.hostname or "", address.port or 0)
    await asyncio.wait([caller.opened, load.failed], return_when=asyncio.FIRST_COMPLETED)
    await load.run(0)
    return caller


def _silent(callers: list[_Caller]) -> str:
    silent = sum(not caller.replies for caller in callers)
    return f"{silent} of {len(callers)} connections had no reply: what the rest had is no measure"


def call(
    url: str,
    *,
    message: bytes,
    reply: bytes,
    connections: int = 50,
    warm_up_s: float = 2.0,
    seconds: float = 5.0,
) -> Calls:
    """Call from `connections` sockets, opened one after the other, for `seconds`.

    Raises ConnectionError for another reply than the one expected, and for a socket without one.
    """
    return in_process(_call, url, message, reply, connections, warm_up_s, seconds)
