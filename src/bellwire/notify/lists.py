"""Notify lists as clients send them: checked, and in one form. Standard library only.

A list is an array of entries `{"device_id": "thermostat-1", "parameters": ["temperature"]}`;
without `parameters` an entry means all of the device. Of two entries for one device the
parameters are joined: a list says what is wanted, not how often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypedDict


class InvalidNotifyList(ValueError):
    """A notify list that cannot be taken; the text names the place and what was expected."""


class ListBounds(NamedTuple):
    """How much one list may hold."""

    devices: int = 1000
    parameters: int = 1000
    name_bytes: int = 256


DEFAULT_BOUNDS = ListBounds()

NotifyList = Mapping[str, tuple[str, ...] | None]
"""The parameters listened to, by device, in the order given; None means all of the device."""


class StoredList(TypedDict):
    """A notify list as stored, and the last known values of what it asks for."""

    notify_list: list[dict[str, object]]
    snapshot: list[dict[str, object]]


def parse_notify_list(document: object, bounds: ListBounds = DEFAULT_BOUNDS) -> NotifyList:
    """Check a list as it came from JSON; raises InvalidNotifyList."""
    if not isinstance(document, list):
        raise InvalidNotifyList("notify_list: expected an array of entries")
    if len(document) > bounds.devices:
        raise InvalidNotifyList(
            f"notify_list: {len(document)} entries, at most {bounds.devices} are allowed"
        )
    entries: dict[str, tuple[str, ...] | None] = {}
    for number, entry in enumerate(document):
        device_id, parameters = _entry(f"notify_list[{number}]", entry, bounds)
        earlier = entries.get(device_id, ())
        if earlier is None or parameters is None:
            entries[device_id] = None
        else:
            entries[device_id] = tuple(dict.fromkeys(earlier + parameters))
    return entries


def notify_list_document(entries: NotifyList) -> list[dict[str, object]]:
    """Return a list in the form clients know."""
    return [
        {"device_id": device_id}
        if parameters is None
        else {"device_id": device_id, "parameters": list(parameters)}
        for device_id, parameters in entries.items()
    ]


def _entry(place: str, entry: object, bounds: ListBounds) -> tuple[str, tuple[str, ...] | None]:
    if not isinstance(entry, dict):
        raise InvalidNotifyList(f"{place}: expected an object with a device_id")
    for key in entry:
        if key not in ("device_id", "parameters"):
            raise InvalidNotifyList(
                f"{place}.{str(key)[:40]}: unknown; an entry has device_id and parameters"
            )
    device_id = _name(f"{place}.device_id", entry.get("device_id"), bounds)
    parameters = entry.get("parameters")
    if parameters is None:
        return device_id, None
    if not isinstance(parameters, list) or not parameters:
        raise InvalidNotifyList(
            f"{place}.parameters: expected a non-empty array of names; leave it out for all"
        )
    if len(parameters) > bounds.parameters:
        raise InvalidNotifyList(
            f"{place}.parameters: {len(parameters)} names, at most {bounds.parameters} are allowed"
        )
    names = [
        _name(f"{place}.parameters[{number}]", name, bounds)
        for number, name in enumerate(parameters)
    ]
    return device_id, tuple(dict.fromkeys(names))


def _name(place: str, name: object, bounds: ListBounds) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidNotifyList(f"{place}: expected a non-empty string")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidNotifyList(f"{place}: expected text that UTF-8 can carry") from None
    if size > bounds.name_bytes:
        raise InvalidNotifyList(f"{place}: {size} bytes, at most {bounds.name_bytes} are allowed")
    return name
