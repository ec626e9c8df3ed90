"""TLS over a connection that began in plain: one object between the socket and its protocol.

The front door has read the first bytes when it learns that they are TLS, and `loop.start_tls`
cannot be given bytes. So the records are the `ssl` module's own (`SSLObject` over two memory
buffers), and this shell moves bytes: what comes from the socket is deciphered whole and given on as
one piece, what is written is enciphered whole and given to the socket. Nothing is kept here, so
the bounds of the protocol above (the size of the write buffer, paused reading) are those of the
socket, as in plain.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Any, cast


CLIENT_HELLO = 0x16
"""The first byte of a TLS connection: a record of the handshake
[https://www.rfc-editor.org/rfc/rfc8446#section-5.1]."""

_PIECE_BYTES = 16 * 1024
"""What is enciphered or deciphered at a time: a record. A memory buffer never shrinks, and so would
stay as large as the largest message for as long as the connection is open."""
_UNREAD_BYTES = 1024 * 1024
"""A peer that changes its keys while it leaves this much unread is cut: each change asks for an
answer, and one that takes none could make them pile up."""


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """A protocol to the transport of the socket, a transport to the `protocol` above.

    The maker has set it as the protocol of `transport`, and gives it what was read before. The
    protocol above hears nothing until the handshake is done, and bounds how long that takes; what
    becomes of the socket it hears as from any other transport.
    """

    __slots__ = (
        "_has_ended",
        "_incoming",
        "_is_secured",
        "_outgoing",
        "_protocol",
        "_tls",
        "_under",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        protocol: asyncio.Protocol,
        context: ssl.SSLContext,
    ) -> None:
        super().__init__()
        self._under = transport
        self._protocol = protocol
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_secured = False
        self._has_ended = False

    # From the socket

    def data_received(self, data: bytes) -> None:
        """Take records: go on with the handshake, or give on what they hold."""
        if self._has_ended:
            return  # we have said that we are done: what still comes is not looked at
        pieces: list[bytes] = []
        is_over = False
        try:
            for start in range(0, len(data), _PIECE_BYTES):
                self._incoming.write(data[start : start + _PIECE_BYTES])
                if self._is_secured or self._shake_hands():
                    is_over = self._decipher(pieces)
        except ssl.SSLError:
            self._fail()
            return
        if pieces and not self._has_ended:
            self._protocol.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if is_over and not self._has_ended:
            self._hear_end()

    def eof_received(self) -> bool:
        """Take the end of the socket's stream; the closing is ours."""
        self._hear_end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the protocol above that the socket is gone."""
        self._has_ended = True
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the socket takes nothing."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the socket takes bytes again."""
        self._protocol.resume_writing()

    def _shake_hands(self) -> bool:
        """Go on with the handshake; tell whether it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._flush()  # on failure that is an alert, which says why
        self._is_secured = True
        return True

    def _decipher(self, pieces: list[bytes]) -> bool:
        """Add what has come to `pieces`; tell whether the peer said that nothing more does."""
        is_over = False
        try:
            while piece := self._tls.read(_PIECE_BYTES):
                pieces.append(piece)
            is_over = True
        except ssl.SSLWantReadError:
            pass
        if self._outgoing.pending:  # the answer to a peer that changes its keys
            if self._under.get_write_buffer_size() > _UNREAD_BYTES:
                self.abort()
            self._flush()
        return is_over

    def _hear_end(self) -> None:
        if not self._is_secured:
            self.abort()
        elif not self._protocol.eof_received():
            self.close()

    def _fail(self) -> None:
        """End a connection that does not speak TLS, or not as it must."""
        self._flush()
        self._has_ended = True
        self._under.close()

    # To the socket

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Encipher and send; nothing once the end was said."""
        if self._has_ended:
            return
        rest = memoryview(data)
        records: list[bytes] = []
        try:
            while rest:
                rest = rest[self._tls.write(rest[:_PIECE_BYTES]) :]
                records.append(self._outgoing.read())
        except ssl.SSLError:
            self.abort()
            return
        if records and not self._under.is_closing():
            self._under.write(records[0] if len(records) == 1 else b"".join(records))

    def can_write_eof(self) -> bool:
        """Tell that either side may end first, as in plain."""
        return True

    def write_eof(self) -> None:
        """Say that nothing more comes, and go on hearing the peer's end."""
        self._say_end()
        self._under.write_eof()

    def close(self) -> None:
        """Say that nothing more comes, and close once all is written."""
        self._say_end()
        self._under.close()

    def abort(self) -> None:
        """Close at once; what was not written is lost."""
        self._has_ended = True
        self._under.abort()

    def _say_end(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        # It would wait for the peer's word, or bytes of the peer are unread: ours is said.
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._under.is_closing():
            self._under.write(self._outgoing.read())

    # What is the socket's own

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection: the TLS object and context, else the socket's."""
        if name == "ssl_object":
            return self._tls
        if name == "sslcontext":
            return self._tls.context
        return self._under.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand over to another protocol."""
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol above."""
        return self._protocol

    def is_closing(self) -> bool:
        """Tell whether the socket is closed or about to be."""
        return self._under.is_closing()

    def is_reading(self) -> bool:
        """Tell whether the socket is read."""
        return self._under.is_reading()

    def pause_reading(self) -> None:
        """Leave what comes in the socket."""
        self._under.pause_reading()

    def resume_reading(self) -> None:
        """Read the socket again."""
        self._under.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait for the socket."""
        return self._under.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return at how many waiting bytes writing goes on, and at how many it pauses."""
        return self._under.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set at how many waiting bytes writing pauses, and goes on."""
        self._under.set_write_buffer_limits(high, low)
