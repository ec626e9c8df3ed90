"""The events a function gets: CONNECT, MESSAGE, DISCONNECT, and that of an authorizer.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl

import orjson


# Present in the request, absent from the event of an integration (they are in an authorizer's).
_HOP_BY_HOP = frozenset({"connection", "upgrade", "content-length"})


class Handshake(NamedTuple):
    """What the client's upgrade request said.

    `path` and `query` are as they came; `headers` are (name, value) pairs, also as they came;
    `host` is the name the client used, with the port where it gave one.
    """

    host: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    source_ip: str
    user_agent: str | None

    def headers_by_name(self) -> dict[str, list[str]]:
        """Return the values of each header by its name in lower case."""
        folded: dict[str, list[str]] = {}
        for name, value in self.headers:
            folded.setdefault(name.lower(), []).append(value)
        return folded

    def query_by_name(self) -> dict[str, list[str]]:
        """Return the values of each query parameter by its name."""
        multi: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            multi.setdefault(name, []).append(value)
        return multi


_NOTHING: Mapping[str, str] = MappingProxyType({})


class ConnectionContext(NamedTuple):
    """What every event of one connection repeats.

    `caller` is who signed the handshake (AWS_IAM) or which API key it had, as members of
    `identity`; `authorizer` what the Lambda authorizer said, None without one.
    """

    api_id: str
    stage: str
    connection_id: str
    connected_at_ms: int
    domain_name: str
    source_ip: str
    user_agent: str | None
    stage_variables: Mapping[str, str] = _NOTHING
    caller: Mapping[str, str] = _NOTHING
    authorizer: Mapping[str, str] | None = None


def connect_event(
    context: ConnectionContext,
    handshake: Handshake,
    *,
    request_id: str,
    now_ms: int,
    trace_id: str,
    authorizer_latency_ms: float | None = None,
) -> bytes:
    """Return the event of route `$connect`."""
    event = _headers(_connect_headers(handshake, trace_id))
    if multi := handshake.query_by_name():
        event |= _query(multi)
    request_context = _connect_context(context, request_id, now_ms)
    if context.authorizer is not None and authorizer_latency_ms is not None:
        latency = {"integrationLatency": round(authorizer_latency_ms)}
        request_context["authorizer"] = {**context.authorizer, **latency}
    return _dump(event, context, request_context)


def authorizer_event(
    context: ConnectionContext,
    handshake: Handshake,
    *,
    method_arn: str,
    request_id: str,
    now_ms: int,
    trace_id: str,
) -> bytes:
    """Return the event of a REQUEST authorizer: what is empty is there as `{}`."""
    headers = _connect_headers(handshake, trace_id)
    headers |= {"Connection": ["upgrade"], "content-length": ["0"], "Upgrade": ["websocket"]}
    headers = {name: headers[name] for name in sorted(headers, key=str.lower)}
    return orjson.dumps(
        {
            "type": "REQUEST",
            "methodArn": method_arn,
            **_headers(headers),
            **_query(handshake.query_by_name()),
            "stageVariables": dict(context.stage_variables),
            "requestContext": _connect_context(context, request_id, now_ms),
        }
    )


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
    event: dict[str, object] = {}
    if context.stage_variables:
        event["stageVariables"] = dict(context.stage_variables)
    event["requestContext"] = _request_context(context, first, request_id, now_ms)
    event["body"] = body
    event["isBase64Encoded"] = False
    return orjson.dumps(event)


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
    event = _headers({name: [value] for name, value in headers.items()})
    return _dump(event, context, request_context)


def _dump(
    event: dict[str, object], context: ConnectionContext, request_context: dict[str, object]
) -> bytes:
    if context.stage_variables:
        event["stageVariables"] = dict(context.stage_variables)
    event["requestContext"] = request_context
    event["isBase64Encoded"] = False
    return orjson.dumps(event)


def _headers(headers: Mapping[str, list[str]]) -> dict[str, object]:
    single = {name: values[-1] for name, values in headers.items()}
    return {"headers": single, "multiValueHeaders": headers}


def _query(multi: Mapping[str, list[str]]) -> dict[str, object]:
    single = {name: values[-1] for name, values in multi.items()}
    return {"queryStringParameters": single, "multiValueQueryStringParameters": multi}


def _connect_context(context: ConnectionContext, request_id: str, now_ms: int) -> dict[str, object]:
    first = {"routeKey": "$connect", "eventType": "CONNECT"}
    return _request_context(context, first, request_id, now_ms)


def _request_context(
    context: ConnectionContext, first: Mapping[str, object], request_id: str, now_ms: int
) -> dict[str, object]:
    identity = {"sourceIp": context.source_ip}
    if context.user_agent is not None:
        identity = {"userAgent": context.user_agent, **identity}
    if context.caller:
        identity |= context.caller
    request_context = {
        **first,
        "extendedRequestId": request_id,
        "requestTime": clf_time(now_ms),
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
    if context.authorizer is not None:
        request_context["authorizer"] = dict(context.authorizer)
    return request_context


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def clf_time(epoch_ms: int) -> str:
    """Return the time as in a Common Log Format line; strftime would follow the locale."""
    return _clf_second(epoch_ms // 1000)


@lru_cache(maxsize=4)  # all events of a second have the same
def _clf_second(second: int) -> str:
    at = datetime.fromtimestamp(second, UTC)
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
