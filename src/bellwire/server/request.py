"""What every handler of the HTTP half has: the node around it, and the body of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from bellwire.console import StaticFile
from bellwire.definition.model import Function
from bellwire.errors import CallerError, PayloadTooLargeError
from bellwire.functions.backlog import InvocationResult
from bellwire.functions.tail import Tails
from bellwire.gateway.ids import IdSource
from bellwire.iot.shadow_request import ShadowName
from bellwire.server.hub import Hub


Publish = Callable[[str, bytes, int], Awaitable[None]]
"""Publishes to a topic with a QoS of 0 or 1; returns once the broker has it."""
InvokeWithContext = Callable[[str, bytes, str, bytes], "asyncio.Future[InvocationResult]"]
"""Runs a function: its key, the event as JSON, the request id, the client context as JSON or
nothing. Raises CallerError."""
StoreEvent = Callable[[str, bytes, str], Awaitable[None]]
"""Keeps an asynchronous event: the function's key, JSON, the request id. Raises UpstreamError."""
Devices = Callable[[], list[dict[str, object]]]
"""Tells the devices known so far, with their last values."""


class ShadowService(Protocol):
    """What serves device shadows; raises ShadowError and UpstreamError."""

    async def serve(self, name: ShadowName, operation: str, payload: bytes) -> bytes:
        """Return the answer to a get, update or delete."""

    async def names(
        self, thing: str, *, count: int, after: str | None = None
    ) -> tuple[tuple[str, ...], str | None]:
        """Return names of a thing's named shadows, and the last where there are more."""


@dataclass(frozen=True, slots=True)
class HttpServices:
    """What the HTTP half needs of the node.

    `find_function` knows functions by their keys and deployed names, `function_arn` gives the ARN
    of a deployed name; `invoke` runs one under the request id that it is given; `tails` see the
    log of all.
    `token` is what the node's own functions show where @connections asks for a signature;
    `host_names` are names of this host that its pages may be under, besides addresses.
    """

    hub: Hub
    ids: IdSource
    find_function: Callable[[str], Function | None]
    function_arn: Callable[[str], str]
    invocation_id: Callable[[], str]
    invoke: InvokeWithContext
    store: StoreEvent
    tails: Tails
    publish: Publish
    shadows: ShadowService
    devices: Devices
    is_ready: Callable[[], bool]
    pages: Mapping[str, StaticFile]
    token: str
    host_names: Collection[str]
    metrics: Callable[[], bytes]
    status: Callable[[], Mapping[str, object]]


SERVICES = web.AppKey("services", HttpServices)


class _RequestTimeoutError(CallerError):
    status = 408
    aws_code = "RequestTimeoutException"


async def read_body(request: web.Request, limit: int) -> bytes:
    """Read a request's body; raises PayloadTooLargeError before more than `limit` is in memory."""
    too_large = PayloadTooLargeError(f"Request too long: at most {limit} bytes")
    if request.content_length is not None and request.content_length > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(request.app[SERVICES].hub.limits.request_body_timeout_s):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise _RequestTimeoutError("the body did not come in time") from None
    return bytes(body)
