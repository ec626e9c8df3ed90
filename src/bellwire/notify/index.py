"""Who listens to what: device → parameter → connections. Cost follows the listeners of a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from sys import intern
from typing import NamedTuple

from bellwire.notify.lists import NotifyList
from bellwire.notify.values import pick


class Audience(NamedTuple):
    """Connections that get the same frame. `parameters` is None where they get the whole value."""

    parameters: Mapping[str, object] | None
    connections: Sequence[str]


class _Device:
    """The listeners of one device: those of all of it, and those of sets of parameters.

    Connections that asked for the same parameters stand together, so that a change costs one
    look-up for each distinct set, not for each connection.
    """

    __slots__ = ("by_parameters", "whole")

    def __init__(self) -> None:
        # Dictionaries, not sets: who came first is served first, the same in every run.
        self.whole: dict[str, None] = {}
        self.by_parameters: dict[tuple[str, ...], dict[str, None]] = {}


class Index:
    """All notify lists of a node."""

    def __init__(self) -> None:
        self._devices: dict[str, _Device] = {}
        self._lists: dict[str, NotifyList] = {}

    def __len__(self) -> int:
        """Return how many connections have a list."""
        return len(self._lists)

    @property
    def device_count(self) -> int:
        """How many devices somebody listens to."""
        return len(self._devices)

    def set(self, connection_id: str, entries: NotifyList) -> None:
        """Replace the list of a connection."""
        self.forget(connection_id)
        if not entries:
            return
        shared = {
            intern(device_id): None if names is None else tuple(intern(name) for name in names)
            for device_id, names in entries.items()
        }
        self._lists[connection_id] = shared
        for device_id, names in shared.items():
            device = self._devices.setdefault(device_id, _Device())
            if names is None:
                device.whole[connection_id] = None
            else:
                device.by_parameters.setdefault(names, {})[connection_id] = None

    def forget(self, connection_id: str) -> None:
        """Remove the list of a connection; nothing happens where it has none."""
        for device_id, names in self._lists.pop(connection_id, {}).items():
            device = self._devices[device_id]
            if names is None:
                del device.whole[connection_id]
            else:
                listeners = device.by_parameters[names]
                del listeners[connection_id]
                if not listeners:
                    del device.by_parameters[names]
            if not device.whole and not device.by_parameters:
                del self._devices[device_id]

    def audiences(self, device_id: str, value: Mapping[str, object]) -> Iterator[Audience]:
        """Yield who gets what of an update: one audience for each distinct frame."""
        device = self._devices.get(device_id)
        if device is None:
            return
        if device.whole:
            yield Audience(None, tuple(device.whole))
        together: dict[tuple[str, ...], tuple[dict[str, object], list[str]]] = {}
        for names, listeners in device.by_parameters.items():
            carried = pick(value, names)
            if carried:
                together.setdefault(tuple(carried), (carried, []))[1].extend(listeners)
        for carried, connections in together.values():
            yield Audience(carried, connections)
