"""Parameters inside a device's value: by name, or by dotted path. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


MISSING = object()
"""What `find` returns where a value has no such parameter."""


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
    found = {path: find(value, path) for path in paths}
    return {path: content for path, content in found.items() if content is not MISSING}


def merge(
    known: Mapping[str, object], news: Mapping[str, object], depth: int = 16
) -> dict[str, object]:
    """Return what is known of a device after an update: nested objects are merged, too.

    Below `depth` levels the newer object takes the place of the older one.
    """
    merged = dict(known)
    for name, content in news.items():
        before = merged.get(name)
        if depth and isinstance(before, dict) and isinstance(content, dict):
            merged[name] = merge(before, content, depth - 1)
        else:
            merged[name] = content
    return merged
