"""POSTs per second to @connections, by boto3 and by raw HTTP. Beside serverless-offline.

boto3 is one client that waits for each answer: what it costs itself is most of that. The raw
senders are eight sockets kept alive, each with one POST on its way to a connection of its own.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import cast
from urllib.parse import quote, urlsplit

import boto3

from bench.holder import held
from bench.processes import in_process
from bench.servers import lacks_serverless_offline, running_node, running_serverless_offline


SENDERS = 8
WARM_UP_S = 1.0
SECONDS = 4.0
DATA = b'{"event":"parameters","device_id":"thermostat-1","value":{"temperature":21.5}}'
_WHOAMI = b'{"action":"whoami"}'


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    with running_node(service="echo") as node:
        ours = _measure("bellwire", node.websocket_url, node.management_url)
    missing = lacks_serverless_offline()
    if missing is not None:
        print(f"  no peer: {missing}")
        return ours
    with running_serverless_offline("echo") as address:
        theirs = _measure("serverless-offline", f"ws://{address}", f"http://{address}")
    ratios = {
        (f"ratio of POSTs by {how}, bellwire to serverless-offline", "×"): (
            ours[f"bellwire: POST @connections, {how}", "per s"]
            / theirs[f"serverless-offline: POST @connections, {how}", "per s"]
        )
        for how in ("boto3", "raw HTTP")
    }
    return {**ours, **theirs, **ratios}


def _measure(name: str, websocket_url: str, management_url: str) -> dict[tuple[str, str], float]:
    with held(websocket_url, SENDERS, message=_WHOAMI) as replies:
        ids = [reply.decode() for reply in replies]
        if len(set(ids)) != SENDERS:
            raise SystemExit(f"{name}: {SENDERS} connections have the ids {sorted(set(ids))}")
        by_boto3 = _post_by_boto3(management_url, ids[0])
        raw = in_process(_post, management_url, ids)
    return {
        (f"{name}: POST @connections, boto3", "per s"): by_boto3,
        (f"{name}: POST @connections, raw HTTP", "per s"): raw,
    }


def _post_by_boto3(management_url: str, connection_id: str) -> float:
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=management_url,
        region_name="eu-west-1",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
    )

    def post_for(seconds: float) -> float:
        count, started = 0, time.monotonic()
        while time.monotonic() < started + seconds:
            client.post_to_connection(ConnectionId=connection_id, Data=DATA)
            count += 1
        return count / (time.monotonic() - started)

    post_for(WARM_UP_S)
    return post_for(SECONDS)


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


async def _post(management_url: str, ids: list[str]) -> float:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    address = urlsplit(management_url)
    senders = []
    for one in ids:
        make = partial(_Sender, _request(management_url, one), failed)
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


async def _run_for(seconds: float, failed: asyncio.Future[None]) -> None:
    await asyncio.wait([failed], timeout=seconds)
    if failed.done():
        failed.result()


def _request(management_url: str, connection_id: str) -> bytes:
    address = urlsplit(management_url)
    path = f"{address.path}/@connections/{quote(connection_id, safe='')}"
    head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(DATA)}\r\n\r\n"
    return head.encode() + DATA
