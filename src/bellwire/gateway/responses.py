"""What a proxy integration returned, and the frames API Gateway sends where it failed.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-routes-integrations.html
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from bellwire.gateway.effects import Reject


FORBIDDEN = "Forbidden"
INTERNAL_SERVER_ERROR = "Internal server error"
TIMED_OUT = "Endpoint request timed out"
TOO_MANY_REQUESTS = "Too Many Requests"
BAD_REQUEST_BODY = "Bad request body"
UNSUPPORTED_MEDIA_TYPE = "Unsupported Media Type"
UNAUTHORIZED = "Unauthorized"
SERVICE_UNAVAILABLE = "Service Unavailable"

# Any other key makes the response malformed: seen on AWS in github.com/middyjs/middy/issues/1219.
_KEYS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
_REASON_CHARS = 200
# What may stand in a header: other values are left out, a line break would begin a new header.
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


_ERROR_TYPES = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    414: "BadRequestException",
    415: "UnsupportedMediaTypeException",
    429: "LimitExceededException",
    503: "ServiceUnavailableException",
}


class Response(NamedTuple):
    """What an integration answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parse_proxy_response(payload: bytes) -> Response | str:
    """Read a function's result; what is wrong with it, where API Gateway calls it malformed."""
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return "it is not JSON"
    if not isinstance(document, dict):
        return "it is not a map with a statusCode"
    if not document.keys() <= _KEYS:
        others = ", ".join(sorted(document.keys() - _KEYS))
        return f"it has other keys than {', '.join(sorted(_KEYS))}: {others[:_REASON_CHARS]}"
    status = parse_status(document.get("statusCode"))
    body = _body(document.get("body"), document.get("isBase64Encoded", False))
    headers = _headers(document.get("headers"), document.get("multiValueHeaders"))
    if status is None:
        return "its statusCode is not a number from 100 to 599"
    if body is None:
        return "its body is not a text, or not base64 of one where isBase64Encoded says so"
    if headers is None:
        return "its headers are not a map"
    return Response(status, headers, body)


def parse_status(value: object) -> int | None:
    """Return a status code, from a number or its text; None for what is none."""
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value
    return None


def _body(value: object, is_base64: object) -> bytes | None:
    if value is None:
        return b""
    if not isinstance(value, str):
        return None
    if is_base64 is not True:
        return value.encode("utf-8", "replace")
    try:
        content = b64decode(value, validate=True)
        content.decode()  # what is sent is a text frame: choice, AWS does not say
    except (binascii.Error, UnicodeDecodeError):
        return None
    return content


def _headers(single: object, multi: object) -> Mapping[str, str] | None:
    """Return what can be sent of the headers; None where they are no maps."""
    found: dict[str, str] = {}
    for given in (single, multi):
        if given is None:
            continue
        if not isinstance(given, dict):
            return None
        for name, content in given.items():
            value = content[-1] if isinstance(content, list) and content else content
            if isinstance(value, str | int | float) and value != "":
                found[name.lower()] = str(value)
    return {name: value for name, value in found.items() if HEADER_VALUE.fullmatch(value)}


def error_frame(message: str, *, connection_id: str, request_id: str) -> bytes:
    """Return the frame a client gets where its message failed.

    The odd spacing is API Gateway's own, as captured in
    github.com/aws-samples/simple-websockets-chat-app/issues/42.
    """
    return (
        f'{{"message": "{message}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    ).encode()


def validation_frame(*, connection_id: str, message_id: str) -> bytes:
    """Return the frame for a message that its route's model does not allow.

    It carries the message's id where others carry the request's, and has a spacing of its own.
    docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-routes-integrations.html
    """
    return (
        f'{{"message" : "{BAD_REQUEST_BODY}", "connectionId": "{connection_id}", '
        f'"messageId": "{message_id}"}}'
    ).encode()


def rejection(status: int, body: bytes, request_id: str) -> Reject:
    """Return the answer to a handshake that the gateway itself refuses.

    AWS does not document body and headers of it: ours are those of its other APIs, and the body
    is the frame that a message would get.
    """
    headers = {
        "Content-Type": "application/json",
        "x-amzn-ErrorType": _ERROR_TYPES.get(status, "InternalServerErrorException"),
        "x-amzn-RequestId": request_id,
        "x-amz-apigw-id": request_id,
    }
    return Reject(status, headers, body)
