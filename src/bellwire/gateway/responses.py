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


FORBIDDEN = "Forbidden"
INTERNAL_SERVER_ERROR = "Internal server error"
TIMED_OUT = "Endpoint request timed out"
TOO_MANY_REQUESTS = "Too Many Requests"

# Any other key makes the response malformed: seen on AWS in github.com/middyjs/middy/issues/1219.
_KEYS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
# What may stand in a header: other values are left out, a line break would begin a new header.
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class ProxyResponse(NamedTuple):
    """The response of a function behind a proxy integration; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parse_proxy_response(payload: bytes) -> ProxyResponse | None:
    """Read a function's result; None where API Gateway calls it malformed."""
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or not document.keys() <= _KEYS:
        return None
    status = _status(document.get("statusCode"))
    body = _body(document.get("body"), document.get("isBase64Encoded", False))
    headers = _headers(document.get("headers"))
    if status is None or body is None or headers is None:
        return None
    return ProxyResponse(status, headers, body)


def _status(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
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


def _headers(value: object) -> Mapping[str, str] | None:
    if value is None:
        return {}
    if not isinstance(value, dict):
        return None
    return {
        name.lower(): text
        for name, text in ((name, str(content)) for name, content in value.items())
        if _HEADER_VALUE.fullmatch(text)
    }


def error_frame(message: str, *, connection_id: str, request_id: str) -> bytes:
    """Return the frame a client gets where its message failed.

    The odd spacing is API Gateway's own, as captured in
    github.com/aws-samples/simple-websockets-chat-app/issues/42.
    """
    return (
        f'{{"message": "{message}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    ).encode()
