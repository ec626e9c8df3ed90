"""Topic filters as a tree: finding those that match costs what a topic's levels cost, however many
filters there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from bellwire.iot.topics import TopicFilter


T = TypeVar("T")


class _Branch(Generic[T]):
    __slots__ = ("below", "ending", "open_ended")

    def __init__(self) -> None:
        self.below: dict[str, _Branch[T]] = {}
        self.ending: list[T] = []
        """What belongs to the filters that end here."""
        self.open_ended: list[T] = []
        """What belongs to the filters that end here with `/#`."""


class TopicTree(Generic[T]):
    """Values by topic filter, several for one if need be."""

    def __init__(self, entries: Iterable[tuple[TopicFilter, T]] = ()) -> None:
        self._root: _Branch[T] = _Branch()
        for topic_filter, value in entries:
            self._add(topic_filter.levels, value)

    def match(self, topic: str) -> list[T]:
        """Return the values of all filters that match a topic; none twice but where added twice."""
        levels = topic.split("/")
        found: list[T] = []
        if not topic.startswith("$"):
            _collect(self._root, levels, 0, found)
            return found
        # No filter that starts with a wildcard stands for these [MQTT 3.1.1, 4.7.2].
        branch = self._root.below.get(levels[0])
        if branch is not None:
            _collect(branch, levels, 1, found)
        return found

    def _add(self, levels: tuple[str, ...], value: T) -> None:
        is_open = levels[-1] == "#"
        branch = self._root
        for level in levels[:-1] if is_open else levels:
            branch = branch.below.setdefault(level, _Branch())
        (branch.open_ended if is_open else branch.ending).append(value)


def _collect(branch: _Branch[T], levels: list[str], position: int, found: list[T]) -> None:
    if position == len(levels):
        found += branch.ending
        return
    found += branch.open_ended
    for level in (levels[position], "+"):
        below = branch.below.get(level)
        if below is not None:
            _collect(below, levels, position + 1, found)
