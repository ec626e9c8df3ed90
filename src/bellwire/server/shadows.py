"""The Device Shadow calls of IoT data, as boto3 makes them.

docs.aws.amazon.com/iot/latest/developerguide/device-shadow-rest-api.html
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson
from aiohttp import web

from bellwire.errors import CallerError, PayloadTooLargeError
from bellwire.gateway import management
from bellwire.iot.shadow_request import (
    InvalidShadowRequestError,
    ShadowName,
    ShadowTooLargeError,
)
from bellwire.server.request import SERVICES, read_body


_OPERATIONS = {"GET": "get", "POST": "update", "DELETE": "delete"}
_PAGE = 100
"""Most names in an answer, and how many where the caller names no number
[docs.aws.amazon.com/iot/latest/apireference/API_iotdata_ListNamedShadowsForThing.html]."""


def add_shadows(router: web.UrlDispatcher) -> None:
    """Serve GetThingShadow, UpdateThingShadow, DeleteThingShadow and ListNamedShadowsForThing."""
    router.add_route("*", "/things/{thing}/shadow", _shadow)
    router.add_get("/api/things/shadow/ListNamedShadowsForThing/{thing}", _names)


async def _shadow(request: web.Request) -> web.StreamResponse:
    operation = _OPERATIONS.get(request.method)
    if operation is None:
        raise _MethodNotAllowedError(f"{request.method} is not allowed here")
    name = ShadowName(request.match_info["thing"], request.query.get("name"))
    body = await _document(request) if operation == "update" else b""
    return _answer(request, await request.app[SERVICES].shadows.serve(name, operation, body))


async def _names(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    names, more_after = await services.shadows.names(
        request.match_info["thing"],
        count=_page_size(request.query.get("pageSize")),
        after=_position(request.query.get("nextToken")),
    )
    document: dict[str, object] = {
        "results": names,
        "timestamp": services.hub.now_ms() // 1000,
    }
    if more_after is not None:
        document["nextToken"] = urlsafe_b64encode(more_after.encode()).decode()
    return _answer(request, orjson.dumps(document))


async def _document(request: web.Request) -> bytes:
    try:
        return await read_body(request, request.app[SERVICES].hub.limits.mqtt_payload_bytes)
    except PayloadTooLargeError:
        raise ShadowTooLargeError("The payload exceeds the maximum size allowed") from None


def _page_size(text: str | None) -> int:
    if text is None:
        return _PAGE
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:4]) <= _PAGE:
        raise InvalidShadowRequestError(f"pageSize is a number from 1 to {_PAGE}")
    return int(text)


def _position(token: str | None) -> str | None:
    """Return the name that a page begins behind."""
    if token is None:
        return None
    try:
        return urlsafe_b64decode(token.encode("ascii")).decode()
    except (binascii.Error, UnicodeError):
        raise InvalidShadowRequestError("Invalid nextToken") from None


class _MethodNotAllowedError(CallerError):
    status = 405
    aws_code = "MethodNotAllowedException"


def _answer(request: web.Request, body: bytes) -> web.Response:
    answer = management.success(200, body, request.app[SERVICES].ids.request_id())
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
