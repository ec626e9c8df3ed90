"""The three events a function gets: CONNECT, MESSAGE, DISCONNECT.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

import orjson


# Present in the request, absent from the event of an integration (they are in an authorizer's).
_HOP_BY_HOP = frozenset({"connection", "upgrade", "content-length"})


class Handshake(NamedTuple):
    """What the client's upgrade request said.

    `query` is the raw query string; `headers` are (name, value) pairs as they came; `host` is
    the name the client used, with the port where it gave one.
    """

    host: str
    query: str
    headers: Sequence[tuple[str, str]]
    source_ip: str
    user_agent: str | None


class ConnectionContext(NamedTuple):
    """What every event of one connection repeats."""

    api_id: str
    stage: str
    connection_id: str
    connected_at_ms: int
    domain_name: str
    source_ip: str
    user_agent: str | None


def connect_event(
    context: ConnectionContext, handshake: Handshake, *, request_id: str, now_ms: int, trace_id: str
) -> bytes:
    """Return the event of route `$connect`."""
    headers = _connect_headers(handshake, trace_id)
    event: dict[str, object] = {
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
    }
    if multi := _query(handshake.query):
        event["queryStringParameters"] = {name: values[-1] for name, values in multi.items()}
        event["multiValueQueryStringParameters"] = multi
    event["requestContext"] = _request_context(
        context, {"routeKey": "$connect", "eventType": "CONNECT"}, request_id, now_ms
    )
    event["isBase64Encoded"] = False
    return orjson.dumps(event)


def message_event(
    context: ConnectionContext,
    body: str,
    *,
    route_key: str,
    message_id: str,
    request_id: str,
    now_ms: int,
) -> bytes:
    """Return the event of a message: no headers, the text as it came, the route that was taken."""
    first = {"routeKey": route_key, "messageId": message_id, "eventType": "MESSAGE"}
    return orjson.dumps(
        {
            "requestContext": _request_context(context, first, request_id, now_ms),
            "body": body,
            "isBase64Encoded": False,
        }
    )


def disconnect_event(
    context: ConnectionContext, *, code: int, reason: str, request_id: str, now_ms: int
) -> bytes:
    """Return the event of route `$disconnect`, with the four headers AWS makes up for it."""
    headers = {
        "Host": context.domain_name,
        "x-api-key": "",
        "X-Forwarded-For": "",
        "x-restapi": "",
    }
    first: dict[str, object] = {
        "routeKey": "$disconnect",
        "disconnectStatusCode": code,
        "eventType": "DISCONNECT",
    }
    request_context = _request_context(context, first, request_id, now_ms)
    request_context["disconnectReason"] = reason
    return orjson.dumps(
        {
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "requestContext": request_context,
            "isBase64Encoded": False,
        }
    )


def _request_context(
    context: ConnectionContext, first: Mapping[str, object], request_id: str, now_ms: int
) -> dict[str, object]:
    identity = {"sourceIp": context.source_ip}
    if context.user_agent is not None:
        identity = {"userAgent": context.user_agent, **identity}
    return {
        **first,
        "extendedRequestId": request_id,
        "requestTime": _clf(now_ms),
        "messageDirection": "IN",
        "stage": context.stage,
        "connectedAt": context.connected_at_ms,
        "requestTimeEpoch": now_ms,
        "identity": identity,
        "requestId": request_id,
        "domainName": context.domain_name,
        "connectionId": context.connection_id,
        "apiId": context.api_id,
    }


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _clf(epoch_ms: int) -> str:
    """Return the time as in a Common Log Format line; strftime would follow the locale."""
    at = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return (
        f"{at.day:02}/{_MONTHS[at.month - 1]}/{at.year}"
        f":{at.hour:02}:{at.minute:02}:{at.second:02} +0000"
    )


def _connect_headers(handshake: Handshake, trace_id: str) -> dict[str, list[str]]:
    """Fold the headers by name, as the client spelt it first, sorted; add those AWS adds."""
    host, _, port = handshake.host.rpartition(":")
    added = {
        "X-Amzn-Trace-Id": trace_id,
        "X-Forwarded-For": handshake.source_ip,
        "X-Forwarded-Port": port if host and port.isdigit() else "80",
        "X-Forwarded-Proto": "http",
    }
    skipped = _HOP_BY_HOP | {name.lower() for name in added}
    folded: dict[str, list[str]] = {name: [value] for name, value in added.items()}
    spelling: dict[str, str] = {}
    for name, value in handshake.headers:
        if name.lower() not in skipped:
            folded.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return {name: folded[name] for name in sorted(folded, key=str.lower)}


def _query(query: str) -> dict[str, list[str]]:
    pairs: Iterable[tuple[str, str]] = parse_qsl(query, keep_blank_values=True)
    multi: dict[str, list[str]] = {}
    for name, value in pairs:
        multi.setdefault(name, []).append(value)
    return multi
