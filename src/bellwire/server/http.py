"""The HTTP half of the front door: @connections, Invoke, Publish, the page, health.

Every handler reads a request, calls one function, and writes an answer. A CallerError becomes
the answer AWS gives; anything else is a bug and a 500.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bellwire.console import StaticFile
from bellwire.errors import (
    BadRequestError,
    CallerError,
    ForbiddenError,
    GoneError,
    NotFoundError,
    PayloadTooLargeError,
    UpstreamError,
)
from bellwire.functions.tail import Tails
from bellwire.gateway import management
from bellwire.gateway.api import Account
from bellwire.gateway.ids import IdSource
from bellwire.gateway.signature import SignedRequest, verify_signature
from bellwire.server.hub import Hub, InvokeFunction


log = logging.getLogger("bellwire.http")

Publish = Callable[[str, bytes, int], Awaitable[None]]
"""Publishes to a topic with a QoS of 0 or 1; returns once the broker has it."""
StoreEvent = Callable[[str, bytes, str], Awaitable[None]]
"""Keeps an asynchronous event: the function's key, JSON, the request id. Raises UpstreamError."""
Devices = Callable[[], list[dict[str, object]]]
"""Tells the devices known so far, with their last values."""

_CONTENT_SECURITY_POLICY = "default-src 'self'; connect-src 'self' ws: wss:"
TOKEN_HEADER = "X-Bellwire-Token"
_SHUTDOWN_S = 2.0
_BODY_BYTES = 7 * 1024 * 1024  # a little above the largest event: the exact bound is checked later


@dataclass(frozen=True, slots=True)
class HttpServices:
    """What the HTTP half needs of the node.

    `functions` are keys by each name that a function may be called by; `invoke` runs one under
    the request id that it is given; `tails` see the log of all.
    `token` is what the node's own functions show where @connections asks for a signature;
    `host_names` are names of this host that its pages may be under, besides addresses.
    """

    hub: Hub
    ids: IdSource
    functions: Mapping[str, str]
    invocation_id: Callable[[], str]
    invoke: InvokeFunction
    store: StoreEvent
    tails: Tails
    publish: Publish
    devices: Devices
    is_ready: Callable[[], bool]
    pages: Mapping[str, StaticFile]
    token: str
    host_names: Collection[str]
    metrics: Callable[[], bytes]
    status: Callable[[], Mapping[str, object]]


def _make_application(services: HttpServices) -> web.Application:
    """Build the aiohttp application."""
    application = web.Application(middlewares=[_answer_errors, _refuse_other_sites])
    application[_SERVICES] = services
    add = application.router.add_route
    add("*", "/{stage}/@connections/{connection_id}", _connections)
    add("POST", "/2015-03-31/functions/{name}/invocations", _invoke)
    add("POST", "/topics/{topic:.+}", _publish)
    add("GET", "/console/devices", _devices)
    add("GET", "/console/{file}", _page)
    add("GET", "/", _page)
    add("GET", "/metrics", _metrics)
    add("GET", "/status", _status)
    add("GET", "/healthz", _health)
    add("GET", "/readyz", _ready)
    return application


class HttpServer:
    """The aiohttp side of the front door; it listens nowhere itself."""

    def __init__(self, services: HttpServices) -> None:
        self._runner = web.AppRunner(
            _make_application(services),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_S,  # a body that never ends would else hold it for a minute
        )

    async def start(self) -> None:
        """Get ready to make protocols."""
        await self._runner.setup()

    def make_protocol(self) -> asyncio.Protocol:
        """Return a protocol that serves one connection."""
        assert self._runner.server is not None, "start() comes first"
        return self._runner.server()

    async def close(self) -> None:
        """Close what is open."""
        await self._runner.cleanup()


_SERVICES = web.AppKey("services", HttpServices)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _answer_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    services = request.app[_SERVICES]
    try:
        return await handler(request)
    except CallerError as error:
        return _response(management.failure(error, services.ids.request_id()))
    except UpstreamError as error:
        log.error("%s %s: %s", request.method, request.path, error.message)
        return web.json_response({"message": error.message}, status=503)
    except web.HTTPException as error:
        # What is no resource of ours is answered as the execute-api host does.
        if error.status in (404, 405):
            return _response(management.failure(ForbiddenError("Forbidden"), _request_id(request)))
        raise


