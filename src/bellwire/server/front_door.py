"""One port for everything: a request to upgrade becomes a WebSocket, any other goes to aiohttp.

A connection starts as a `FrontDoor`, which reads the request head (bounded in size and time) and
then hands the transport over for good. Where the first byte is that of a TLS handshake, the head is
what comes through TLS, within the same bounds; from then on nobody sees a difference.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import cast

from bellwire.limits import Limits
from bellwire.server.hub import Hub
from bellwire.server.tls import CLIENT_HELLO, TlsTransport
from bellwire.server.websocket import WebSocketSession


MakeHttpProtocol = Callable[[], asyncio.Protocol]

_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)


class FrontDoor(asyncio.Protocol):
    """Reads one request head and decides who serves the connection.

    `tls` is what a client that begins with TLS is served by; without it there is none here.
    """

    __slots__ = (
        "_head",
        "_hub",
        "_limits",
        "_make_http",
        "_refused",
        "_socket",
        "_timer",
        "_tls",
        "_transport",
    )

    def __init__(
        self, hub: Hub, make_http: MakeHttpProtocol, tls: ssl.SSLContext | None = None
    ) -> None:
        self._hub = hub
        self._limits: Limits = hub.limits
        self._make_http = make_http
        self._head = b""
        self._refused = False
        self._tls = tls
        self._socket: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock on the request head."""
        # uvloop's is not one by its type.
        self._transport = self._socket = cast(asyncio.Transport, transport)
        half_open = self._hub.half_open
        if len(half_open) >= self._limits.half_open:
            # Who asks in earnest has sent a head long before.
            next(iter(half_open)).abort()
        half_open[self._socket] = None
        self._timer = asyncio.get_running_loop().call_later(
            self._limits.request_head_timeout_s, self._socket.abort
        )

    def data_received(self, data: bytes) -> None:
        """Gather the request head, then hand over."""
        if self._refused:
            return
        if data[0] == CLIENT_HELLO and self._tls is not None and not self._head:
            self._secure(data, self._tls)
            return
        self._head += data
        end = self._head.find(_END_OF_HEAD)
        head_bytes = end if end >= 0 else len(self._head)
        assert self._transport is not None
        if head_bytes > self._limits.request_head_bytes:
            self._refuse(self._transport)
        elif end >= 0:
            self._hand_over(self._transport, end + len(_END_OF_HEAD))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a peer that left before it had said what it wants."""
        self._stop_timer()

    def _secure(self, data: bytes, context: ssl.SSLContext) -> None:
        """Have the head come through TLS; the clock that runs is that of the handshake too."""
        assert self._socket is not None
        self._tls = None  # no TLS within TLS
        self._transport = secured = TlsTransport(self._socket, self, context)
        self._socket.set_protocol(secured)
        secured.data_received(data)

    def _hand_over(self, transport: asyncio.Transport, end: int) -> None:
        self._stop_timer()
        data, self._head = self._head, b""
        if not _UPGRADE.search(data, 0, end):
            http = self._make_http()
            http.connection_made(transport)
            transport.set_protocol(http)
            http.data_received(data)
            return
        session = WebSocketSession(self._hub, transport)
        transport.set_protocol(session)
        session.data_received(data[:end])
        if len(data) > end:
            session.data_received(data[end:])

    def _refuse(self, transport: asyncio.Transport) -> None:
        # What still comes is read and forgotten until the timer ends it: a socket closed with
        # bytes unread is reset, and the answer with it.
        self._refused = True
        self._head = b""
        transport.write(_TOO_LARGE)
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._hub.half_open.pop(cast(asyncio.Transport, self._socket), None)
            self._timer.cancel()
            self._timer = None
