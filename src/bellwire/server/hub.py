"""All connections of a node: finding one, sending to many, looking at the clock."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection
from typing import NamedTuple
from urllib.parse import unquote

from bellwire.errors import CallerError
from bellwire.gateway.api import Api
from bellwire.gateway.connection import GOING_AWAY, Connection, State
from bellwire.gateway.effects import Close, IntegrationResult, Invoke, Reject
from bellwire.gateway.events import Handshake
from bellwire.gateway.ids import IdSource
from bellwire.limits import Limits
from bellwire.server.websocket import WebSocketSession, encode_text


log = logging.getLogger("bellwire.gateway")

InvokeFunction = Callable[[str, bytes, str], "asyncio.Future[IntegrationResult]"]
"""Runs a function: its key, the event as JSON, the request id. Raises CallerError."""
OnResult = Callable[[IntegrationResult | CallerError | None], None]
"""Takes a result; None where it did not come in time, CallerError where none can come."""

_GOING_AWAY = Close(GOING_AWAY, "Going away")
_SWEEPS = 20
"""Slices of a round over all connections, so that no turn of the loop is long."""


class HubStatistics(NamedTuple):
    """What the connections of a node are at, and what they did since it started."""

    connections: int
    opened: int
    messages_in: int
    messages_out: int
    slow_consumers_cut: int


class Hub:
    """The connections of one node.

    `invoke` runs functions, `on_close` hears of each connection that ended, `now_ms` is the
    clock, `trace_id` gives the value of a new X-Amzn-Trace-Id.
    """

    def __init__(
        self,
        api: Api,
        ids: IdSource,
        *,
        invoke: InvokeFunction,
        on_close: Callable[[str], None],
        now_ms: Callable[[], int],
        trace_id: Callable[[], str],
    ) -> None:
        self.api = api
        self.limits: Limits = api.limits
        self.now_ms = now_ms
        self.trace_id = trace_id
        self._ids = ids
        self._invoke = invoke
        self._on_close = on_close
        self._sessions: dict[str, WebSocketSession] = {}
        self._closing: set[WebSocketSession] = set()
        self._dirty: list[WebSocketSession] = []
        self._running = 0
        self._stopping = False
        self._idle = asyncio.Event()
        self._opened = self._messages_in = self._messages_out = self._cut = 0

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
        self._messages_out += delivered
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
            messages_in=self._messages_in,
            messages_out=self._messages_out,
            slow_consumers_cut=self._cut,
        )

    # For the sessions

    def make_connection(self, handshake: Handshake) -> Connection:
        """Return the core of a new connection, with its id."""
        return Connection(self.api, self._ids, handshake, now_ms=self.now_ms())

    def refusal(self, target: str, connection: Connection) -> Reject | None:
        """Return the answer to a handshake for no stage, or to one too many."""
        path = unquote(target.partition("?")[0])
        if path.removesuffix("/") != f"/{self.api.stage}":
            return connection.refuse(403, "Forbidden")
        if self._stopping:
            return connection.refuse(503, "Service Unavailable")
        if len(self._sessions) >= self.limits.connections:
            log.warning(
                "a connection was refused: %d are open, as many as custom.bellwire.limits."
                "connections allows",
                len(self._sessions),
            )
            return connection.refuse(503, "Service Unavailable")
        return None

    def add(self, session: WebSocketSession) -> None:
        """Take in a connection whose handshake is done."""
        assert session.connection is not None
        self._sessions[session.connection.connection_id] = session
        self._opened += 1
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

    def run(self, effect: Invoke, on_result: OnResult) -> None:
        """Run a function for a connection.

        `on_result` is called once, in time or with None, and never before `run` has returned.
        """
        loop = asyncio.get_running_loop()
        try:
            future = self._invoke(effect.function, effect.event, effect.request_id)
        except CallerError as error:
            future = loop.create_future()
            future.set_exception(error)
        self._running += 1
        call = _Call(self, on_result)
        call.timer = loop.call_later(effect.timeout_ms / 1000, call.expire)
        future.add_done_callback(call.finish)

    def count_message_in(self) -> None:
        """Count a message that a client sent."""
        self._messages_in += 1

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
    """One running invocation: its result or its timer, whichever comes first."""

    __slots__ = ("_hub", "_on_result", "timer")

    def __init__(self, hub: Hub, on_result: OnResult) -> None:
        self._hub = hub
        self._on_result: OnResult | None = on_result
        self.timer: asyncio.TimerHandle | None = None

    def finish(self, future: asyncio.Future[IntegrationResult]) -> None:
        if self.timer is not None:
            self.timer.cancel()
        try:
            self._tell(_outcome(future))
        finally:
            self._hub.finished()

    def expire(self) -> None:
        self._tell(None)

    def _tell(self, result: IntegrationResult | CallerError | None) -> None:
        on_result, self._on_result = self._on_result, None
        if on_result is not None:
            on_result(result)


def _outcome(future: asyncio.Future[IntegrationResult]) -> IntegrationResult | CallerError:
    if future.cancelled():
        return CallerError("the node is stopping")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, CallerError):
        return error
    log.error("an invocation ended in a bug of Bellwire's", exc_info=error)
    return CallerError("internal error")
