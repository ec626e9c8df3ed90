"""The last known value of each device, bounded: the one silent longest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import orjson

from bellwire.notify.lists import NotifyList
from bellwire.notify.values import merge, pick


class Known(NamedTuple):
    """What is known of a device; `timestamp` is that of its newest update, epoch ms.

    `size` is at least the bytes of the value as JSON: the updates since it was last measured.
    """

    value: Mapping[str, object]
    timestamp: int
    size: int


class Snapshot:
    """Last known values by device."""

    def __init__(self, *, devices: int, value_bytes: int) -> None:
        self._devices = devices
        self._value_bytes = value_bytes
        self._known: OrderedDict[str, Known] = OrderedDict()

    def __len__(self) -> int:
        """Return how many devices are known."""
        return len(self._known)

    def update(
        self, device_id: str, value: Mapping[str, object], timestamp: int, *, size: int
    ) -> None:
        """Take an update in; `size` is that of the value as JSON, in bytes, or a little more."""
        news = Known(value, timestamp, size)
        before = self._known.get(device_id)
        self._known[device_id] = news if before is None else self._merged(before, news)
        self._known.move_to_end(device_id)
        if len(self._known) > self._devices:
            self._known.popitem(last=False)

    def _merged(self, before: Known, news: Known) -> Known:
        value = merge(before.value, news.value)
        timestamp = max(before.timestamp, news.timestamp)
        size = before.size + news.size
        if size > self._value_bytes:
            # Measured only now and then: most updates bring names that are known already.
            size = len(orjson.dumps(value))
        if size > self._value_bytes:
            return Known(news.value, timestamp, news.size)
        return Known(value, timestamp, size)

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
