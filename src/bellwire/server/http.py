"""The HTTP half of the front door: @connections, Invoke, Publish, the page, health.

Every handler reads a request, calls one function, and writes an answer. A CallerError becomes
the answer AWS gives; anything else is a bug and a 500.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bellwire.errors import (
    BadRequestError,
    CallerError,
    ForbiddenError,
    GoneError,
    NotFoundError,
    UpstreamError,
)
from bellwire.gateway import management
from bellwire.gateway.api import Account
from bellwire.gateway.signature import SignedRequest, verify_signature
from bellwire.iot.topics import excess
from bellwire.server.dead_letters import PATH as DEAD_LETTERS
from bellwire.server.dead_letters import add_dead_letters
from bellwire.server.invoke import add_invoke
from bellwire.server.request import (
    CONFIRM_PATH,
    SERVICES,
    HttpServices,
    has_token,
    read_body,
)
from bellwire.server.shadows import add_shadows


log = logging.getLogger("bellwire.http")

_CONTENT_SECURITY_POLICY = "default-src 'self'; connect-src 'self' ws: wss:"
_TOLD = frozenset({"/status", "/metrics", "/console/devices"})
"""What tells of the node and its devices."""
_SHUTDOWN_S = 2.0
_BODY_BYTES = 7 * 1024 * 1024  # a little above the largest event: the exact bound is checked later


def _make_application(services: HttpServices) -> web.Application:
    """Build the aiohttp application."""
    application = web.Application(middlewares=[_answer_errors, _refuse_other_sites])
    application[SERVICES] = services
    add = application.router.add_route
    add("*", "/{stage}/@connections/{connection_id}", _connections)
    add_invoke(application.router)
    add("POST", "/topics/{topic:.+}", _publish)
    add_shadows(application.router)
    add_dead_letters(application.router)
    add("GET", CONFIRM_PATH + "/{token}", _confirm)
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


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _answer_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    services = request.app[SERVICES]
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
    if origin is None and _tells(request.path) and _is_site(request):
        raise ForbiddenError(f"{request.host} is not among custom.bellwire.hostNames")
    return await handler(request)


def _tells(path: str) -> bool:
    return path in _TOLD or path.startswith(DEAD_LETTERS)


def _is_site(request: web.Request) -> bool:
    """Tell whether the host goes by a name that may be that of a web site.

    Its pages, which have it as their own host by then (see `_has_own_name`), name no origin when
    they read. A name without a dot, as those of containers, is no site's.
    """
    return "." in request.headers.get("Host", "") and not _has_own_name(request)


def _is_own_page(origin: str, request: web.Request) -> bool:
    """Tell whether the page came from here."""
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    return page.netloc == request.host and _has_own_name(request)


def _has_own_name(request: web.Request) -> bool:
    """Tell whether the host goes by a name that nobody else can give this address.

    A site may have its own name point here once its page is loaded (DNS rebinding): page and host
    are then the same, and still not ours.
    """
    try:
        name = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return False
    return (
        _is_address(name)
        or name == "localhost"
        or name.endswith(".localhost")
        or name in request.app[SERVICES].host_names
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def _connections(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    hub = services.hub
    apis = hub.find_apis(request.match_info["stage"], request.host)
    if not apis:
        raise ForbiddenError("Forbidden")
    method = request.method
    body = await read_body(request, hub.limits.message_bytes) if method == "POST" else b""
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
    if account.access_keys.sign_connections and not has_token(request):
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


class _LimitExceededError(CallerError):
    status = 429
    aws_code = "LimitExceededException"


class _InvalidRequestError(CallerError):
    aws_code = "InvalidRequestException"


async def _publish(request: web.Request) -> web.StreamResponse:
    """IoT data Publish. docs.aws.amazon.com/iot/latest/apireference/API_iotdata_Publish.html"""
    services = request.app[SERVICES]
    qos = request.query.get("qos", "0")
    if qos not in ("0", "1"):
        raise _InvalidRequestError(f"qos is 0 or 1, not {qos!r}")
    topic = unquote(_raw_target(request)[0].removeprefix("/topics/"))
    limits = services.hub.limits
    reason = excess(topic, most_bytes=limits.topic_bytes, most_levels=limits.topic_levels)
    if reason is not None:
        raise _InvalidRequestError(f"not published: {reason}")
    payload = await read_body(request, limits.mqtt_payload_bytes)
    try:
        await services.publish(topic, payload, int(qos))
    except BadRequestError as error:
        raise _InvalidRequestError(error.message) from None
    return web.json_response({"message": "OK"})


async def _confirm(request: web.Request) -> web.StreamResponse:
    """Enable an HTTP destination of rules.

    docs.aws.amazon.com/iot/latest/apireference/API_ConfirmTopicRuleDestination.html
    """
    await request.app[SERVICES].confirm(request.match_info["token"])
    return web.json_response({})


async def _devices(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    stage = services.hub.apis[0].stage
    document = {"stage": stage, "websocket_path": f"/{stage}", "devices": services.devices()}
    return web.Response(body=orjson.dumps(document), content_type="application/json")


async def _page(request: web.Request) -> web.StreamResponse:
    file = request.app[SERVICES].pages.get(request.match_info.get("file", "index.html"))
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
    text = request.app[SERVICES].metrics()
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _status(request: web.Request) -> web.StreamResponse:
    document = orjson.dumps(request.app[SERVICES].status())
    return web.Response(body=document, content_type="application/json")


async def _health(request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "ok"})


async def _ready(request: web.Request) -> web.StreamResponse:
    ready = request.app[SERVICES].is_ready()
    return web.json_response({"ready": ready}, status=200 if ready else 503)


def _raw_target(request: web.Request) -> tuple[str, str]:
    """Return path and query as they were sent; a target may name scheme and host, too."""
    target = request.raw_path
    if not target.startswith("/"):
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    return path, query


def _request_id(request: web.Request) -> str:
    return request.app[SERVICES].ids.request_id()


def _response(answer: management.Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body or None)
