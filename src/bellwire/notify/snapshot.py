"""The last known value of each device, bounded: the one silent longest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from bellwire.notify.lists import NotifyList
from bellwire.notify.values import merge, pick


class Known(NamedTuple):
    """What is known of a device; `timestamp` is that of its newest update, epoch ms."""

    value: Mapping[str, object]
    timestamp: int


class Snapshot:
    """Last known values by device."""

    def __init__(self, *, devices: int) -> None:
        self._bound = devices
        self._known: OrderedDict[str, Known] = OrderedDict()

    def __len__(self) -> int:
        """Return how many devices are known."""
        return len(self._known)

    def update(self, device_id: str, value: Mapping[str, object], timestamp: int) -> None:
        """Take an update in."""
        before = self._known.get(device_id)
        if before is not None:
            value = merge(before.value, value)
            timestamp = max(timestamp, before.timestamp)
        self._known[device_id] = Known(value, timestamp)
        self._known.move_to_end(device_id)
        if len(self._known) > self._bound:
            self._known.popitem(last=False)

    def of(self, entries: NotifyList) -> list[dict[str, object]]:
        """Return what is known of what a list asks for, device by device; maybe nothing."""
        documents = []
        for device_id, names in entries.items():
            known = self._known.get(device_id)
            if known is None:
                continue
            value = known.value if names is None else pick(known.value, names)
            if value:
                documents.append(_document(device_id, value, known.timestamp))
        return documents

    def newest(self, count: int) -> list[dict[str, object]]:
        """Return the `count` devices heard of last, by name."""
        newest: Iterator[tuple[str, Known]] = islice(reversed(self._known.items()), count)
        return [
            _document(device_id, known.value, known.timestamp)
            for device_id, known in sorted(newest)
        ]


def _document(device_id: str, value: Mapping[str, object], timestamp: int) -> dict[str, object]:
    return {"device_id": device_id, "value": value, "timestamp": timestamp}
