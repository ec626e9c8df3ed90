"""The frames between the node and a worker: kind (1 byte), length (4 bytes), payload.

Both ends run on one machine, so numbers are little-endian and nothing is negotiated. Used by the
worker too: standard library only.
"""

from __future__ import annotations

import struct


INVOKE = 1
"""To the worker: deadline (epoch ms, 8 bytes), length of the request id (2), request id, event."""
READY = 2
"""From the worker: the handler's module is imported."""
FAULT = 3
"""From the worker: the module could not be imported; an error document. The worker exits."""
RESULT = 4
"""From the worker: what the handler returned, as JSON."""
ERROR = 5
"""From the worker: the handler failed; an error document."""
STDOUT = 6
"""From the worker: bytes written to `sys.stdout`, lines not yet cut."""
STDERR = 7
"""From the worker: the same for `sys.stderr` and `logging`."""

_HEADER = struct.Struct("<BI")
_INVOKE_HEADER = struct.Struct("<BIQH")
_INVOCATION = struct.Struct("<QH")
_HEADER_BYTES = _HEADER.size
_unpack_header = _HEADER.unpack_from

Frame = tuple[int, bytes]
"""A kind and its payload."""


class FrameError(ValueError):
    """The bytes are no frame: whoever wrote them did not speak this protocol."""


def encode(kind: int, payload: bytes) -> bytes:
    """Return one frame."""
    return _HEADER.pack(kind, len(payload)) + payload


def encode_invoke(request_id: str, deadline_ms: int, event: bytes) -> bytes:
    """Return the frame that starts an invocation. `deadline_ms` is epoch milliseconds."""
    name = request_id.encode()
    size = _INVOCATION.size + len(name) + len(event)
    return _INVOKE_HEADER.pack(INVOKE, size, deadline_ms, len(name)) + name + event


def decode_invoke(payload: bytes) -> tuple[str, int, bytes]:
    """Return request id, deadline in epoch milliseconds, and event of an INVOKE frame."""
    deadline_ms, length = _INVOCATION.unpack_from(payload)
    start = _INVOCATION.size
    return payload[start : start + length].decode(), deadline_ms, payload[start + length :]


class Decoder:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, payload_limit: int) -> None:
        self._limit = payload_limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete with `data`.

        Raises FrameError where a kind does not exist or a payload is longer than allowed.
        """
        if not self._rest and len(data) >= _HEADER_BYTES:
            kind, size = self._header(data, 0)
            if len(data) == _HEADER_BYTES + size:  # nearly always: one whole frame, nothing else
                return [(kind, data[_HEADER_BYTES:])]
        self._rest += data
        return self._complete()

    def _complete(self) -> list[Frame]:
        rest = self._rest
        frames: list[Frame] = []
        start = 0
        while len(rest) - start >= _HEADER_BYTES:
            kind, size = self._header(rest, start)
            end = start + _HEADER_BYTES + size
            if len(rest) < end:
                break
            frames.append((kind, bytes(rest[start + _HEADER_BYTES : end])))
            start = end
        if start:
            del rest[:start]
        return frames

    def _header(self, data: bytes | bytearray, start: int) -> tuple[int, int]:
        kind, size = _unpack_header(data, start)
        if not INVOKE <= kind <= STDERR:
            raise FrameError(f"there is no frame of kind {kind}")
        if size > self._limit:
            raise FrameError(f"a frame of {size} bytes, where {self._limit} are allowed")
        return kind, size
