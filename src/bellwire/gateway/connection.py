"""The life of one connection, as a state machine.

    CONNECTING ──accepted──▶ OPEN ──close asked or seen──▶ CLOSED
        └────────rejected or gone─────────────────────────────┘

Rules of this file. The 101 waits for `$connect`. A message in state OPEN becomes one invocation;
its result becomes a frame only where the route is two-way, or where it failed. `$disconnect` runs
once, and only for a connection that was open. Nothing here waits: each method is told what
happened and returns what to do.
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
"""

from __future__ import annotations

from enum import Enum, auto

from bellwire.gateway import responses
from bellwire.gateway.api import CONNECT, DISCONNECT, Api, Route
from bellwire.gateway.effects import (
    Accept,
    Close,
    IntegrationResult,
    Invoke,
    Ping,
    Reject,
    Send,
)
from bellwire.gateway.events import (
    ConnectionContext,
    Handshake,
    connect_event,
    disconnect_event,
    message_event,
)
from bellwire.gateway.ids import IdSource


NORMAL, GOING_AWAY, NO_STATUS, ABNORMAL = 1000, 1001, 1005, 1006
SLOW_CONSUMER = 4008
"""Ours, in the range left to applications: the reader did not keep up and was cut."""

# The reasons functions see on AWS; where AWS's text is not known, ours.
_REASONS = {
    NORMAL: "Connection Closed Normally",
    NO_STATUS: "Client-side close frame status not set",
    ABNORMAL: "Connection Closed Abnormally",
}
_STATUS_ERRORS = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    429: "LimitExceededException",
}


class State(Enum):
    """Where a connection is in its life."""

    CONNECTING = auto()
    OPEN = auto()
    CLOSED = auto()


