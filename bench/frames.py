"""The bytes of a lean WebSocket client: handshake, masked frames, and the frames of a server."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit


TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_MASK = bytes((0x5A, 0xC3, 0x17, 0x8E))


class Frame(NamedTuple):
    """A frame of a server, and where it ends in the bytes it was found in."""

    opcode: int
    payload: bytes
    end: int


def handshake(url: str) -> bytes:
    """Return the request that opens one WebSocket at `url`.

    Each has a key of its own, as RFC 6455 4.1 demands: serverless-offline tells sockets apart by
    it, and would give the reply for one to another.
    """
    address = urlsplit(url)
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {address.path or '/'} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def masked(opcode: int, payload: bytes) -> bytes:
    """Return a whole frame as a client sends it; always the same mask, so it is made once."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
    body = bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(payload))
    return bytes((0x80 | opcode,)) + length + _MASK + body


def unmasked(opcode: int, payload: bytes) -> bytes:
    """Return a whole frame as a server sends it."""
    assert len(payload) < 126
    return bytes((0x80 | opcode, len(payload))) + payload


def frames(data: bytes) -> Iterator[Frame]:
    """Take the whole frames at the start of what a server has sent."""
    start = 0
    while len(data) >= start + 2:
        size, head = data[start + 1], 2
        if size == 126:
            size, head = int.from_bytes(data[start + 2 : start + 4]), 4
        elif size == 127:
            raise ValueError("a frame over 64 KB, from a server that sends none")
        end = start + head + size
        if len(data) < start + head or len(data) < end:
            return
        yield Frame(data[start] & 0x0F, data[start + head : end], end)
        start = end
