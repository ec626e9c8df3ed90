"""Who listens to what: device → parameter → connections.

A change looks at the listeners of the parameters that it carries: neither the other connections
nor the other parameters of the device cost anything. Connections that ask for the same set of
parameters stand together, so that a change costs one look-up for each distinct set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from sys import intern
from typing import NamedTuple

from bellwire.notify.lists import NotifyList
from bellwire.notify.values import pick


class Audience(NamedTuple):
    """Connections that get the same frame. `parameters` is None where they get the whole value."""

    parameters: Mapping[str, object] | None
    connections: Sequence[str]


class _Group:
    """The connections that ask a device for the same parameters; `names` is None for all of it."""

    __slots__ = ("connections", "device_id", "names")

    def __init__(self, device_id: str, names: tuple[str, ...] | None) -> None:
        self.device_id = device_id
        self.names = names
        # Dictionaries, not sets: who came first is served first, the same in every run.
        self.connections: dict[str, None] = {}


class _Device:
    """The listeners of one device: those of all of it, and by set of parameters."""

    __slots__ = ("by_member", "by_names", "whole")

    def __init__(self) -> None:
        self.whole: _Group | None = None
        self.by_names: dict[tuple[str, ...], _Group] = {}
        self.by_member: dict[str, dict[_Group, None]] = {}

    def group(self, device_id: str, names: tuple[str, ...] | None) -> _Group:
        """Return the group for some parameters; a new one where there is none yet."""
        if names is None:
            if self.whole is None:
                self.whole = _Group(device_id, None)
            return self.whole
        if names not in self.by_names:
            self.by_names[names] = group = _Group(device_id, names)
            for member in _members(names):
                self.by_member.setdefault(member, {})[group] = None
        return self.by_names[names]

    def drop(self, group: _Group) -> None:
        """Remove a group that nobody is in any more."""
        if group.names is None:
            self.whole = None
            return
        del self.by_names[group.names]
        for member in _members(group.names):
            del self.by_member[member][group]
            if not self.by_member[member]:
                del self.by_member[member]

    def concerned(self, value: Mapping[str, object]) -> Iterable[_Group]:
        """Return the groups that an update may concern, each once."""
        if len(self.by_names) <= len(value):
            return self.by_names.values()
        found: dict[_Group, None] = {}
        for member in value:
            found.update(self.by_member.get(member, {}))
        return found


class Index:
    """All notify lists of a node."""

    def __init__(self) -> None:
        self._devices: dict[str, _Device] = {}
        self._lists: dict[str, tuple[_Group, ...]] = {}

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
        groups = []
        for device_id, names in entries.items():
            device = self._devices.setdefault(intern(device_id), _Device())
            group = device.group(intern(device_id), _canonical(names))
            group.connections[connection_id] = None
            groups.append(group)
        if groups:
            self._lists[connection_id] = tuple(groups)

    def forget(self, connection_id: str) -> None:
        """Remove the list of a connection; nothing happens where it has none."""
        for group in self._lists.pop(connection_id, ()):
            del group.connections[connection_id]
            if not group.connections:
                device = self._devices[group.device_id]
                device.drop(group)
                if device.whole is None and not device.by_names:
                    del self._devices[group.device_id]

    def audiences(self, device_id: str, value: Mapping[str, object]) -> Iterator[Audience]:
        """Yield who gets what of an update: one audience for each distinct frame."""
        device = self._devices.get(device_id)
        if device is None:
            return
        together: dict[tuple[str, ...], tuple[dict[str, object], list[str]]] = {}
        for group in device.concerned(value):
            carried = pick(value, group.names or ())
            if carried:
                same = together.setdefault(tuple(carried), (carried, []))
                same[1].extend(group.connections)
        # All is looked up before the first is given out: delivering may change the lists.
        if device.whole is not None:
            yield Audience(None, tuple(device.whole.connections))
        for carried, connections in together.values():
            yield Audience(carried, connections)


def _canonical(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Sort the names: the same set is one group, and one frame, whatever order it came in."""
    return None if names is None else tuple(intern(name) for name in sorted(names))


def _members(names: Iterable[str]) -> set[str]:
    """Return the members of a value that the names may mean: `a.b` is one of `a` or of `a.b`."""
    return {part for name in names for part in (name, name.partition(".")[0])}
