"""The real front door on a free port, and functions whose answers each test decides.

Both event loops run each test that asks for `run`. `FrontDoorServer.functions` stands where the
node puts its pool of processes: it is the seam the server is built on.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import orjson
import pytest
import uvloop
from botocore.config import Config
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

from bellwire.bus.dead_letters import DeadLetterStatistics, Letter, Selection
from bellwire.bus.retries import Dropped, Page, Retried
from bellwire.console import StaticFile
from bellwire.definition.model import AccessKeys, Function
from bellwire.errors import NotFoundError, Place, UpstreamError
from bellwire.functions.backlog import BacklogStatistics
from bellwire.functions.log_store import LogStatistics
from bellwire.functions.statistics import FunctionStatistics
from bellwire.functions.tail import Tails
from bellwire.gateway.api import Account, Api, Route
from bellwire.gateway.ids import IdSource
from bellwire.gateway.integration import LambdaProxy
from bellwire.gateway.selection import compile_selection
from bellwire.gateway.throttle import TokenBucket
from bellwire.iot.delivery import DeliveryStatistics
from bellwire.iot.shadow import ShadowStatistics
from bellwire.iot.shadow_request import ShadowError, ShadowName
from bellwire.limits import Limits
from bellwire.notify.listeners import ListenersStatistics
from bellwire.origin import Origin
from bellwire.server.certificates import LOOPBACK, development_context
from bellwire.server.front_door import FrontDoor
from bellwire.server.http import HttpServer
from bellwire.server.hub import Hub
from bellwire.server.metrics import Metrics, Sources
from bellwire.server.outbound import HttpClient
from bellwire.server.request import HttpServices
from bellwire.server.status import status_document


class Result(NamedTuple):
    """What a function returned."""

    payload: bytes
    error: str | None = None


class Call:
    """An invocation that a test sees and may answer whenever it likes."""

    def __init__(
        self, function: str, event: bytes, request_id: str, client_context: bytes = b""
    ) -> None:
        self.function = function
        self.event: Any = orjson.loads(event)
        self.request_id = request_id
        self.client_context = client_context
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @property
    def context(self) -> Any:
        return self.event["requestContext"]

    def answer(self, document: object) -> None:
        if not self.future.done():
            self.future.set_result(Result(orjson.dumps(document)))


Answer = Callable[[Call], object]
"""Returns the document of a result; or a Result; or raises CallerError; or None: not yet."""


class Functions:
    """Takes invocations: answers those it was told to answer, keeps the others pending."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: dict[str, Answer] = {}

    def invoke(
        self, function: str, event: bytes, request_id: str, client_context: bytes = b""
    ) -> asyncio.Future[Any]:
        call = Call(function, event, request_id, client_context)
        self.calls.append(call)
        answer = self.answers.get(function)
        result = answer(call) if answer is not None else None
        if isinstance(result, Result):
            call.future.set_result(result)
        elif result is not None:
            call.answer(result)
        return call.future

    def of(self, function: str) -> list[Call]:
        return [call for call in self.calls if call.function == function]

    async def wait_for(self, function: str, count: int = 1) -> list[Call]:
        await until(lambda: len(self.of(function)) >= count)
        return self.of(function)

    def release(self) -> None:
        """Let everything end that still waits, and all that comes."""
        self.answers.clear()
        self.answers.update(dict.fromkeys(ROUTES.values(), lambda call: {"statusCode": 200}))
        for call in self.calls:
            call.answer({"statusCode": 200})


ROUTES = {
    "$connect": "connect",
    "$disconnect": "disconnect",
    "$default": "default",
    "echo": "echo",
    "set": "set",
}
"""Route key → function; `echo` is two-way."""


def make_function(key: str, **given: Any) -> Function:
    usual: dict[str, Any] = {
        "name": f"app-dev-{key}",
        "handler": "h.f",
        "runtime": "python3.12",
        "timeout_s": 3.0,
        "memory_mb": 128,
        "environment": {},
        "reserved_concurrency": None,
        "place": Place("serverless.yml", 1, 1),
    }
    return Function(key=key, **usual | given)


_MADE = (
    make_function("set"),
    make_function("set_notify_list"),
    make_function("kept", provisioned_concurrency=1),
    make_function("few", reserved_concurrency=1),
)
FUNCTIONS = {each.key: each for each in _MADE} | {each.name: each for each in _MADE}
"""What Invoke may call, by key and by deployed name."""


