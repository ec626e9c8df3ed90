"""What every handler of the HTTP half has: the node around it, and the body of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Protocol

from aiohttp import web

from bellwire.bus.dead_letters import Letter, Selection
from bellwire.bus.retries import Dropped, Page, Retried
from bellwire.console import StaticFile
from bellwire.definition.model import Function
from bellwire.errors import CallerError, ForbiddenError, PayloadTooLargeError
from bellwire.functions.backlog import InvocationResult
from bellwire.functions.tail import Tails
from bellwire.gateway.ids import IdSource
from bellwire.iot.shadow_request import ShadowName
from bellwire.server.hub import Hub
from bellwire.settings import TOKEN_HEADER


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


class DeadLetterService(Protocol):
    """What does with dead letters as it is asked (see `bus.retries.Retries`); UpstreamError."""

    async def page(self, selection: Selection, *, before: int | None, count: int) -> Page: ...
    async def find(self, sequence: int) -> Letter | None: ...
    async def retry(
        self, selection: Selection, *, after: int, up_to: int | None, count: int, wait_s: float
    ) -> Retried: ...
    async def retry_each(self, sequences: Iterable[int], *, wait_s: float) -> Retried: ...
    async def drop(self, selection: Selection, *, up_to: int | None) -> Dropped: ...
    async def drop_each(self, sequences: Iterable[int]) -> Dropped: ...


@dataclass(frozen=True, slots=True)
class HttpServices:
    """What the HTTP half needs of the node.

    `find_function` knows functions by their keys and deployed names, `function_arn` gives the ARN
    of a deployed name; `invoke` runs one under the request id that it is given; `tails` see the
    log of all; `confirm` enables the HTTP destination of a token, or raises NotFoundError.
    `token` is what the node's own functions show where @connections asks for a signature, and
    what the command line shows where it changes or reads more than anybody may;
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
    dead_letters: DeadLetterService
    confirm: Callable[[str], Awaitable[None]]
    devices: Devices
    is_ready: Callable[[], bool]
    pages: Mapping[str, StaticFile]
    token: str
    host_names: Collection[str]
    metrics: Callable[[], bytes]
    status: Callable[[], Mapping[str, object]]


CONFIRM_PATH = "/confirmdestination"
"""What is before the token in the URL that enables an HTTP destination of rules
[docs.aws.amazon.com/iot/latest/apireference/API_ConfirmTopicRuleDestination.html]."""

SERVICES = web.AppKey("services", HttpServices)


def has_token(request: web.Request) -> bool:
    """Tell whether a request shows the node's token."""
    given = request.headers.get(TOKEN_HEADER, "").encode("utf-8", "surrogatepass")
    return compare_digest(given, request.app[SERVICES].token.encode())


def check_token(request: web.Request) -> None:
    """Refuse a request without the node's token; ForbiddenError."""
    if not has_token(request):
        raise ForbiddenError(
            f"{TOKEN_HEADER} is not the token of this node, which stands in its data folder"
        )


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
