"""The Lambda Runtime API of one environment: how a runtime gets events and gives results.

Each environment has an address of its own, on the loopback interface, as AWS_LAMBDA_RUNTIME_API
holds nothing but `host:port`. Web pages, which could send requests there too, are refused.
docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from typing import NamedTuple, Protocol

from aiohttp import web

from bellwire.functions import documents


_PREFIX = "/2018-06-01/runtime"
_INVOCATION = re.compile(_PREFIX + r"/invocation/([^/]+)/(response|error)")
_BACKLOG = 128
_KEPT_ALIVE_S = 86_400.0
"""A runtime may keep its connection between two requests: as long as an invocation may take."""
_FIELD_BYTES = 2 * 1024 * 1024
"""awslambdaric sends what X-Ray is to know of an error, up to 1 MB, in a header."""
_SHUTDOWN_S = 0.1
_OF_A_PAGE = ("Origin", "Sec-Fetch-Site")
"""Headers that browsers send and no runtime does."""


class Turn(NamedTuple):
    """An invocation as a runtime gets it; the deadline is in epoch milliseconds.

    `client_context` is JSON, or empty.
    """

    request_id: str
    deadline_ms: int
    function_arn: str
    trace_id: str
    client_context: bytes
    event: bytes


class RefusedError(Exception):
    """A request at the wrong time or about the wrong invocation."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message


class Exchange(Protocol):
    """What the API serves: one environment."""

    async def next(self) -> Turn:
        """Wait for the next invocation; raises RefusedError."""

    def check(self, request_id: str) -> None:
        """Raise RefusedError unless this is the invocation that runs."""

    def respond(self, request_id: str, document: bytes) -> None:
        """Take a result; raises RefusedError."""

    def fail(self, request_id: str, document: bytes) -> None:
        """Take an error document; raises RefusedError."""

    def fail_init(self, document: bytes) -> None:
        """Take the error document of an init that failed; raises RefusedError."""


class RuntimeApi:
    """Serves one environment on a socket that listens already."""

    def __init__(self, exchange: Exchange, *, body_bytes: int) -> None:
        """Take results and error documents of up to `body_bytes`."""
        self._exchange = exchange
        self._body_bytes = body_bytes
        self._web: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._host = ""

    async def start(self, listening: socket.socket) -> None:
        """Serve from here on."""
        self._web = web.Server(
            self._handle,
            access_log=None,
            keepalive_timeout=_KEPT_ALIVE_S,
            max_field_size=_FIELD_BYTES,
            handler_cancellation=True,  # a runtime that is gone waits for no invocation
        )
        host, port = listening.getsockname()[:2]
        self._host = f"{host}:{port}"
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._web, sock=listening)

    async def close(self) -> None:
        """Close the address and all connections to it."""
        if self._listener is not None:
            self._listener.close()
        if self._web is not None:
            await self._web.shutdown(_SHUTDOWN_S)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        try:
            return await self._answer(request)
        except RefusedError as error:
            return _refusal(error)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        # A page may have its own name lead here (DNS rebinding): then the host is not ours.
        if request.host != self._host or any(name in request.headers for name in _OF_A_PAGE):
            raise RefusedError(403, "Forbidden", "This address is for the function's runtime")
        exchange, path = self._exchange, request.path
        if request.method == "GET" and path == f"{_PREFIX}/invocation/next":
            return _turn(await exchange.next())
        if request.method == "POST" and path == f"{_PREFIX}/init/error":
            exchange.fail_init(await self._read(request))
            return _accepted()
        match = _INVOCATION.fullmatch(path)
        if request.method != "POST" or match is None:
            raise RefusedError(404, "NotFound", f"There is no {request.method} {path} here")
        request_id, kind = match.groups()
        exchange.check(request_id)
        take = exchange.respond if kind == "response" else exchange.fail
        await self._take(request, request_id, take)
        return _accepted()

    async def _take(
        self, request: web.BaseRequest, request_id: str, take: Callable[[str, bytes], None]
    ) -> None:
        try:
            document = await self._read(request)
        except RefusedError:
            too_large = documents.response_too_large(self._body_bytes)
            self._exchange.fail(request_id, too_large)
            raise
        take(request_id, document)

    async def _read(self, request: web.BaseRequest) -> bytes:
        """Read a body; what is over the bound is read too, so that the runtime hears the answer."""
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, size = bytearray(), 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size <= self._body_bytes:
                body += chunk
        if size > self._body_bytes:
            raise RefusedError(
                413,
                "RequestEntityTooLarge",
                f"Exceeded maximum allowed payload size ({self._body_bytes} bytes).",
            )
        return bytes(body)


def _turn(turn: Turn) -> web.Response:
    headers = {
        # Exactly this: awslambdaric hands a body of any other type over as bytes.
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": turn.request_id,
        "Lambda-Runtime-Deadline-Ms": str(turn.deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": turn.function_arn,
        "Lambda-Runtime-Trace-Id": turn.trace_id,
    }
    if turn.client_context:
        headers["Lambda-Runtime-Client-Context"] = turn.client_context.decode()
    return web.Response(body=turn.event, headers=headers)


def _accepted() -> web.Response:
    body = b'{"status":"OK"}'
    return web.Response(status=202, body=body, headers={"Content-Type": "application/json"})


def _refusal(error: RefusedError) -> web.Response:
    return web.Response(
        status=error.status,
        body=documents.api_error(error.error_type, error.message),
        headers={"Content-Type": "application/json"},
    )
