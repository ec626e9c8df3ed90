"""Whatever a few send, the others do not notice: 1 000 good connections, and everything bad."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode


GOOD = 1000
AT_ONCE = 100
HALF_OPEN = 3000
FLOOD = '{"action":"flood"}'
MOST_GROWTH_KB = 150_000
"""The memory the node may grow by under all of it; a leak of bodies or heads would be far more."""

SERVICE = """\
service: fortress
provider: {name: aws, runtime: python3.11, region: eu-west-1}
custom:
  bellwire:
    limits: {halfOpen: 500, requestHeadTimeoutS: 4, functionConcurrency: 2}
functions:
  guard: {handler: handler.guard}
  echo:
    handler: handler.echo
    events:
      - websocket:
          route: $connect
          authorizer: {name: guard, identitySource: ['route.request.querystring.token']}
      - websocket: {route: $default, routeResponseSelectionExpression: $default}
      - websocket: {route: flood, routeResponseSelectionExpression: $default}
resources:
  extensions:
    WebsocketsDeploymentStage:
      Properties:
        RouteSettings: {flood: {ThrottlingRateLimit: 50, ThrottlingBurstLimit: 50}}
"""
HANDLER = """\
import json

POLICY = {"Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]}
ANSWERS = {
    "good": {"principalId": "user", "policyDocument": POLICY},
    "text": "yes",
    "null": None,
    "status": {"statusCode": 200},
    "list": [1, 2],
    "context": {"principalId": "user", "policyDocument": POLICY, "context": {"a": {"b": 1}}},
    "huge": {"principalId": "u" * 100_000, "policyDocument": POLICY},
    "policy": {"principalId": "user", "policyDocument": {"Statement": [{"Effect": "Maybe"}]}},
}


def guard(event, context):
    return ANSWERS[event["queryStringParameters"]["token"]]


def echo(event, context):
    return {"statusCode": 200, "body": event.get("body", "")}
"""


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


@pytest.fixture
def node(start_node: StartNode, many_files: None) -> Node:
    return start_node(service={"serverless.yml": SERVICE, "handler.py": HANDLER})


def memory_kb(node: Node) -> int:
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


@asynccontextmanager
async def good_connections(url: str) -> AsyncIterator[list[ClientConnection]]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def open_one() -> ClientConnection:
        async with gate:
            return await connect(
                f"{url}?token=good", compression=None, ping_interval=None, open_timeout=30
            )

    clients = await asyncio.gather(*(open_one() for _ in range(GOOD)))
    try:
        yield clients
    finally:
        await asyncio.gather(*(client.close() for client in clients))


async def all_answer(clients: list[ClientConnection]) -> None:
    """Have each connection say something and hear it back."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int, client: ClientConnection) -> None:
        async with gate:
            await client.send(f"hello {number}")
            assert await asyncio.wait_for(client.recv(), 20) == f"hello {number}"

    await asyncio.gather(*(ask(*each) for each in enumerate(clients)))


async def answer_to(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def upgrade(
    path: str = "/dev?token=good", *, version: str = "13", key: str | None = "A" * 22 + "=="
) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Version: {version}"]
    lines += [f"Sec-WebSocket-Key: {key}"] if key else []
    return "\r\n".join([*lines, "", ""]).encode()


async def malformed_upgrades(port: int) -> None:
    for head, status in (
        (upgrade(key=None), b"400"),
        (upgrade(version="8"), b"400"),
        (upgrade(f"/dev?token={'x' * 5000}"), b"414"),
        (upgrade("/nowhere"), b"403"),
        (upgrade().replace(b"Host: x", b"X: " + b"x" * 100_000), b"431"),
    ):
        answers = await asyncio.gather(*(answer_to(port, head) for _ in range(50)))
        for answer in answers:
            assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]


async def slow_heads(port: int) -> None:
    """Send the bytes of a head one by one, and never its end."""

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for byte in upgrade()[:20]:
                writer.write(bytes((byte,)))
                await asyncio.sleep(0.05)
            assert await reader.read() == b"", "it was never cut"
        finally:
            writer.close()

    async with asyncio.timeout(20):
        await asyncio.gather(*(one() for _ in range(100)))


async def half_open_handshakes(port: int) -> None:
    writers = []
    for _ in range(HALF_OPEN):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            break
        writer.write(b"GET /dev HTTP/1.1\r\nX: y")
        writers.append(writer)
    await asyncio.sleep(0.2)
    reader, newcomer = await asyncio.open_connection("127.0.0.1", port)
    newcomer.write(upgrade())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    newcomer.close()
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0.5)  # until the node has heard of it


async def nonsense_of_authorizers(url: str) -> None:
    for token in ("text", "null", "status", "list", "context", "huge", "policy", "absent"):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"{url}?token={token}", compression=None)
        assert caught.value.response.status_code == 500, token
    with pytest.raises(InvalidStatus) as caught:
        await connect(url, compression=None)
    assert caught.value.response.status_code == 401


async def floods_and_bombs(url: str) -> None:
    async with connect(f"{url}?token=good", compression=None) as client:
        for bomb in ("[" * 30_000, '{"action":' * 3000, '{"action":1' + "0" * 30_000 + "}"):
            await client.send(bomb)
            assert await client.recv() == bomb
        for _ in range(3000):
            await client.send(FLOOD)
        answers = [
            json.loads(text) for text in [await client.recv() for _ in range(3000)] if text != FLOOD
        ]
        assert {answer["message"] for answer in answers} == {"Too Many Requests"}
    async with connect(f"{url}?token=good", compression=None) as client:
        await client.send("x" * 40_000)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1009


def test_a_thousand_good_connections_do_not_notice_the_bad_ones(node: Node) -> None:
    port = urlsplit(node.http_url).port
    assert port is not None

    async def main() -> None:
        async with good_connections(node.websocket_url) as clients:
            await all_answer(clients)
            before_kb = memory_kb(node)
            await malformed_upgrades(port)
            await slow_heads(port)
            await half_open_handshakes(port)
            await nonsense_of_authorizers(node.websocket_url)
            await floods_and_bombs(node.websocket_url)
            await all_answer(clients)
            assert memory_kb(node) - before_kb < MOST_GROWTH_KB

    asyncio.run(main())
    assert " ERROR bellwire" not in node.log_text()
