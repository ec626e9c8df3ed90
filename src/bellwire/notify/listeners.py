"""The node's side of the notifier: lists in, changes to frames, frames to connections."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import orjson

from bellwire.errors import GoneError
from bellwire.limits import Limits
from bellwire.notify.index import Index
from bellwire.notify.lists import (
    ListBounds,
    StoredList,
    notify_list_document,
    parse_notify_list,
)
from bellwire.notify.reply import divide_snapshot
from bellwire.notify.snapshot import Snapshot
from bellwire.notify.values import check_change


Deliver = Callable[[Collection[str], bytes], int]
"""Sends one text message to many connections; returns how many took it."""

_DEVICES_SHOWN = 1000


class ListenersStatistics(NamedTuple):
    """What the notifier holds, and what it did since the node started."""

    connections: int
    devices_listened_to: int
    devices_known: int
    changes: int
    pushes: int


def _nothing_waits(connection_id: str) -> int:
    return 0


class Listeners:
    """Who listens on this node, and the last values they may ask for.

    `waiting` tells how many bytes a connection has been sent and has not read.
    """

    def __init__(
        self,
        *,
        deliver: Deliver,
        is_open: Callable[[str], bool],
        now_ms: Callable[[], int],
        limits: Limits,
        waiting: Callable[[str], int] = _nothing_waits,
    ) -> None:
        self._deliver = deliver
        self._is_open = is_open
        self._now_ms = now_ms
        self._bounds = ListBounds(
            devices=limits.notify_list_devices,
            parameters=limits.notify_list_parameters,
            name_bytes=limits.name_bytes,
        )
        self._waiting = waiting
        self._index = Index()
        self._owed: dict[str, deque[tuple[str, tuple[str, ...] | None]]] = {}
        self._burst_bytes = limits.send_queue_bytes // 4
        self._message_bytes = limits.message_bytes
        self._snapshot = Snapshot(
            devices=limits.snapshot_devices, value_bytes=limits.snapshot_value_bytes
        )
        self._changes = self._pushes = 0

    def set_notify_list(self, connection_id: str, notify_list: object) -> StoredList:
        """Replace a connection's list; return it as stored, and the last known values.

        Values that do not fit into one reply are owed: call `push_owed` until nothing is. Raises
        InvalidNotifyList, and then the old list stays; GoneError where the connection is not open,
        so that nothing is kept for one that has left.
        """
        entries = parse_notify_list(notify_list, self._bounds)
        if not self._is_open(connection_id):
            raise GoneError(f"connection {connection_id} is not open")
        self._index.set(connection_id, entries)
        stored = notify_list_document(entries)
        portion = divide_snapshot(
            self._snapshot.of(entries),
            size=lambda known: len(_frame(known)),
            list_bytes=len(orjson.dumps(stored)),
            message_bytes=self._message_bytes,
        )
        self._owed.pop(connection_id, None)
        if portion.left_out:
            devices = [str(known["device_id"]) for known in portion.left_out]
            self._owed[connection_id] = deque((each, entries[each]) for each in devices)
        return {"notify_list": stored, "snapshot": portion.snapshot}

    def owes(self, connection_id: str) -> bool:
        """Tell whether a connection has not yet got all last values of its list."""
        return connection_id in self._owed

    def push_owed(self, connection_id: str) -> None:
        """Push owed last values, each as if it were a change, as many as the reader keeps up with.

        They are read now: one that changed meanwhile is not pushed as it was before.
        """
        owed = self._owed.get(connection_id)
        if owed is None:
            return
        room = self._burst_bytes - self._waiting(connection_id)
        while owed and room > 0:
            device_id, names = owed.popleft()
            for known in self._snapshot.of({device_id: names}):
                frame = _frame(known)
                room -= len(frame)
                if not self._deliver((connection_id,), frame):
                    owed.clear()
        if not owed:
            self._owed.pop(connection_id, None)

    def forget(self, connection_id: str) -> None:
        """Remove a connection's list."""
        self._index.forget(connection_id)
        self._owed.pop(connection_id, None)

    def notify(
        self, device_id: str, value: Mapping[str, object], timestamp: int | None = None
    ) -> int:
        """Push an update to those who listen to it; return how many connections took it.

        Raises InvalidChange where it is none that could be pushed.
        """
        check_change(device_id, value, timestamp)
        at = self._now_ms() if timestamp is None else timestamp
        whole = _frame({"device_id": device_id, "value": value, "timestamp": at})
        self._changes += 1
        self._snapshot.update(device_id, value, at, size=len(whole))
        pushed = 0
        for content, connections in self._index.audiences(device_id, value):
            if content is None:
                frame = whole
            else:
                frame = _frame({"device_id": device_id, "value": content, "timestamp": at})
            pushed += self._deliver(connections, frame)
        self._pushes += pushed
        return pushed

    def devices(self) -> list[dict[str, object]]:
        """Return the devices heard of last, with their last values: at most a thousand."""
        return self._snapshot.newest(_DEVICES_SHOWN)

    def statistics(self) -> ListenersStatistics:
        """Return the figures of this moment."""
        return ListenersStatistics(
            connections=len(self._index),
            devices_listened_to=self._index.device_count,
            devices_known=len(self._snapshot),
            changes=self._changes,
            pushes=self._pushes,
        )


def _frame(update: Mapping[str, object]) -> bytes:
    return orjson.dumps({"event": "parameters", **update})
