"""What the reply to `set_notify_list` can carry: a message has its limit. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple


ENVELOPE_BYTES = 4096
"""Kept free in a reply for what is neither list nor snapshot: `event`, `request_id`."""


class Portion(NamedTuple):
    """A snapshot divided: what fits into the reply, and what is to be pushed after it."""

    snapshot: list[dict[str, object]]
    left_out: list[dict[str, object]]


def divide_snapshot(
    known: Iterable[dict[str, object]],
    *,
    size: Callable[[dict[str, object]], int],
    list_bytes: int,
    message_bytes: int,
) -> Portion:
    """Divide what is known of the devices of a list, in its order.

    `size` tells the bytes of a document as JSON, or a little more; `list_bytes` is what the list
    takes up in the reply, `message_bytes` the most a message holds.
    """
    room = message_bytes - list_bytes - ENVELOPE_BYTES
    portion = Portion([], [])
    for document in known:
        if room >= 0:  # what comes after the first that does not fit is not measured
            room -= size(document)
        (portion.snapshot if room >= 0 else portion.left_out).append(document)
    return portion
