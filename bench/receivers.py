"""Many receivers in one process of their own: WebSocket or MQTT, both as lean as can be.

Both read raw bytes and look for the mark of an update, so that what is measured is the server, not
a client library. The process reports, for each update, when its first and last receiver had it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Literal, NamedTuple, cast
from urllib.parse import urlsplit

import uvloop

from bench.frames import TEXT, handshake, masked


Kind = Literal["websocket", "mqtt"]
TALLY = 50
"""Updates between two reports of a tally."""
MARK = re.compile(rb"#(\d{8})#")


def mark(number: int) -> str:
    """Return the mark of an update, to be put anywhere in its payload."""
    return f"#{number:08}#"


class Arrival(NamedTuple):
    """When an update had reached its first and its last receiver (monotonic nanoseconds)."""

    number: int
    first_ns: int
    last_ns: int


class _Counter:
    def __init__(self, receivers: int, report: Connection) -> None:
        self._receivers = receivers
        self._report = report
        self._seen: dict[int, tuple[int, int]] = {}

    def count(self, data: bytes) -> None:
        now = time.monotonic_ns()
        for match in MARK.finditer(data):
            number = int(match[1])
            count, first = self._seen.get(number, (0, now))
            if count + 1 < self._receivers:
                self._seen[number] = (count + 1, first)
            else:
                self._seen.pop(number, None)
                self._report.send(Arrival(number, first, now))


class _Receiver(asyncio.Protocol):
    """Sends its opening bytes one after the other, each when the answer to the last is in."""

    def __init__(
        self, opening: list[bytes], counter: _Counter | _Tally, ready: asyncio.Future[None]
    ) -> None:
        self._opening = opening
        self._counter = counter
        self._ready = ready
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by type
        self._transport.write(self._opening.pop(0))

    def data_received(self, data: bytes) -> None:
        if not self._ready.done():
            if self._opening:
                self._transport.write(self._opening.pop(0))
            else:
                self._ready.set_result(None)
            return
        data = self._tail + data
        # A mark may be cut in two by the socket: keep what could be the start of one.
        end = data.rfind(b"#")
        last = max((match.end() for match in MARK.finditer(data)), default=0)
        self._tail = data[end:] if end >= last and len(data) - end < 10 else b""
        self._counter.count(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ready.done():
            self._ready.set_exception(ConnectionError("closed before it was ready"))


class _Tally:
    """Counts marks without telling them apart, and tells how many there were now and then."""

    def __init__(self, report: Connection) -> None:
        self._report = report
        self._seen = 0

    def count(self, data: bytes) -> None:
        before = self._seen
        self._seen += len(MARK.findall(data))
        if self._seen // TALLY != before // TALLY:
            self._report.send(self._seen)


def _websocket_opening(url: str, devices: Sequence[str]) -> list[bytes]:
    listened = [{"device_id": device} for device in devices]
    message = {"action": "set_notify_list", "notify_list": listened}
    return [handshake(url), masked(TEXT, json.dumps(message).encode())]


def _mqtt_opening(topic: str, client_id: str) -> list[bytes]:
    name, filter_ = client_id.encode(), topic.encode()
    connect = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2) + name
    subscribe = b"\x00\x01" + len(filter_).to_bytes(2) + filter_ + b"\x00"
    return [
        b"\x10" + bytes((len(connect),)) + connect,
        b"\x82" + bytes((len(subscribe),)) + subscribe,
    ]


class _Opening(NamedTuple):
    host: str
    port: int
    frames: list[bytes]


def _openings(kind: Kind, address: str, device: str, count: int) -> Iterator[_Opening]:
    url = urlsplit(address)
    for number in range(count):
        frames = (
            _websocket_opening(address, [device])
            if kind == "websocket"
            else _mqtt_opening(f"devices/{device}/parameters", f"receiver-{number}")
        )
        yield _Opening(url.hostname or "127.0.0.1", url.port or 0, frames)


async def _receive(
    openings: Iterable[_Opening], counter: _Counter | _Tally, report: Connection
) -> None:
    loop = asyncio.get_running_loop()
    for opening in openings:
        ready: asyncio.Future[None] = loop.create_future()
        make = partial(_Receiver, opening.frames, counter, ready)
        await loop.create_connection(make, opening.host, opening.port)
        await ready
    report.send("ready")
    await asyncio.Event().wait()


def _run(kind: Kind, address: str, device: str, count: int, report: Connection) -> None:
    openings = _openings(kind, address, device, count)
    uvloop.run(_receive(openings, _Counter(count, report), report))


def _run_tally(address: str, devices: Sequence[str], report: Connection) -> None:
    url = urlsplit(address)
    frames = _websocket_opening(address, devices)
    opening = _Opening(url.hostname or "127.0.0.1", url.port or 0, frames)
    uvloop.run(_receive([opening], _Tally(report), report))


@contextmanager
def tally(address: str, *, devices: Sequence[str]) -> Iterator[Connection]:
    """Start one receiver of many devices; yields the pipe that tells how many updates it had."""
    with _running(_run_tally, address, devices) as report:
        yield report


@contextmanager
def receivers(kind: Kind, address: str, *, device: str, count: int) -> Iterator[Connection]:
    """Start receivers in a process; yields the pipe on which each `Arrival` comes."""
    with _running(_run, kind, address, device, count) as report:
        yield report


@contextmanager
def _running(target: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    try:
        if not mine.poll(60) or mine.recv() != "ready":
            raise SystemExit(f"the receivers could not connect: {arguments}")
        yield mine
    finally:
        process.kill()
        process.join()
