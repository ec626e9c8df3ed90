"""Routes whose integration is an HTTP endpoint: a real one, on a free port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from bellwire.definition import model
from bellwire.errors import CallerError, TooManyRequestsError
from bellwire.gateway.api import Route
from bellwire.gateway.effects import HttpAnswer, HttpRequest
from bellwire.gateway.integration import compile_integration
from bellwire.limits import Limits
from bellwire.server.outbound import HttpClient


if TYPE_CHECKING:
    from tests.server.conftest import Run, Serve


class Endpoint:
    """Answers each request with bytes, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
        self.delay_s = 0.0
        self.given_up = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        self.asked.append(head + await reader.readexactly(length))
        if self.delay_s and await asyncio.wait_for(reader.read(), 5) == b"":
            self.given_up += 1
        writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()


def proxy(url: str, **settings: Any) -> Route:
    definition = model.Integration("HTTP_PROXY", uri=url, **settings)
    return Route("$default", compile_integration(definition, Limits()), two_way=True)


def test_a_message_goes_to_the_endpoint_and_its_answer_comes_back(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with endpoint() as other:
            mapped = {"integration.request.header.id": "context.connectionId"}
            route = proxy(f"{other.url}/in", method="PUT", request_parameters=mapped)
            async with serve(["$connect", route]) as server:
                client, connection_id = await server.connect_with_id()
                await client.send("hello")
                assert await client.recv() == "hi"
                head, _, body = other.asked[0].partition(b"\r\n\r\n")
                assert head.startswith(b"PUT /in HTTP/1.1\r\n")
                assert f"id: {connection_id}".encode() in head
                assert body == b"hello"
                await client.close()

    run(main())


def test_an_endpoint_too_slow_is_given_up(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with endpoint() as other:
            other.delay_s = 1
            route = proxy(other.url, timeout_ms=50)
            async with serve([route]) as server, server.connect() as client:
                await client.send("hello")
                frame = orjson.loads(await client.recv())
                assert frame["message"] == "Endpoint request timed out"
                await asyncio.sleep(0.05)
                assert other.given_up == 1

    run(main())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xff",
    ],
    ids=["closes", "no HTTP", "too large", "no text"],
)
def test_what_cannot_be_passed_on_is_an_internal_error(
    run: Run, serve: Serve, answer: bytes
) -> None:
    async def main() -> None:
        async with endpoint() as other:
            other.answer = answer
            route = proxy(other.url)
            async with (
                serve([route], http_answer_bytes=8192) as server,
                server.connect() as client,
            ):
                await client.send("hello")
                frame = orjson.loads(await client.recv())
                assert frame["message"] == "Internal server error"

    run(main())


def test_nobody_listens_there(run: Run) -> None:
    async def main() -> None:
        client = HttpClient(answer_bytes=100, requests=10)
        request = HttpRequest("GET", "http://127.0.0.1:1/a?secret=s", {}, b"", 1000)
        with pytest.raises(CallerError, match=r"^GET http://127\.0\.0\.1:1/a failed: ") as caught:
            await client.send(request)
        assert "secret" not in str(caught.value)
        await client.close()

    run(main())


def test_a_redirect_is_an_answer_like_any_other(run: Run) -> None:
    async def main() -> None:
        async with endpoint() as other:
            other.answer = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
            client = HttpClient(answer_bytes=100, requests=10)
            request = HttpRequest("POST", other.url, {"a": "1"}, b"x", 1000)
            answer = await client.send(request)
            assert answer == HttpAnswer(302, {"location": ["/b"], "content-length": ["0"]}, b"")
            assert len(other.asked) == 1
            await client.close()

    run(main())


def test_beyond_its_bound_a_request_is_429_and_slow_ones_delay_nobody(run: Run) -> None:
    async def main() -> None:
        async with endpoint() as slow, endpoint() as quick:
            slow.delay_s = 1
            client = HttpClient(answer_bytes=100, requests=150)
            to_slow = HttpRequest("GET", slow.url, {}, b"", 1000)
            to_quick = HttpRequest("GET", quick.url, {}, b"", 1000)
            waiting = [client.send(to_slow) for _ in range(149)]
            assert (await client.send(to_quick)).body == b"hi"
            waiting.append(client.send(to_slow))
            with pytest.raises(TooManyRequestsError):
                client.send(to_quick)
            await client.close()
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(each) for each in ended} == {asyncio.CancelledError}

    run(main())
