"""What awslambdaric writes where Lambda gives it a descriptor for its log.

There, a record is a frame: four bytes of kind, four of length, eight of time, the message. With
the frames going to the same file as the output, all is in the order in which it was written.
docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import re
import struct


_HEADER = struct.Struct(">IIQ")
_MAGIC = re.compile(rb"\xa5\x5a\x00[\x00-\x1f]")
"""No UTF-8 has these bytes."""


def decode_messages(data: bytes) -> list[str]:
    """Return lines of output, and records as one text each, in order."""
    messages: list[str] = []
    rest = b""
    while match := _MAGIC.search(data):
        output, frame = rest + data[: match.start()], data[match.start() :]
        _, size, _ = _HEADER.unpack_from(frame)
        record = frame[_HEADER.size : _HEADER.size + size]
        *whole, rest = output.split(b"\n")
        messages += map(_text, whole)
        messages.append(_text(record))
        data = frame[_HEADER.size + size :]
    *whole, last = (rest + data).split(b"\n")
    return [*messages, *map(_text, whole), *([_text(last)] if last else [])]


def _text(data: bytes) -> str:
    """A carriage return divides the lines of a message, as in Bellwire's log."""
    return data.decode(errors="replace").rstrip("\r\n").replace("\r", "\n")
