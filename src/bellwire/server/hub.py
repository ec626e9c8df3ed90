"""All connections of a node: finding one, sending to many, looking at the clock."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

from bellwire.errors import CallerError
from bellwire.gateway import responses
from bellwire.gateway.api import Api
from bellwire.gateway.connection import GOING_AWAY, Connection, State
from bellwire.gateway.effects import (
    Close,
    HttpAnswer,
    HttpRequest,
    IntegrationResult,
    Outcome,
    Reject,
    Work,
)
from bellwire.gateway.events import Handshake
from bellwire.gateway.exchange import Exchange
from bellwire.gateway.ids import IdSource
from bellwire.limits import Limits
from bellwire.server.websocket import WebSocketSession, encode_text


log = logging.getLogger("bellwire.gateway")
access_log = logging.getLogger("bellwire.access")

InvokeFunction = Callable[[str, bytes, str], "asyncio.Future[IntegrationResult]"]
"""Runs a function: its key, the event as JSON, the request id. Raises CallerError."""
SendRequest = Callable[[HttpRequest], "asyncio.Future[HttpAnswer]"]
"""Sends a request to an HTTP endpoint; the future may hold a CallerError."""
OnOutcome = Callable[[Outcome], None]

_GOING_AWAY = Close(GOING_AWAY, "Going away")
_WARNINGS_PER_S = 20
_SWEEPS = 20
"""Slices of a round over all connections, so that no turn of the loop is long."""


class HubStatistics(NamedTuple):
    """What the connections of a node are at, and what they did since it started."""

    connections: int
    opened: int
    slow_consumers_cut: int


class Hub:
    """The connections of one node.

    `apis` are the stages served here, `invoke` runs functions, `send_request` calls HTTP
    endpoints, `on_close` hears of each connection that ended, `now_ms` is the clock, `trace_id`
    gives the value of a new X-Amzn-Trace-Id.
    """

    def __init__(
        self,
        apis: Sequence[Api],
        ids: IdSource,
        *,
        invoke: InvokeFunction,
        send_request: SendRequest,
        on_close: Callable[[str], None],
        now_ms: Callable[[], int],
        trace_id: Callable[[], str],
    ) -> None:
        self.apis = apis
        self.limits: Limits = apis[0].limits
        self.now_ms = now_ms
        self.trace_id = trace_id
        self._ids = ids
        self._invoke = invoke
        self._send_request = send_request
        self._on_close = on_close
        self._sessions: dict[str, WebSocketSession] = {}
        self._closing: set[WebSocketSession] = set()
        self._dirty: list[WebSocketSession] = []
        self._running = 0
        self._stopping = False
        self._idle = asyncio.Event()
        # Sockets in the middle of their request head, the oldest first.
        self.half_open: dict[asyncio.Transport, None] = {}
        self.connecting = 0
        self._opened = self._cut = 0
        self._warned_second = self._warned = self._unsaid = 0

    def replace_apis(self, apis: Sequence[Api]) -> None:
        """Serve these stages from now on, by the same limits; no connection is closed.

        Connections go on with the stage of the same name and API. Those of a stage that is gone
        keep what it was.
        """
        for api in apis:
            api.succeed(self.apis)
        self.apis = apis
        for session in (*self._sessions.values(), *self._closing):
            self._follow_apis(session)

    def _follow_apis(self, session: WebSocketSession) -> None:
        connection = session.connection
        assert connection is not None
        wanted = (connection.api.api_id, connection.api.stage)
        for api in self.apis:
            if (api.api_id, api.stage) == wanted and api is not connection.api:
                connection.follow(api)

    # Finding and sending

    def get(self, connection_id: str) -> WebSocketSession | None:
        """Return the open connection with this id."""
        return self._sessions.get(connection_id)

    def is_open(self, connection_id: str) -> bool:
        """Tell whether a connection is open on this node."""
        return connection_id in self._sessions

    def deliver(self, connection_ids: Collection[str], text: bytes) -> int:
        """Send one message to many connections; return how many took it."""
        data = encode_text(text, self.limits.frame_bytes)
        sessions, now_ms = self._sessions, self.now_ms()
        delivered = 0
        for connection_id in connection_ids:
            session = sessions.get(connection_id)
            if session is not None and session.send_encoded(data, now_ms):
                delivered += 1
        return delivered

    def waiting_bytes(self, connection_id: str) -> int:
        """Return how many bytes a connection was sent and has not taken; 0 where it is not open."""
        session = self._sessions.get(connection_id)
        return 0 if session is None else session.waiting_bytes()

    def statistics(self) -> HubStatistics:
        """Return the figures of this moment."""
        return HubStatistics(
            connections=len(self._sessions),
            opened=self._opened,
            slow_consumers_cut=self._cut,
        )

    # For the sessions

    def find_apis(self, path: str, host: str) -> list[Api]:
        """Return the stages that a path like `/dev` may mean, the likeliest first.

        A host whose first label is the id of an API means that one, as on AWS; any other leaves
        it open which.
        """
        stage = unquote(path).removesuffix("/").removeprefix("/")
        api_id = host.partition(".")[0]
        named = [api for api in self.apis if api.api_id == api_id]
        return [api for api in named or self.apis if api.stage == stage]

    def make_connection(self, api: Api, handshake: Handshake) -> Connection:
        """Return the core of a new connection, with its id."""
        self.connecting += 1
        return Connection(api, self._ids, handshake, now_ms=self.now_ms())

    def rejection(self, api: Api | None, target: str) -> Reject | None:
        """Return the answer to a handshake for no stage, with too long a URL, or one too many."""
        if len(target) > self.limits.url_bytes:
            return self._reject(414, "URI Too Long")
        if api is None:
            return self._reject(403, responses.FORBIDDEN)
        if self._stopping:
            return self._reject(503, responses.SERVICE_UNAVAILABLE)
        if len(self._sessions) + self.connecting >= self.limits.connections:
            log.warning(
                "a connection was refused: %d are open or connecting, as many as "
                "custom.bellwire.limits.connections allows",
                len(self._sessions) + self.connecting,
            )
            return self._reject(503, responses.SERVICE_UNAVAILABLE)
        return None

    def _reject(self, status: int, message: str) -> Reject:
        return responses.rejection(
            status, orjson.dumps({"message": message}), self._ids.request_id()
        )

    def add(self, session: WebSocketSession) -> None:
        """Take in a connection whose handshake is done."""
        assert session.connection is not None
        self._sessions[session.connection.connection_id] = session
        self._opened += 1
        self._follow_apis(session)  # they may have changed during the handshake
        if self._stopping:
            session.close(_GOING_AWAY)

    def forget(self, session: WebSocketSession) -> None:
        """Let go of a connection that is closing or closed; safe to repeat."""
        connection = session.connection
        assert connection is not None
        if self._sessions.pop(connection.connection_id, None) is not None:
            self._on_close(connection.connection_id)
        if connection.state is State.CLOSED:
            self._closing.discard(session)
        else:
            self._closing.add(session)
        self._note_idle()

    def run(self, work: Work, on_outcome: OnOutcome) -> None:
        """Do a piece of work for a connection.

        `on_outcome` is called once, and never before `run` has returned.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any]
        try:
            if isinstance(work, HttpRequest):
                future = self._send_request(work)
            else:
                future = self._invoke(work.function, work.event, work.request_id)
        except CallerError as error:
            future = loop.create_future()
            future.set_exception(error)
        self._running += 1
        call = _Call(self, on_outcome, future)
        call.timer = loop.call_later(work.timeout_ms / 1000, call.expire)
        future.add_done_callback(call.finish)

    def ended(self, exchange: Exchange) -> None:
        """Take a request that has come to its end: say what went wrong, write the access log."""
        if exchange.reason:
            self._warn(exchange)
        write = exchange.api.access_log
        if write is not None:
            access_log.info("%s", write(exchange.lookup()))

    def _warn(self, exchange: Exchange) -> None:
        """Say why a request failed, a few times a second: a flood of them must not fill the log."""
        second = self.now_ms() // 1000
        if second != self._warned_second:
            if self._unsaid:
                log.warning("%d more requests failed, not written here", self._unsaid)
            self._warned_second, self._warned, self._unsaid = second, 0, 0
        if self._warned >= _WARNINGS_PER_S:
            self._unsaid += 1
            return
        self._warned += 1
        log.warning(
            "%s %s of connection %s: %s (%s)",
            exchange.event_type,
            exchange.route.route_key if exchange.route is not None else "-",
            exchange.context.connection_id,
            exchange.error,
            exchange.reason,
        )

    def count_cut(self) -> None:
        """Count a reader that was too slow."""
        self._cut += 1

    def flush_soon(self, session: WebSocketSession) -> None:
        """Write the session's queue at the end of this turn of the loop."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush)
        self._dirty.append(session)

    def finished(self) -> None:
        """Count one invocation less."""
        self._running -= 1
        self._note_idle()

    # The clock, and the end

    async def watch(self) -> None:
        """Look after idle, old and dead connections until cancelled."""
        waiting: deque[WebSocketSession] = deque()
        limits = self.limits
        bounds = [limits.idle_timeout_s, limits.connection_duration_s]
        if limits.ping_interval_s:
            bounds += [limits.ping_interval_s, limits.ping_timeout_s]
        pause_s = max(0.02, min(4.0, min(bounds) / 4) / _SWEEPS)
        while True:
            slice_size = max(1, -(-len(self._sessions) // _SWEEPS))
            if not waiting:
                waiting.extend(self._sessions.values())
            now_ms = self.now_ms()
            for _ in range(min(slice_size, len(waiting))):
                waiting.popleft().check(now_ms)
            await asyncio.sleep(pause_s)

    async def close(self) -> None:
        """Close every connection with 1001 and wait for their `$disconnect` to end."""
        self._stopping = True
        for session in list(self._sessions.values()):
            session.close(_GOING_AWAY)
        self._note_idle()
        await self._idle.wait()

    def _note_idle(self) -> None:
        if self._sessions or self._closing or self._running:
            self._idle.clear()
        else:
            self._idle.set()

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for session in dirty:
            session.flush()


class _Call:
    """One running piece of work: its result or its timer, whichever comes first."""

    __slots__ = ("_future", "_hub", "_on_outcome", "_started", "timer")

    def __init__(self, hub: Hub, on_outcome: OnOutcome, future: asyncio.Future[Any]) -> None:
        self._hub = hub
        self._on_outcome: OnOutcome | None = on_outcome
        self._started = perf_counter()  # uvloop's own clock is in whole milliseconds
        self._future: asyncio.Future[Any] | None = future
        self.timer: asyncio.TimerHandle | None = None

    def finish(self, future: asyncio.Future[Any]) -> None:
        self._future = None
        if self.timer is not None:
            self.timer.cancel()
        try:
            self._tell(_result(future))
        finally:
            self._hub.finished()

    def expire(self) -> None:
        self._tell(None)
        # An HTTP request is given up; a function runs to its end, as on Lambda.
        if isinstance(self._future, asyncio.Task):
            self._future.cancel()

    def _tell(self, result: IntegrationResult | HttpAnswer | CallerError | None) -> None:
        on_outcome, self._on_outcome = self._on_outcome, None
        if on_outcome is not None:
            latency_ms = (perf_counter() - self._started) * 1000
            on_outcome(Outcome(result, latency_ms, self._hub.now_ms()))


def _result(future: asyncio.Future[Any]) -> IntegrationResult | HttpAnswer | CallerError:
    if future.cancelled():
        return CallerError("the node is stopping")
    error = future.exception()
    if error is None:
        result: IntegrationResult | HttpAnswer = future.result()
        return result
    if isinstance(error, CallerError):
        return error
    log.error("an invocation ended in a bug of Bellwire's", exc_info=error)
    return CallerError("internal error")