class Connection:
    """One connection of a WebSocket API.

    Times are epoch milliseconds. `last_active_ms` moves with messages in either direction,
    `last_heard_ms` with anything the peer sends.
    """

    __slots__ = (
        "_api",
        "_ids",
        "_pinged_ms",
        "context",
        "last_active_ms",
        "last_heard_ms",
        "state",
    )

    def __init__(self, api: Api, ids: IdSource, handshake: Handshake, *, now_ms: int) -> None:
        self._api = api
        self._ids = ids
        self._pinged_ms = 0
        self.state = State.CONNECTING
        self.last_active_ms = self.last_heard_ms = now_ms
        self.context = ConnectionContext(
            api_id=api.api_id,
            stage=api.stage,
            connection_id=ids.connection_id(),
            connected_at_ms=now_ms,
            domain_name=handshake.host,
            source_ip=handshake.source_ip,
            user_agent=handshake.user_agent,
        )

    @property
    def connection_id(self) -> str:
        """The id of the connection, the same for life."""
        return self.context.connection_id

    def connect(self, handshake: Handshake, *, now_ms: int, trace_id: str) -> Invoke | Accept:
        """Start: run `$connect`, or accept at once where the API has no such route."""
        route = self._api.routes.get(CONNECT)
        if route is None:
            return self._accept(now_ms, None)
        request_id = self._ids.request_id()
        event = connect_event(
            self.context, handshake, request_id=request_id, now_ms=now_ms, trace_id=trace_id
        )
        return self._invoke(route, event, request_id)

    def connected(
        self, result: IntegrationResult | None, *, request_id: str, now_ms: int
    ) -> Accept | Reject:
        """Answer the handshake by what `$connect` returned; None means it took too long.

        A status of 2xx opens the connection, another becomes the handshake's own; a function that
        failed or answered nonsense is 502, one that is too slow 504.
        """
        if result is None:
            return self._reject(504, responses.TIMED_OUT, request_id)
        response = None if result.error else responses.parse_proxy_response(result.payload)
        if response is None or response.status < 200:
            return self._reject(502, responses.INTERNAL_SERVER_ERROR, request_id)
        if 200 <= response.status < 300:
            return self._accept(now_ms, response.headers.get("sec-websocket-protocol"))
        self.state = State.CLOSED
        headers = {"Content-Type": response.headers.get("content-type", "application/json")}
        return Reject(response.status, headers, response.body)

    def refuse(self, status: int, message: str) -> Reject:
        """Answer the handshake with an error of the gateway's own."""
        return self._reject(status, message, self._ids.request_id())

    def receive(self, text: str, *, now_ms: int) -> tuple[Route, Invoke] | Send:
        """Take a message: run its route, or answer Forbidden where it has none."""
        self.last_active_ms = now_ms
        request_id = self._ids.request_id()
        route = self._api.route_of(text)
        if route is None:
            return self._error(responses.FORBIDDEN, request_id)
        event = message_event(
            self.context,
            text,
            route_key=route.route_key,
            message_id=self._ids.message_id(),
            request_id=request_id,
            now_ms=now_ms,
        )
        return route, self._invoke(route, event, request_id)

    def answered(
        self, route: Route, result: IntegrationResult | None, *, request_id: str
    ) -> Send | None:
        """Take what a message's function returned; None means it took too long.

        Failures are told to the client even where the route is one-way; the response's status
        changes nothing. A reply larger than a message may be is a failure.
        """
        if result is None:
            return self._error(responses.TIMED_OUT, request_id)
        response = None if result.error else responses.parse_proxy_response(result.payload)
        if response is None:
            return self._error(responses.INTERNAL_SERVER_ERROR, request_id)
        if not route.two_way:
            return None
        if len(response.body) > self._api.limits.message_bytes:
            return self._error(responses.INTERNAL_SERVER_ERROR, request_id)
        return Send(response.body)

    def throttled(self, request_id: str) -> Send:
        """Answer a message whose function has no room left."""
        return self._error(responses.TOO_MANY_REQUESTS, request_id)

    def failed(self, request_id: str) -> Send:
        """Answer a message that could not be given to its function."""
        return self._error(responses.INTERNAL_SERVER_ERROR, request_id)

    def closed(self, code: int | None, reason: str, *, now_ms: int) -> Invoke | None:
        """Take the end of the connection; `code` is None where the peer gave none.

        Returns the invocation of `$disconnect`, if it was open and has that route.
        """
        was_open = self.state is State.OPEN
        self.state = State.CLOSED
        route = self._api.routes.get(DISCONNECT)
        if not was_open or route is None:
            return None
        code = NO_STATUS if code is None else code
        if code in (NO_STATUS, ABNORMAL):
            reason = _REASONS[code]
        request_id = self._ids.request_id()
        event = disconnect_event(
            self.context, code=code, reason=reason, request_id=request_id, now_ms=now_ms
        )
        return self._invoke(route, event, request_id)

    def delete(self) -> Close:
        """Close on request of DeleteConnection."""
        return Close(NORMAL, _REASONS[NORMAL])

    def check(self, *, now_ms: int) -> Close | Ping | None:
        """Look at the clock: idle too long, too old, silent too long."""
        limits = self._api.limits
        if now_ms - self.last_active_ms >= limits.idle_timeout_s * 1000:
            return Close(GOING_AWAY, "Going away")
        if now_ms - self.context.connected_at_ms >= limits.connection_duration_s * 1000:
            return Close(GOING_AWAY, "Going away")
        if not limits.ping_interval_s:
            return None
        return self._check_alive(now_ms, limits.ping_interval_s, limits.ping_timeout_s)

    def _check_alive(self, now_ms: int, interval_s: float, timeout_s: float) -> Close | Ping | None:
        pinged = self._pinged_ms > self.last_heard_ms
        if pinged and now_ms - self._pinged_ms >= timeout_s * 1000:
            return Close(ABNORMAL, _REASONS[ABNORMAL], at_once=True)
        if not pinged and now_ms - self.last_heard_ms >= interval_s * 1000:
            self._pinged_ms = now_ms
            return Ping()
        return None

    def _accept(self, now_ms: int, subprotocol: str | None) -> Accept:
        self.state = State.OPEN
        self.last_active_ms = self.last_heard_ms = now_ms
        return Accept(subprotocol)

    def _reject(self, status: int, message: str, request_id: str) -> Reject:
        self.state = State.CLOSED
        error = _STATUS_ERRORS.get(status, "InternalServerErrorException")
        headers = {
            "Content-Type": "application/json",
            "x-amzn-ErrorType": error,
            "x-amzn-RequestId": request_id,
        }
        body = responses.error_frame(
            message, connection_id=self.connection_id, request_id=request_id
        )
        return Reject(status, headers, body)

    def _error(self, message: str, request_id: str) -> Send:
        return Send(
            responses.error_frame(message, connection_id=self.connection_id, request_id=request_id)
        )

    def _invoke(self, route: Route, event: bytes, request_id: str) -> Invoke:
        return Invoke(route.function, event, request_id, self._api.limits.integration_timeout_ms)