def build_api(routes: Sequence[str | Route], limits: Limits, **given: Any) -> Api:
    """Build an API; a route is one of ROUTES, or whole."""
    timeout_ms = limits.integration_timeout_ms
    whole = [
        Route(each, LambdaProxy(ROUTES[each], timeout_ms), each == "echo")
        if isinstance(each, str)
        else each
        for each in routes
    ]
    free = TokenBucket(None, None)
    usual: dict[str, Any] = {
        "api_id": "abcdef1234",
        "stage": "dev",
        "select": compile_selection("$request.body.action"),
        "account": Account("eu-west-1", "123456789012", free, free, AccessKeys()),
    }
    return Api(**usual | given, routes={each.route_key: each for each in whole}, limits=limits)


class Published(NamedTuple):
    topic: str
    payload: bytes
    qos: int


class ShadowCalls:
    """Takes calls for shadows; answers with what it was told to, or raises it."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.answer: bytes | ShadowError | UpstreamError = b"{}"
        self.page: tuple[tuple[str, ...], str | None] = ((), None)

    async def serve(self, name: ShadowName, operation: str, payload: bytes) -> bytes:
        self.calls.append((name, operation, payload))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def names(
        self, thing: str, *, count: int, after: str | None = None
    ) -> tuple[tuple[str, ...], str | None]:
        self.calls.append((thing, count, after))
        return self.page


class LetterCalls:
    """Has one dead letter, and takes what is to be done with it."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.letter = Letter(
            sequence=7,
            kind="rule",
            name="warm",
            topic="a/b",
            request_id="",
            attempts=3,
            retries=1,
            reason="no",
            buried_ms=2,
            arrived_ms=1,
            origin=Origin("sensor"),
            chain=0,
            size=4,
            payload=None,
        )

    async def page(self, selection: Selection, *, before: int | None, count: int) -> Page:
        self.calls.append((selection, before, count))
        return Page([self.letter], {"warm": 1}, {}, 1)

    async def find(self, sequence: int) -> Letter | None:
        payload = b'{"a"' if sequence == 7 else b"\xff\x00"
        return self.letter._replace(payload=payload) if sequence in (7, 8) else None

    async def retry(
        self, selection: Selection, *, after: int, up_to: int | None, count: int, wait_s: float
    ) -> Retried:
        self.calls.append((selection, after, up_to, wait_s))
        return Retried(1, 2, 3, 4, {5: "no"}, 9, 8)

    async def retry_each(self, sequences: Iterable[int], *, wait_s: float) -> Retried:
        self.calls.append((list(sequences), wait_s))
        return Retried(1, 0, 0, 0, {}, 0, None)

    async def drop(self, selection: Selection, *, up_to: int | None) -> Dropped:
        self.calls.append((selection, up_to))
        return Dropped(6, {})

    async def drop_each(self, sequences: Iterable[int]) -> Dropped:
        self.calls.append((list(sequences),))
        return Dropped(0, {5: "no"})


