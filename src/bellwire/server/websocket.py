"""One WebSocket: bytes on one side, the gateway's core on the other.

The wire format is the `websockets` library's sans-IO `ServerProtocol`; what the bytes mean is
`gateway.connection`. This shell moves data between them and holds no rule of either.

Writing. Frames for a connection gather in a list and go out once per turn of the event loop, all
connections together (`Hub.flush`): a burst costs one system call per connection, not one per
frame. What a reader has not taken is bounded by `send_queue_bytes`; beyond it the reader is cut
with 4008, so that nobody waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State as WireState
from websockets.server import ServerProtocol

from bellwire.gateway.connection import ABNORMAL, SLOW_CONSUMER, Connection
from bellwire.gateway.effects import (
    Accept,
    Close,
    HttpRequest,
    Invoke,
    Outcome,
    Ping,
    Reject,
    Send,
    Work,
)
from bellwire.gateway.events import Handshake
from bellwire.gateway.exchange import Ending, Exchange
from bellwire.gateway.pipeline import broken


if TYPE_CHECKING:
    from websockets.typing import BytesLike

    from bellwire.server.hub import Hub


log = logging.getLogger("bellwire.gateway")

_WORK = (Invoke, HttpRequest)
_BYTES_A_TURN = 8 * 1024
"""Bytes of one connection that are handled before others have their turn: a few hundred small
messages, a few milliseconds."""
_UNSUPPORTED_DATA, _INVALID_DATA = 1003, 1007
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_WIRE_LOGGER = logging.getLogger("bellwire.wire")
_WIRE_LOGGER.setLevel(logging.CRITICAL)  # the library logs each connection; we log what matters


def encode_text(text: bytes, frame_bytes: int) -> bytes:
    """Return a text message as it goes over the wire, in frames of at most `frame_bytes`."""
    if len(text) <= frame_bytes:
        return bytes(Frame(Opcode.TEXT, text).serialize(mask=False))
    pieces = []
    for start in range(0, len(text), frame_bytes):
        end = start + frame_bytes
        opcode = Opcode.CONT if start else Opcode.TEXT
        frame = Frame(opcode, text[start:end], fin=end >= len(text))
        pieces.append(frame.serialize(mask=False))
    return b"".join(pieces)


class _Wire(ServerProtocol):
    """The wire format; a close frame amid a message is answered as any other.

    The library calls it a breach of the protocol, the Autobahn test suite (7.1.5) does not: a
    peer may close whenever it likes, and what it had begun to say is dropped.
    """

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class WebSocketSession(asyncio.Protocol):
    """The socket of one connection, from its request head to its end."""

    __slots__ = (
        "_backlog",
        "_close_sent",
        "_fragments",
        "_hub",
        "_in_flight",
        "_lost",
        "_paused",
        "_queue",
        "_queued_bytes",
        "_response",
        "_timer",
        "_transport",
        "_unread",
        "_wire",
        "connection",
    )

    def __init__(self, hub: Hub, transport: asyncio.Transport) -> None:
        limits = hub.limits
        self._hub = hub
        self._transport = transport
        self._wire = _Wire(max_size=(limits.message_bytes, limits.frame_bytes), logger=_WIRE_LOGGER)
        self.connection: Connection | None = None
        self._response: Response | None = None
        self._close_sent: Close | None = None
        self._fragments: bytearray | None = None
        self._backlog: deque[str] | None = None
        self._in_flight = 0
        self._lost = False
        self._paused = False
        self._queue: list[bytes] = []
        self._queued_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._unread = b""

    # From the network

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket; the first are a whole request head, and nothing more."""
        if self._wire.eof_sent:
            return  # we have closed: what the peer still sends no longer matters
        if self.connection is None:
            self._take_head(data)
            self._write_wire()
        elif self._response is not None:
            # A client waits for the 101 (RFC 6455, 4.1). One that does not would have its message
            # run before `$connect` has let it in.
            self._transport.abort()
        elif self._unread:
            self._unread += data  # what came before goes first
        else:
            self._take_data(data)

    def _take_data(self, data: bytes) -> None:
        """Take what may be handled in this turn of the loop; the rest waits for the next ones.

        A flood of small messages would else keep all others waiting until it is through.
        """
        if len(data) > _BYTES_A_TURN:
            self._unread = data[_BYTES_A_TURN:]
            data = data[:_BYTES_A_TURN]
            self._stop_reading()
            asyncio.get_running_loop().call_soon(self._take_unread)
        self._connection.last_heard_ms = self._hub.now_ms()
        self._wire.receive_data(data)
        for event in self._wire.events_received():
            if isinstance(event, Frame) and not self._take_frame(event):
                break
        self._write_wire()

    def _take_unread(self) -> None:
        data, self._unread = self._unread, b""
        if data and not self._wire.eof_sent:
            self._take_data(data)
        # Not where messages wait, nor where a reader was cut that takes nothing (see `flush`).
        lags = self._transport.get_write_buffer_size() > self._hub.limits.send_queue_bytes
        if not self._backlog and not lags:
            self._read_on()

    def eof_received(self) -> bool:
        """Take the end of the peer's stream: it has gone, or is done closing."""
        self._transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the socket: `$disconnect` runs once all messages are being worked on."""
        if self._timer is not None:
            self._timer.cancel()
        while self._unread:
            self._take_unread()
        self._queue.clear()
        self._lost = True
        self._wire.receive_eof()
        if self.connection is not None:
            self._hub.forget(self)
            self._take_backlog()

    def pause_writing(self) -> None:
        """Nothing to do: `flush` looks at the size of the transport's buffer itself."""

    def resume_writing(self) -> None:
        """Hear a reader again that was too slow and has caught up: its close frame is due."""
        if self._close_sent is not None:
            self._read_on()

    def _take_frame(self, frame: Frame) -> bool:
        """Take a frame; False where it ended the connection."""
        if frame.opcode is Opcode.TEXT and frame.fin:
            return self._take_text(frame.data)
        if frame.opcode is Opcode.BINARY:
            # API Gateway takes no binary frames.
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
            self._wire.fail(_UNSUPPORTED_DATA, "Binary frames are not supported")
            return False
        if frame.opcode is Opcode.TEXT:
            self._fragments = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._fragments is not None:
            self._fragments += frame.data
            if frame.fin:
                data, self._fragments = self._fragments, None
                return self._take_text(data)
        return True

    def _take_text(self, data: BytesLike) -> bool:
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError as error:
            self._wire.fail(_INVALID_DATA, f"Not UTF-8 at byte {error.start}")
            return False
        if self._close_sent is not None:
            return True  # it came after our close frame
        if self._in_flight < self._hub.limits.messages_in_flight:
            self._run_message(text)
            return True
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(text)
        self._stop_reading()
        return True

    def _stop_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._paused and not self._unread and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    # The handshake

    def _take_head(self, head: bytes) -> None:
        self._wire.receive_data(head)
        for event in self._wire.events_received():
            if isinstance(event, Request):
                self._start(event)
        if isinstance(self._wire.handshake_exc, InvalidMessage):
            self._enqueue(_BAD_REQUEST)  # the library would end the stream without a word

    def _start(self, request: Request) -> None:
        response = self._wire.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._wire.send_response(response)
            return
        handshake = _handshake(request, self._transport)
        hub = self._hub
        api = next(iter(hub.find_apis(handshake.path, handshake.host)), None)
        rejection = hub.rejection(api, request.path)
        if rejection is not None:
            self._wire.send_response(_rejection(rejection))
            return
        assert api is not None, "no stage is a reason to reject"
        self._response = response
        connection = self.connection = hub.make_connection(api, handshake)
        self._connect_on(
            connection.connect(handshake, now_ms=hub.now_ms(), trace_id=hub.trace_id())
        )

    def _connect_on(self, exchange: Exchange, outcome: Outcome | None = None) -> None:
        step = _advanced(exchange, outcome)
        if isinstance(step, _WORK):
            self._hub.run(step, partial(self._connect_on, exchange))
            return
        assert isinstance(step, Accept | Reject)
        self._hub.connecting -= 1
        self._hub.ended(exchange)
        self._answer(step)

    def _answer(self, effect: Accept | Reject) -> None:
        response = self._response
        assert response is not None
        self._response = None
        if self._transport.is_closing():
            # The peer left while `$connect` ran. If the function let it in, `$disconnect` is
            # told, so that what the one stored the other removes.
            self._disconnect()
            return
        if isinstance(effect, Reject):
            response = _rejection(effect)
        elif effect.subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = effect.subprotocol
        self._wire.send_response(response)
        self._write_wire()
        if isinstance(effect, Accept):
            self._hub.add(self)

    # Messages

    def _run_message(self, text: str) -> None:
        self._in_flight += 1
        self._message_on(self._connection.receive(text, now_ms=self._hub.now_ms()))

    def _message_on(self, exchange: Exchange, outcome: Outcome | None = None) -> None:
        step = _advanced(exchange, outcome)
        if isinstance(step, _WORK):
            self._hub.run(step, partial(self._message_on, exchange))
            return
        self._in_flight -= 1
        self._hub.ended(exchange)
        if isinstance(step, Send):
            self.send(step.text)
        if outcome is not None:
            self._take_backlog()

    def _take_backlog(self) -> None:
        while self._backlog and self._in_flight < self._hub.limits.messages_in_flight:
            self._run_message(self._backlog.popleft())
        if self._backlog:
            return
        self._backlog = None
        if self._lost:
            self._disconnect()
        else:
            self._read_on()

    # To the network

    def send(self, text: bytes) -> bool:
        """Queue one text message; False where the connection is not open."""
        hub = self._hub
        return self.send_encoded(encode_text(text, hub.limits.frame_bytes), hub.now_ms())

    def send_encoded(self, data: bytes, now_ms: int) -> bool:
        """Queue a message that is in wire format already; False where not open."""
        connection = self.connection
        if connection is None or self._wire.state is not WireState.OPEN:
            return False
        connection.last_active_ms = now_ms
        connection.api.messages_out += 1
        self._enqueue(data)
        if self._queued_bytes > self._hub.limits.send_queue_bytes:
            self._cut(self._queued_bytes)
            return False
        return True

    def waiting_bytes(self) -> int:
        """Return how much is queued here and in the transport: what the reader lags behind."""
        return self._queued_bytes + self._transport.get_write_buffer_size()

    def close(self, effect: Close) -> None:
        """Start the closing handshake; the peer has `close_timeout_s` to finish it."""
        if self._wire.state is not WireState.OPEN:
            return
        self._close_sent = effect
        if effect.at_once:
            self._transport.abort()
            return
        self._wire.send_close(effect.code, effect.reason)
        self._hub.forget(self)
        self._write_wire()
        self._abort_later()
        self._read_on()

    def check(self, now_ms: int) -> None:
        """Let the core look at the clock."""
        connection = self._connection
        if self._paused:
            connection.last_heard_ms = now_ms  # what it says waits in the socket, for us
        effect = connection.check(now_ms=now_ms)
        if isinstance(effect, Close):
            self.close(effect)
        elif isinstance(effect, Ping) and self._wire.state is WireState.OPEN:
            self._wire.send_ping(b"")
            self._write_wire()

    def flush(self) -> None:
        """Give the queue to the transport, and cut the reader if it lags too far behind."""
        queue = self._queue
        if not queue or self._transport.is_closing():
            return
        self._transport.write(queue[0] if len(queue) == 1 else b"".join(queue))
        self._queue = []
        self._queued_bytes = 0
        waiting = self._transport.get_write_buffer_size()
        if waiting > self._hub.limits.send_queue_bytes:
            self._cut(waiting)
            self._stop_reading()  # else one that pings and never reads would pile up pongs

    @property
    def _connection(self) -> Connection:
        assert self.connection is not None
        return self.connection

    def _enqueue(self, data: bytes) -> None:
        if not self._queue:
            self._hub.flush_soon(self)
        self._queue.append(data)
        self._queued_bytes += len(data)

    def _write_wire(self) -> None:
        """Send what the wire protocol has to say: the 101, pongs, close frames, the end."""
        for data in self._wire.data_to_send():
            if data:
                self._enqueue(data)
            else:
                self._end_stream()

    def _end_stream(self) -> None:
        """Say that nothing more comes, and wait until the peer has heard it.

        A socket closed while bytes of the peer are unread is reset, and our last words are lost.
        """
        if self.connection is not None:
            self._hub.forget(self)
        self.flush()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()
        self._abort_later()
        self._read_on()

    def _cut(self, waiting: int) -> None:
        if self._wire.state is not WireState.OPEN:
            return
        self._hub.count_cut()
        log.warning(
            "connection %s reads too slowly: %d bytes wait in its send queue, at most %d may; "
            "closed with %d. Listen to less, or raise custom.bellwire.limits.sendQueueBytes.",
            self._connection.connection_id,
            waiting,
            self._hub.limits.send_queue_bytes,
            SLOW_CONSUMER,
        )
        self._queue.clear()
        self._queued_bytes = 0
        self.close(Close(SLOW_CONSUMER, "Slow consumer"))

    def _abort_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                self._hub.limits.close_timeout_s, self._transport.abort
            )

    def _disconnect(self) -> None:
        code, reason = self._end()
        exchange = self._connection.closed(code, reason, now_ms=self._hub.now_ms())
        if exchange is not None:
            self._disconnect_on(exchange)
        self._hub.forget(self)

    def _disconnect_on(self, exchange: Exchange, outcome: Outcome | None = None) -> None:
        step = _advanced(exchange, outcome)
        if isinstance(step, _WORK):
            self._hub.run(step, partial(self._disconnect_on, exchange))
        else:
            self._hub.ended(exchange)

    def _end(self) -> tuple[int | None, str]:
        """Return how the connection ended: our close, the peer's, a protocol error, or none."""
        if self._close_sent is not None:
            return self._close_sent.code, self._close_sent.reason
        close = self._wire.close_rcvd or self._wire.close_sent
        return (close.code, close.reason) if close is not None else (ABNORMAL, "")


