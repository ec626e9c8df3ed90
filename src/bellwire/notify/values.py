"""Parameters inside a device's value: by name, or by dotted path. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping


MISSING = object()
"""What `find` returns where a value has no such parameter."""

LATEST_TIME_MS = 8_640_000_000_000_000
"""The latest time a JavaScript Date can hold."""
_LEVELS = 64
"""How deep a value may be nested. Ours: JSON libraries give up at some hundred levels."""


class InvalidChange(ValueError):
    """An update that cannot be pushed; the text names the member and what was expected."""


def check_change(device_id: object, value: object, timestamp: object) -> None:
    """Check an update; raises InvalidChange."""
    if not isinstance(device_id, str) or not device_id:
        raise InvalidChange("device_id: expected a non-empty string")
    if not isinstance(value, dict):
        raise InvalidChange("value: expected an object of parameters")
    if _is_deeper(value, _LEVELS):
        raise InvalidChange(f"value: nested deeper than {_LEVELS} levels")
    if timestamp is None:
        return
    if isinstance(timestamp, bool) or not isinstance(timestamp, int):
        raise InvalidChange("timestamp: expected whole milliseconds since 1970")
    if abs(timestamp) > LATEST_TIME_MS:
        raise InvalidChange("timestamp: expected milliseconds since 1970, and no such distant time")


def _is_deeper(content: dict[str, object] | list[object], levels: int) -> bool:
    for inner in content.values() if isinstance(content, dict) else content:
        if isinstance(inner, dict | list) and (levels == 1 or _is_deeper(inner, levels - 1)):
            return True
    return False


def to_json(document: object) -> bytes:
    """Write JSON without spaces, as UTF-8; raises InvalidChange where that cannot carry it."""
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError) as error:  # a Decimal, NaN, half characters, a loop
        raise InvalidChange(f"value: JSON cannot carry it: {error}") from None


def find(value: Mapping[str, object], path: str) -> object:
    """Return the parameter at a path, or MISSING.

    A member that is itself named with dots comes before the path through nested objects.
    """
    if path in value:
        return value[path]
    current: object = value
    for name in path.split("."):
        if not isinstance(current, dict) or name not in current:
            return MISSING
        current = current[name]
    return current


def pick(value: Mapping[str, object], paths: Iterable[str]) -> dict[str, object]:
    """Return those of the parameters that the value carries, by the paths they are asked by."""
    found = {}
    for path in paths:
        if path in value:  # the usual case, without a call
            found[path] = value[path]
        elif "." in path and (content := find(value, path)) is not MISSING:
            found[path] = content
    return found


def merge(known: Mapping[str, object], news: Mapping[str, object]) -> dict[str, object]:
    """Return what is known of a device after an update: nested objects are merged, too."""
    merged = dict(known)
    for name, content in news.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(content, dict):
            merged[name] = merge(before, content)
        else:
            merged[name] = content
    return merged
