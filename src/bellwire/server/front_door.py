"""One port for everything: a request to upgrade becomes a WebSocket, any other goes to aiohttp.

A connection starts as a `FrontDoor`, which reads the request head (bounded in size and time) and
then hands the transport over for good.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import cast

from bellwire.limits import Limits
from bellwire.server.hub import Hub
from bellwire.server.websocket import WebSocketSession


MakeHttpProtocol = Callable[[], asyncio.Protocol]

_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)


class FrontDoor(asyncio.Protocol):
    """Reads one request head and decides who serves the connection."""

    __slots__ = ("_head", "_hub", "_limits", "_make_http", "_timer", "_transport")

    def __init__(self, hub: Hub, make_http: MakeHttpProtocol) -> None:
        self._hub = hub
        self._limits: Limits = hub.limits
        self._make_http = make_http
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock on the request head."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not one by its type
        self._timer = asyncio.get_running_loop().call_later(
            self._limits.request_head_timeout_s, self._transport.abort
        )

    def data_received(self, data: bytes) -> None:
        """Gather the request head, then hand over."""
        self._head += data
        end = self._head.find(_END_OF_HEAD)
        head_bytes = end if end >= 0 else len(self._head)
        assert self._transport is not None
        if head_bytes > self._limits.request_head_bytes:
            self._transport.write(_TOO_LARGE)
            self._transport.close()
        elif end >= 0:
            self._hand_over(self._transport, end)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a peer that left before it had said what it wants."""
        self._stop_timer()

    def _hand_over(self, transport: asyncio.Transport, end: int) -> None:
        self._stop_timer()
        data, self._head = self._head, b""
        protocol: asyncio.Protocol
        if _UPGRADE.search(data, 0, end + 2):
            protocol = WebSocketSession(self._hub, transport)
        else:
            protocol = self._make_http()
            protocol.connection_made(transport)
        transport.set_protocol(protocol)
        protocol.data_received(data)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
