from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.server.conftest import Run, Serve


def test_http_and_websocket_share_the_port(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server, server.connect() as client:
            assert (await server.request("GET", "/healthz")).status == 200
            await client.send('{"action":"echo"}')
            assert await client.recv() == '{"action":"echo"}'

    run(main())


@pytest.mark.parametrize(
    "upgrade", ["Upgrade: websocket", "upgrade:WebSocket", "UPGRADE : websocket \t"]
)
def test_an_upgrade_is_known_by_its_header_however_written(
    run: Run, serve: Serve, upgrade: str
) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw(
                f"GET /nowhere HTTP/1.1\r\nHost: x\r\n{upgrade}\r\nConnection: upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
                "".encode()
            )
            answer = await client.rest()
            assert b" 4" in answer.split(b"\r\n")[0], answer
            assert b"aiohttp" not in answer

    run(main())


def test_a_body_that_speaks_of_upgrades_is_no_upgrade(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            body = b"\r\nUpgrade: websocket\r\n\r\n"
            await server.request("POST", "/topics/a", body)
            assert [each.payload for each in server.published] == [body]

    run(main())


def test_requests_on_one_http_connection_and_a_head_in_pieces(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw(b"GET /healthz HT")
            await asyncio.sleep(0.01)
            client.send(b"TP/1.1\r\nHost: x\r\n\r")
            await asyncio.sleep(0.01)
            client.send(b"\nGET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answers = await client.rest()
            assert answers.count(b"HTTP/1.1 200 OK") == 2
            assert answers.endswith(b'{"ready": true}')

    run(main())


@pytest.mark.parametrize("ending", [b"", b"\r\n\r\n"])
def test_a_head_too_large_is_431_even_for_one_still_sending(
    run: Run, serve: Serve, ending: bytes
) -> None:
    async def main() -> None:
        async with serve(request_head_timeout_s=0.2) as server:
            client = await server.raw(b"GET /dev HTTP/1.1\r\nX: " + b"a" * 1_000_000 + ending)
            await asyncio.sleep(0.05)
            client.send(b"a" * 100_000)
            assert await client.rest() == (
                b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                b"Connection: close\r\nContent-Length: 0\r\n\r\n"
            )

    run(main())


def test_a_head_of_just_the_bound_is_taken(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(request_head_bytes=100) as server:
            for size, status in ((100, b"200"), (101, b"431")):
                start = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: "
                client = await server.raw(start.ljust(size, b"a") + b"\r\n\r\n")
                assert (await client.rest()).split(b" ")[1] == status

    run(main())


def test_a_slow_head_is_dropped_and_hurts_nobody(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(request_head_timeout_s=0.2) as server, server.connect() as good:
            slow = [await server.raw(b"GET /dev HTTP/1.1\r\n") for _ in range(50)]
            started = time.monotonic()
            await good.send('{"action":"echo"}')
            assert await good.recv() == '{"action":"echo"}'
            for client in slow:
                with suppress(ConnectionResetError):
                    assert await client.rest() == b""
            assert 0.1 < time.monotonic() - started < 2

    run(main())


def test_a_peer_that_leaves_within_its_head_leaves_no_timer(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(request_head_timeout_s=0.1) as server:
            for leave in ("close", "reset", "end"):
                client = await server.raw(b"GET /dev HTTP/1.1\r\n")
                await asyncio.sleep(0.01)
                getattr(client, leave)()
            await asyncio.sleep(0.2)  # a timer left behind would raise in the loop

    run(main())


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\r\n\r\n"],
)
def test_what_is_no_http_ends(run: Run, serve: Serve, garbage: bytes) -> None:
    async def main() -> None:
        async with serve(request_head_timeout_s=0.2) as server:
            client = await server.raw(garbage)
            client.end()
            with suppress(ConnectionResetError):
                assert not (await client.rest()).startswith(b"HTTP/1.1 2")

    run(main())


def test_too_many_half_open_sockets_cost_the_oldest(
    run: Run, serve: Serve, wait_until: Callable[..., Awaitable[None]]
) -> None:
    async def main() -> None:
        async with serve(half_open=3) as server:
            idle = [await server.raw(b"GET") for _ in range(3)]
            assert (await server.request("GET", "/healthz")).status == 200
            with suppress(ConnectionError):
                assert await idle[0].rest() == b""
            idle[1].send(b" /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await idle[1].rest()).startswith(b"HTTP/1.1 200 ")
            idle[2].close()
            await wait_until(lambda: not server.hub.half_open)

    run(main())
