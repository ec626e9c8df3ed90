"""What the reply to `set_notify_list` can carry: a message has its limit. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


ENVELOPE_BYTES = 4096
"""Kept free in a reply for what is neither list nor snapshot: `event`, `request_id`."""


class Portion(NamedTuple):
    """A snapshot divided: what fits into the reply, and a frame for each device that does not."""

    snapshot: list[dict[str, object]]
    frames: list[bytes]


def divide_snapshot(
    known: Iterable[tuple[dict[str, object], bytes]], *, list_bytes: int, message_bytes: int
) -> Portion:
    """Divide what is known of the devices of a list; each comes with its `parameters` frame.

    `list_bytes` is what the list takes up in the reply, `message_bytes` the most a message holds.
    """
    room = message_bytes - list_bytes - ENVELOPE_BYTES
    portion = Portion([], [])
    for document, frame in known:
        room -= len(frame)  # a frame is a little larger than the document in it
        if room >= 0:
            portion.snapshot.append(document)
        else:
            portion.frames.append(frame)
    return portion
