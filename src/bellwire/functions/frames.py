"""The frames between the node and a worker: kind (1 byte), length (4 bytes), payload.

Both ends run on one machine, so numbers are little-endian and nothing is negotiated. Used by the
worker too: standard library only.
"""

from __future__ import annotations

import struct
from typing import NamedTuple


INVOKE = 1
"""To the worker: a `Call`."""
READY = 2
"""From the worker: the handler's module is imported. As each frame of this kind and of the next
three it begins with the most memory that the process has used, in KiB (4 bytes)."""
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
LAUNCH = 8
"""To the worker, before all else: a `Launch` as JSON."""

_HEADER = struct.Struct("<BI")
_INVOKE_HEADER = struct.Struct("<BIQIHI")
_CALL = struct.Struct("<QIHI")
_MEMORY = struct.Struct("<I")
_HEADER_BYTES = _HEADER.size
_unpack_header = _HEADER.unpack_from

Frame = tuple[int, bytes]
"""A kind and its payload."""


class FrameError(ValueError):
    """The bytes are no frame: whoever wrote them did not speak this protocol."""


class Call(NamedTuple):
    """One invocation: when it was started (epoch seconds), when it must end (epoch ms).

    `client_context` is JSON, or empty.
    """

    request_id: str
    started_s: int
    deadline_ms: int
    client_context: bytes
    event: bytes


def encode(kind: int, payload: bytes) -> bytes:
    """Return one frame."""
    return _HEADER.pack(kind, len(payload)) + payload


def encode_call(
    request_id: str, started_s: int, deadline_ms: int, client_context: bytes, event: bytes
) -> bytes:
    """Return the frame that starts an invocation; what it holds is a `Call`."""
    name = request_id.encode()
    size = _CALL.size + len(name) + len(client_context) + len(event)
    head = _INVOKE_HEADER.pack(INVOKE, size, deadline_ms, started_s, len(name), len(client_context))
    return b"".join((head, name, client_context, event))


def decode_call(payload: bytes) -> Call:
    """Return what an INVOKE frame holds."""
    deadline_ms, started_s, name_bytes, context_bytes = _CALL.unpack_from(payload)
    name_end = _CALL.size + name_bytes
    context_end = name_end + context_bytes
    return Call(
        payload[_CALL.size : name_end].decode(),
        started_s,
        deadline_ms,
        payload[name_end:context_end],
        payload[context_end:],
    )


def encode_outcome(kind: int, memory_kib: int, document: bytes) -> bytes:
    """Return a READY, FAULT, RESULT or ERROR frame."""
    return _HEADER.pack(kind, _MEMORY.size + len(document)) + _MEMORY.pack(memory_kib) + document


def decode_outcome(payload: bytes) -> tuple[int, bytes]:
    """Return the memory in KiB and the document; raises FrameError."""
    if len(payload) < _MEMORY.size:
        raise FrameError("an outcome without its memory")
    return _MEMORY.unpack_from(payload)[0], payload[_MEMORY.size :]


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
        if not INVOKE <= kind <= LAUNCH:
            raise FrameError(f"there is no frame of kind {kind}")
        if size > self._limit:
            raise FrameError(f"a frame of {size} bytes, where {self._limit} are allowed")
        return kind, size