def _advanced(exchange: Exchange, outcome: Outcome | None) -> Work | Ending:
    """Go on with an exchange; what a bug of ours stops is answered too, and hurts no other."""
    try:
        return exchange.advance(outcome)
    except Exception:
        log.exception("a request ended in a bug of Bellwire's")
        return broken(exchange)


def _handshake(request: Request, transport: asyncio.Transport) -> Handshake:
    headers = request.headers
    peer = transport.get_extra_info("peername")
    path, _, query = request.path.partition("?")
    agents = headers.get_all("User-Agent")
    return Handshake(
        host=headers.get_all("Host")[-1] if headers.get_all("Host") else "",
        path=path,
        query=query,
        headers=[(name, _text(value)) for name, value in headers.raw_items()],
        source_ip=peer[0] if peer else "",
        user_agent=_text(agents[-1]) if agents else None,
    )


def _text(value: str) -> str:
    """Return a header's value as UTF-8, which it may be; it was read as Latin-1."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def _rejection(effect: Reject) -> Response:
    headers = Headers(effect.headers.items())
    headers["Content-Length"] = str(len(effect.body))
    headers["Connection"] = "close"
    try:
        phrase = HTTPStatus(effect.status).phrase
    except ValueError:
        phrase = "Unknown"
    return Response(effect.status, phrase, headers, effect.body)
