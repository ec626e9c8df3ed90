"""Topic filters of several rules at one broker: which to subscribe to, and which copy to take.

A broker may deliver a message once for each subscription that it matches [MQTT 5, 3.3.4]. So a
filter that another holds is not subscribed to; of two that overlap otherwise the copy of the one
that was subscribed to first is taken, told by the subscription's identifier. Of whatever the
second one delivers and the first one matches, the broker has sent a copy for the first one too.
https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest


def outermost(filters: Iterable[str]) -> list[str]:
    """Return the filters without those that another one holds, sorted."""
    found = sorted(set(filters))
    return [
        each for each in found if not any(holds(other, each) for other in found if other != each)
    ]


def holds(wide: str, narrow: str) -> bool:
    """Tell whether each topic of `narrow` is one of `wide`. `a/#` does not hold `a`, as on AWS."""
    if _is_hidden(wide, narrow):
        return False
    for ours, theirs in zip_longest(wide.split("/"), narrow.split("/")):
        if ours == "#":
            return theirs is not None
        if ours != theirs and (ours != "+" or theirs in (None, "#")):
            return False
    return True


def overlap(one: str, other: str) -> bool:
    """Tell whether a topic may match both. `a/#` matches `a`, as the standard has it."""
    if _is_hidden(one, other) or _is_hidden(other, one):
        return False
    for ours, theirs in zip_longest(one.split("/"), other.split("/")):
        if "#" in (ours, theirs):
            return True
        if ours != theirs and (None in (ours, theirs) or "+" not in (ours, theirs)):
            return False
    return True


def matches(topic_filter: str, topic: str) -> bool:
    """Tell whether a filter matches a topic. `a/#` matches `a`, as the standard has it."""
    if _is_hidden(topic_filter, topic):
        return False
    for ours, level in zip_longest(topic_filter.split("/"), topic.split("/")):
        if ours == "#":
            return True
        if ours != level and (ours != "+" or level is None):
            return False
    return True


class Copies:
    """Tells copies of messages, by the identifiers of the subscriptions that brought them."""

    def __init__(self) -> None:
        self._filters: dict[int, str] = {}
        self._rivals: dict[int, tuple[str, ...]] = {}

    def replace(self, subscribed: Mapping[str, int]) -> None:
        """Go by these subscriptions: filters with identifiers, a lower one being the older."""
        self._filters = {number: text for text, number in subscribed.items()}
        self._rivals = {
            number: tuple(
                older
                for other, older in self._filters.items()
                if other < number and overlap(older, text)
            )
            for number, text in self._filters.items()
        }

    def is_copy(self, topic: str, identifiers: Iterable[int]) -> bool:
        """Tell whether an older subscription brings the same message too.

        One of a subscription that is not known, any more or yet, is never taken for a copy.
        """
        known = [number for number in identifiers if number in self._rivals]
        if not known:
            return False
        return any(matches(older, topic) for older in self._rivals[min(known)])


def _is_hidden(pattern: str, topic: str) -> bool:
    """Tell whether a wildcard at the start keeps a pattern from topics that start with a dollar."""
    return topic.startswith("$") and pattern.startswith(("+", "#"))
