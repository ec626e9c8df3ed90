"""Ids of connections, messages and requests, in the form API Gateway gives them.

Sixteen characters of URL-safe base64, the last one `=`: eleven bytes. AWS's are opaque; ours hold
the second, a sequence number, the node and the kind, so that an id is never used twice and names
the node that holds the connection.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable


NODE_ID_BYTES = 3

_CONNECTION, _MESSAGE, _REQUEST = 2, 3, 4
# Eleven bytes are 88 bits; fifteen characters carry 90: the last one ends in two zero bits.
_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{14}[AEIMQUYcgkosw048]=")


class IdSource:
    """Makes the ids of one node.

    `node_id` is six hexadecimal digits; `sequence` where counting starts (random, so that ids
    cannot be told in advance from the time alone); `clock` gives seconds since the epoch.
    """

    def __init__(self, node_id: str, *, sequence: int, clock: Callable[[], float]) -> None:
        self._node = bytes.fromhex(node_id)
        if len(self._node) != NODE_ID_BYTES:
            raise ValueError(f"a node id is {NODE_ID_BYTES * 2} hexadecimal digits: {node_id!r}")
        self._sequence = sequence
        self._clock = clock

    def connection_id(self) -> str:
        """Return a new id for a connection."""
        return self._make(_CONNECTION)

    def message_id(self) -> str:
        """Return a new id for a message."""
        return self._make(_MESSAGE)

    def request_id(self) -> str:
        """Return a new id for a request."""
        return self._make(_REQUEST)

    def _make(self, kind: int) -> str:
        self._sequence = (self._sequence + 1) & 0xFFFFFF
        second = int(self._clock()).to_bytes(4)
        packed = second + self._sequence.to_bytes(3) + self._node + bytes((kind,))
        return urlsafe_b64encode(packed).decode("ascii")


def is_well_formed(connection_id: str) -> bool:
    """Tell whether the text has the form of an id at all (a malformed one is 400, not 410)."""
    return _WELL_FORMED.fullmatch(connection_id) is not None


def node_of(connection_id: str) -> str:
    """Return the id of the node that holds the connection, as six hexadecimal digits."""
    return urlsafe_b64decode(connection_id)[7:10].hex()