@web.middleware
async def _refuse_other_sites(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse calls that a web page of another site makes through a visitor's browser."""
    origin = request.headers.get("Origin")
    if origin is not None and not _is_own_page(origin, request):
        raise ForbiddenError(f"calls from the web page {origin} are not allowed")
    return await handler(request)


def _is_own_page(origin: str, request: web.Request) -> bool:
    """Tell whether the page came from here, under a name that nobody else can give this address.

    A site may have its own name point here once its page is loaded (DNS rebinding): page and host
    are then the same, and still not ours.
    """
    try:
        page = urlsplit(origin)
        name = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return False
    return page.netloc == request.host and (
        _is_address(name)
        or name == "localhost"
        or name.endswith(".localhost")
        or name in request.app[_SERVICES].host_names
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def _connections(request: web.Request) -> web.StreamResponse:
    services = request.app[_SERVICES]
    hub = services.hub
    apis = hub.find_apis(request.match_info["stage"], request.host)
    if not apis:
        raise ForbiddenError("Forbidden")
    method = request.method
    body = await _body(request, hub.limits.message_bytes) if method == "POST" else b""
    _check_call(services, apis[0].account, request, body)
    connection_id = unquote(request.match_info["connection_id"])
    management.check_connection_id(connection_id)
    management.check_text(body)
    session = hub.get(connection_id)
    # An id of another stage is as unknown here as one that never was.
    if session is None or session.connection is None or session.connection.api not in apis:
        raise GoneError("Gone")
    request_id = services.ids.request_id()
    if method == "POST":
        # A reader that is too slow for its queue is cut: from then on it is gone.
        if not hub.deliver((connection_id,), body):
            raise GoneError("Gone")
        return _response(management.success(200, b"", request_id))
    if method == "GET":
        document = management.connection_document(session.connection)
        return _response(management.success(200, document, request_id))
    if method == "DELETE":
        session.close(session.connection.delete())
        return _response(management.success(204, b"", request_id))
    raise ForbiddenError("Forbidden")


def _check_call(
    services: HttpServices, account: Account, request: web.Request, body: bytes
) -> None:
    """Check that a call of @connections is allowed: its signature, the account's throttle.

    docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
    """
    now_ms = services.hub.now_ms()
    given = request.headers.get(TOKEN_HEADER, "").encode("utf-8", "surrogatepass")
    is_own_function = compare_digest(given, services.token.encode())
    if account.access_keys.sign_connections and not is_own_function:
        path, query = _raw_target(request)
        headers = [(name, value) for name, value in request.headers.items()]
        verify_signature(
            SignedRequest(request.method, path, query, headers, body),
            secret_of=account.access_keys.secrets.get,
            region=account.region,
            now_ms=now_ms,
        )
    if not account.requests.take(now_ms):
        raise _LimitExceededError("Rate exceeded")


async def _invoke(request: web.Request) -> web.StreamResponse:
    """Lambda's Invoke. docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    services = request.app[_SERVICES]
    kind = _choice(request, "X-Amz-Invocation-Type", ("RequestResponse", "Event", "DryRun"))
    log_type = _choice(request, "X-Amz-Log-Type", ("None", "Tail"))
    name = _function_name(unquote(request.match_info["name"]))
    function = services.functions.get(name)
    if function is None:
        raise NotFoundError(f"Function not found: {name}")
    request_id = services.invocation_id()
    if kind == "DryRun":
        return web.Response(status=204, headers={"x-amzn-RequestId": request_id})
    try:
        if kind == "Event":
            return await _accept(request, function, request_id)
        return await _run(request, function, request_id, wants_log=log_type == "Tail")
    except PayloadTooLargeError as error:
        raise _RequestTooLargeError(error.message) from None


async def _run(
    request: web.Request, function: str, request_id: str, *, wants_log: bool
) -> web.StreamResponse:
    """Run a function and answer with its result, and the last of its log where asked."""
    services = request.app[_SERVICES]
    event = await _event(request)
    if wants_log:
        with services.tails.follow(request_id) as tail:
            result = await services.invoke(function, event, request_id)
    else:
        tail, result = None, await services.invoke(function, event, request_id)
    headers = {"x-amzn-RequestId": request_id, "X-Amz-Executed-Version": "$LATEST"}
    if result.error:
        headers["X-Amz-Function-Error"] = result.error
    if tail is not None:
        headers["X-Amz-Log-Result"] = tail.encoded()
    return web.Response(body=result.payload, headers=headers, content_type="application/json")


async def _accept(request: web.Request, function: str, request_id: str) -> web.StreamResponse:
    """Answer 202 once an asynchronous event is where no crash can reach it."""
    services = request.app[_SERVICES]
    limit = services.hub.limits.asynchronous_payload_bytes
    event = await _event(request)
    if len(event) > limit:
        raise PayloadTooLargeError(
            f"{len(event)} byte payload is too large for the Event invocation type "
            f"(limit {limit} bytes)"
        )
    headers = {"x-amzn-RequestId": request_id}
    try:
        await services.store(function, event, request_id)
    except UpstreamError as error:
        log.error("function %s: an event was not accepted: %s", function, error.message)
        headers["x-amzn-ErrorType"] = "ServiceException"
        return web.json_response({"message": error.message}, status=500, headers=headers)
    return web.Response(status=202, headers=headers)


async def _event(request: web.Request) -> bytes:
    """Read an event, which must be JSON; none is an empty map."""
    event = await _body(request, _BODY_BYTES) or b"{}"
    try:
        orjson.loads(event)
    except orjson.JSONDecodeError as error:
        raise _InvalidRequestContentError(
            f"Could not parse request body into json: {error}"
        ) from None
    return event


def _choice(request: web.Request, header: str, choices: tuple[str, ...]) -> str:
    """Return the value of a header, by default the first it may have."""
    value = request.headers.get(header, choices[0])
    if value not in choices:
        raise _InvalidParameterError(f"{header} is {', '.join(choices)}, not {value!r}")
    return value


class _RequestTooLargeError(CallerError):
    status = 413
    aws_code = "RequestTooLargeException"


class _RequestTimeoutError(CallerError):
    status = 408
    aws_code = "RequestTimeoutException"


class _LimitExceededError(CallerError):
    status = 429
    aws_code = "LimitExceededException"


class _InvalidParameterError(CallerError):
    aws_code = "InvalidParameterValueException"


class _InvalidRequestError(CallerError):
    aws_code = "InvalidRequestException"


class _InvalidRequestContentError(CallerError):
    aws_code = "InvalidRequestContentException"


def _function_name(name: str) -> str:
    """Return the function's name from a name, a partial ARN or an ARN."""
    if ":function:" in name:
        name = name.partition(":function:")[2]
    return name.partition(":")[0]


async def _publish(request: web.Request) -> web.StreamResponse:
    """IoT data Publish. docs.aws.amazon.com/iot/latest/apireference/API_iotdata_Publish.html"""
    services = request.app[_SERVICES]
    qos = request.query.get("qos", "0")
    if qos not in ("0", "1"):
        raise _InvalidRequestError(f"qos is 0 or 1, not {qos!r}")
    topic = unquote(_raw_target(request)[0].removeprefix("/topics/"))
    payload = await _body(request, services.hub.limits.mqtt_payload_bytes)
    try:
        await services.publish(topic, payload, int(qos))
    except BadRequestError as error:
        raise _InvalidRequestError(error.message) from None
    return web.json_response({"message": "OK"})


async def _devices(request: web.Request) -> web.StreamResponse:
    services = request.app[_SERVICES]
    stage = services.hub.apis[0].stage
    document = {"stage": stage, "websocket_path": f"/{stage}", "devices": services.devices()}
    return web.Response(body=orjson.dumps(document), content_type="application/json")


async def _page(request: web.Request) -> web.StreamResponse:
    file = request.app[_SERVICES].pages.get(request.match_info.get("file", "index.html"))
    if file is None:
        raise NotFoundError("no such page")
    headers = {
        "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
        "ETag": file.etag,
    }
    if request.headers.get("If-None-Match") == file.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, headers=headers | {"Content-Type": file.content_type})


async def _metrics(request: web.Request) -> web.StreamResponse:
    text = request.app[_SERVICES].metrics()
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _status(request: web.Request) -> web.StreamResponse:
    document = orjson.dumps(request.app[_SERVICES].status())
    return web.Response(body=document, content_type="application/json")


async def _health(request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "ok"})


async def _ready(request: web.Request) -> web.StreamResponse:
    ready = request.app[_SERVICES].is_ready()
    return web.json_response({"ready": ready}, status=200 if ready else 503)


def _raw_target(request: web.Request) -> tuple[str, str]:
    """Return path and query as they were sent; a target may name scheme and host, too."""
    target = request.raw_path
    if not target.startswith("/"):
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    return path, query


async def _body(request: web.Request, limit: int) -> bytes:
    """Read a request's body; raises PayloadTooLargeError before more than `limit` is in memory."""
    too_large = PayloadTooLargeError(f"Request too long: at most {limit} bytes")
    if request.content_length is not None and request.content_length > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(request.app[_SERVICES].hub.limits.request_body_timeout_s):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise _RequestTimeoutError("the body did not come in time") from None
    return bytes(body)


def _request_id(request: web.Request) -> str:
    return request.app[_SERVICES].ids.request_id()


def _response(answer: management.Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body or None)
