"""The life of one connection, as a state machine.

    CONNECTING ──accepted──▶ OPEN ──close asked or seen──▶ CLOSED
        └────────rejected or gone─────────────────────────────┘

The 101 waits until the handshake's exchange accepts. Each message is an exchange of its own, many
at once. `$disconnect` runs once, and only for a connection that was open. What happens within an
exchange is in `pipeline`. Nothing here waits: each method is told what happened.
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
"""

from __future__ import annotations

from enum import Enum, auto

from bellwire.gateway.api import CONNECT, DISCONNECT, Api
from bellwire.gateway.effects import Close, Ping
from bellwire.gateway.events import ConnectionContext, Handshake
from bellwire.gateway.exchange import Exchange
from bellwire.gateway.ids import IdSource
from bellwire.gateway.pipeline import connecting, disconnecting, message
from bellwire.gateway.throttle import TokenBucket


NORMAL, GOING_AWAY, NO_STATUS, ABNORMAL = 1000, 1001, 1005, 1006
SLOW_CONSUMER = 4008
"""Ours, in the range left to applications: the reader did not keep up and was cut."""

# The reasons functions see on AWS; where AWS's text is not known, ours.
_REASONS = {
    NORMAL: "Connection Closed Normally",
    NO_STATUS: "Client-side close frame status not set",
    ABNORMAL: "Connection Closed Abnormally",
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
        "_ids",
        "_pinged_ms",
        "api",
        "context",
        "last_active_ms",
        "last_heard_ms",
        "state",
        "usage",
    )

    def __init__(self, api: Api, ids: IdSource, handshake: Handshake, *, now_ms: int) -> None:
        self.api = api
        self._ids = ids
        self._pinged_ms = 0
        self.state = State.CONNECTING
        self.usage: TokenBucket | None = None
        self.last_active_ms = self.last_heard_ms = now_ms
        self.context = ConnectionContext(
            api_id=api.api_id,
            stage=api.stage,
            connection_id=ids.connection_id(),
            connected_at_ms=now_ms,
            domain_name=handshake.host,
            source_ip=handshake.source_ip,
            user_agent=handshake.user_agent,
            stage_variables=api.variables,
        )

    @property
    def connection_id(self) -> str:
        """The id of the connection, the same for life."""
        return self.context.connection_id

    def connect(self, handshake: Handshake, *, now_ms: int, trace_id: str) -> Exchange:
        """Start: return the exchange that decides whether it opens."""
        exchange = Exchange(
            self.api,
            self.context,
            self.api.routes.get(CONNECT),
            request_id=self._ids.request_id(),
            now_ms=now_ms,
            handshake=handshake,
            trace_id=trace_id,
        )
        return exchange.run(connecting(self, exchange))

    def opened(self, *, now_ms: int) -> None:
        """Take that it was let in."""
        self.state = State.OPEN
        self.last_active_ms = self.last_heard_ms = now_ms

    def rejected(self) -> None:
        """Take that it was not let in."""
        self.state = State.CLOSED

    def follow(self, api: Api) -> None:
        """Go on by another definition of its stage; what is on its way ends by the old one."""
        self.api = api
        self.context = self.context._replace(stage_variables=api.variables)

    def receive(self, text: str, *, now_ms: int) -> Exchange:
        """Take a message: return the exchange that brings it to its route."""
        self.last_active_ms = now_ms
        api, ids = self.api, self._ids
        exchange = Exchange(
            api,
            self.context,
            api.route_of(text),
            request_id=ids.request_id(),
            now_ms=now_ms,
            body=text,
            message_id=ids.message_id(),
        )
        exchange.usage = self.usage
        return exchange.run(message(exchange))

    def closed(self, code: int | None, reason: str, *, now_ms: int) -> Exchange | None:
        """Take the end of the connection; `code` is None where the peer gave none.

        Returns the exchange that runs `$disconnect`, if it was open and has that route.
        """
        was_open = self.state is State.OPEN
        self.state = State.CLOSED
        route = self.api.routes.get(DISCONNECT)
        if not was_open or route is None:
            return None
        code = NO_STATUS if code is None else code
        if code in (NO_STATUS, ABNORMAL):
            reason = _REASONS[code]
        exchange = Exchange(
            self.api,
            self.context,
            route,
            request_id=self._ids.request_id(),
            now_ms=now_ms,
            close=(code, reason),
        )
        return exchange.run(disconnecting(exchange, route))

    def delete(self) -> Close:
        """Close on request of DeleteConnection."""
        return Close(NORMAL, _REASONS[NORMAL])

    def check(self, *, now_ms: int) -> Close | Ping | None:
        """Look at the clock: idle too long, too old, silent too long."""
        limits = self.api.limits
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