class FrontDoorServer:
    """A running front door, and what it told the parts around it."""

    def __init__(
        self,
        routes: Sequence[str | Route],
        limits: Limits,
        api: dict[str, Any] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.functions = Functions()
        self._tls = tls
        self.published: list[Published] = []
        self.publish_error: Exception | None = None
        self.shadows = ShadowCalls()
        self.letters = LetterCalls()
        self.stored: list[tuple[str, bytes, str]] = []
        self.store_error: Exception | None = None
        self.tails = Tails(limits.log_tail_bytes)
        self.closed: list[str] = []
        self.function_statistics: dict[str, FunctionStatistics] = {}
        self.backlog_statistics: dict[str, BacklogStatistics] = {}
        self.rule_statistics: dict[str, DeliveryStatistics] = {}
        self.is_ready = True
        self.port = 0
        self._raw_clients: list[RawClient] = []
        self.confirmed: list[str] = []
        self.apis = [build_api(routes, limits, **(api or {}))]
        self._http_client = HttpClient(
            answer_bytes=limits.http_answer_bytes, requests=limits.http_requests
        )
        ids = IdSource("0a0b0c", sequence=0, clock=time.time)
        self.hub = Hub(
            self.apis,
            ids,
            invoke=self.functions.invoke,
            send_request=self._http_client.send,
            on_close=self.closed.append,
            now_ms=lambda: time.time_ns() // 1_000_000,
            trace_id=lambda: "Root=1-00000000-000000000000000000000000",
        )
        self.sources = Sources(
            self.hub,
            functions=lambda: self.function_statistics,
            backlog=lambda: self.backlog_statistics,
            rules=lambda: self.rule_statistics,
            rules_not_found=lambda: 12,
            listeners=lambda: ListenersStatistics(2, 3, 4, 5, 6),
            logs=lambda: LogStatistics(7, 8),
            shadows=lambda: ShadowStatistics({("update", "HTTP"): 4}, 3, 2, 1),
            dead_letters=lambda: DeadLetterStatistics(4, 3, 2, 1),
            broker=lambda: None,
            deployed_name=lambda key: f"app-dev-{key}",
        )
        self._http = HttpServer(
            HttpServices(
                hub=self.hub,
                ids=ids,
                find_function=FUNCTIONS.get,
                function_arn="arn:aws:lambda:eu-west-1:123456789012:function:{}".format,
                invocation_id=lambda: "8f3c0d0e-6a51-4a54-9c37-1b1b9b5f7a10",
                invoke=self.functions.invoke,
                store=self._store,
                tails=self.tails,
                publish=self._publish,
                shadows=self.shadows,
                dead_letters=self.letters,
                confirm=self._confirm,
                devices=lambda: [{"device_id": "pump-1", "value": {"rpm": 1450}}],
                is_ready=lambda: self.is_ready,
                pages={
                    "index.html": StaticFile(b"<h1>hi</h1>", "text/html; charset=utf-8", '"e1"'),
                    "page.css": StaticFile(b"h1 {}", "text/css; charset=utf-8", '"e2"'),
                },
                token="token-of-the-functions",
                host_names={"live.example.com"},
                metrics=Metrics(self.sources).text,
                status=self._status,
            )
        )

    async def _confirm(self, token: str) -> None:
        if token != "the-token":
            raise NotFoundError("there is no such confirmation token")
        self.confirmed.append(token)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/dev"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secure_url(self) -> str:
        return f"wss://localhost:{self.port}/dev"

    def _status(self) -> dict[str, object]:
        return status_document(self.sources, node={"service": "app"}, is_ready=self.is_ready)

    async def _store(self, function: str, event: bytes, request_id: str) -> None:
        if self.store_error is not None:
            raise self.store_error
        self.stored.append((function, event, request_id))

    async def _publish(self, topic: str, payload: bytes, qos: int) -> None:
        if self.publish_error is not None:
            raise self.publish_error
        self.published.append(Published(topic, payload, qos))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self._http.start()
        server = await asyncio.get_running_loop().create_server(
            lambda: FrontDoor(self.hub, self._http.make_protocol, self._tls), "127.0.0.1", 0
        )
        self.port = server.sockets[0].getsockname()[1]
        watch = asyncio.create_task(self.hub.watch())
        try:
            yield
        finally:
            for client in self._raw_clients:
                client.close()
            watch.cancel()
            server.close()
            self.functions.release()
            async with asyncio.timeout(5):
                await self.hub.close()
            await self._http.close()
            await self._http_client.close()

    # Clients

    def connect(self, **arguments: Any) -> connect:
        """Open a real client's connection; the status of a refusal is in its exception."""
        arguments = {"compression": None, "ping_interval": None, "close_timeout": 1} | arguments
        return connect(arguments.pop("url", self.url), **arguments)

    async def connect_with_id(self, **arguments: Any) -> tuple[ClientConnection, str]:
        """Open a connection and return it with its id, as `$connect` was told it."""
        client = await self.connect(**arguments)
        return client, self.functions.of("connect")[-1].context["connectionId"]

    async def raw(
        self, request: bytes | None = None, tls: ssl.SSLContext | None = None
    ) -> RawClient:
        """Open a bare connection and send bytes: by default a good upgrade request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)
        client = RawClient(reader, writer)
        self._raw_clients.append(client)
        client.send(UPGRADE if request is None else request)
        return client

    async def raw_open(self) -> RawClient:
        """Open a connection by hand, up to and including its 101."""
        client = await self.raw()
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 101 "), head
        return client

    async def request(
        self, method: str, path: str, body: bytes = b"", host: str = "localhost", **headers: str
    ) -> HttpAnswer:
        """Send one plain HTTP request, the path as it is, and return the answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        client = await self.raw("\r\n".join([*lines, "", ""]).encode() + body)
        head, _, content = (await client.rest()).partition(b"\r\n\r\n")
        client.close()
        status_line, *header_lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(": ") for line in header_lines)
        return HttpAnswer(
            int(status_line.split(" ")[1]),
            {name.lower(): value for name, _, value in fields},
            content,
        )


class HttpAnswer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


UPGRADE = (
    b"GET /dev HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + b64encode(bytes(16)) + b"\r\n\r\n"
)


class RawClient:
    """A peer that does exactly what it is told, good or bad."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def send_frame(self, opcode: Opcode, data: bytes, *, fin: bool = True) -> None:
        self.send(bytes(Frame(opcode, data, fin).serialize(mask=True)))

    def send_text(self, text: str) -> None:
        self.send_frame(Opcode.TEXT, text.encode())

    async def head(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def frame(self) -> tuple[Opcode, bytes]:
        """Read one small, unmasked frame."""
        async with asyncio.timeout(5):
            first, length = await self._reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self._reader.readexactly(2))
            return Opcode(first & 0x0F), await self._reader.readexactly(length)

    async def rest(self) -> bytes:
        """Read to the end of the stream."""
        async with asyncio.timeout(5):
            return await self._reader.read()

    def stop_reading(self) -> None:
        """Leave what comes in the kernel's buffers."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a socket's

    def read_on(self) -> None:
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    def end(self) -> None:
        """Half-close: nothing more will be sent."""
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """Vanish, as a phone in a tunnel does."""
        self._writer.transport.abort()


async def until(condition: Callable[[], object], within_s: float = 5.0) -> None:
    """Wait for a condition, and fail where it does not come true."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        await asyncio.sleep(0.001)


Run = Callable[[Coroutine[Any, Any, None]], None]
Serve = Callable[..., Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on one event loop, then on the other; a test has 15 seconds."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run_it(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            errors: list[dict[str, Any]] = []
            runner.get_loop().set_exception_handler(lambda loop, context: errors.append(context))
            runner.run(asyncio.wait_for(main, 15))
            assert errors == []

    return run_it


@pytest.fixture
def serve() -> Serve:
    """Start a front door: `async with serve(["$connect"], idle_timeout_s=0.2) as server`."""

    @asynccontextmanager
    async def start(
        routes: Sequence[str | Route] = tuple(ROUTES),
        *,
        api: dict[str, Any] | None = None,
        tls: ssl.SSLContext | None = None,
        **bounds: float,
    ) -> AsyncIterator[FrontDoorServer]:
        limits = replace(Limits(close_timeout_s=0.3), **bounds)  # type: ignore[arg-type]  # ints too
        server = FrontDoorServer(routes, limits, api, tls)
        server.functions.answers["connect"] = lambda call: {"statusCode": 200}
        server.functions.answers["disconnect"] = lambda call: {"statusCode": 200}
        server.functions.answers["echo"] = lambda call: {
            "statusCode": 200,
            "body": call.event["body"],
        }
        async with server.running():
            yield server

    return start


@pytest.fixture
def make_api() -> Callable[..., Api]:
    """Give `build_api`."""
    return build_api


@pytest.fixture
def wait_until() -> Callable[..., Awaitable[None]]:
    return until


class Authority(NamedTuple):
    """What a server shows, what its clients trust, and that as a file."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    file: Path


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The development authority of a node, as the node makes it."""
    folder = tmp_path_factory.mktemp("tls")
    server = development_context(folder, LOOPBACK, now=datetime.now(UTC))
    file = folder / "ca.pem"
    return Authority(server, ssl.create_default_context(cafile=file), file)


@pytest.fixture(scope="session")
def aws_session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1"
    )


@pytest.fixture
def aws_client(aws_session: boto3.Session) -> Callable[[str, str], Any]:
    """Make a real boto3 client of an AWS service that talks to an address of ours."""

    def make(service: str, url: str) -> Any:
        return aws_session.client(  # type: ignore[call-overload]  # a literal for each service
            service, endpoint_url=url, config=Config(retries={"max_attempts": 0})
        )

    return make
