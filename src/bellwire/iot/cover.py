"""A few filters that stand for all topics of many: what a broker is asked for, once for all rules.

A broker's work for each message grows with the consumers and filters that it keeps; so it is asked
for a little more than is needed, and a topic tree tells the rest apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import reduce

from bellwire.iot.topics import TopicFilter


_Levels = tuple[str, ...]


def cover(filters: Iterable[TopicFilter], most: int) -> tuple[str, ...]:
    """Return at most `most` filters, no two of which share a topic, for all topics of these.

    A filter that starts with a wildcard is taken to stand for topics that start with a dollar too,
    as it does for NATS.
    """
    found = {each.levels for each in filters}
    depth = max(map(len, found), default=0)
    while len(found) > most and depth > 0:
        depth -= 1
        found = _merged_below(depth, found)
    kept = _apart(found)
    while len(kept) > most:
        *rest, one, other = kept
        kept = _apart([*rest, _merged(one, other)])
    return tuple("/".join(levels) for levels in kept)


def _merged_below(depth: int, filters: Iterable[_Levels]) -> set[_Levels]:
    """Make one of all filters that have as many levels and begin with the same `depth` of them."""
    alike: defaultdict[object, list[_Levels]] = defaultdict(list)
    for levels in filters:
        alike[len(levels), levels[-1] == "#", levels[:depth]].append(levels)
    return {reduce(_merged, group) for group in alike.values()}


def _apart(filters: Iterable[_Levels]) -> list[_Levels]:
    """Merge those that share a topic, until no two do."""
    kept: list[_Levels] = []
    for levels in sorted(filters):
        while (other := next((each for each in kept if _overlap(each, levels)), None)) is not None:
            kept.remove(other)
            levels = _merged(other, levels)
        kept.append(levels)
    return kept


def _merged(one: _Levels, other: _Levels) -> _Levels:
    """Return the narrowest filter for all topics of both."""
    if len(one) == len(other) and (one[-1] == "#") == (other[-1] == "#"):
        return tuple(a if a == b else "+" for a, b in zip(one, other, strict=True))
    # `x/#` does not stand for `x`: what is cut off must leave the shorter one a level.
    common = min(len(one), len(other)) - 1
    head = (a if a == b else "+" for a, b in zip(one[:common], other[:common], strict=True))
    return (*head, "#")


def _overlap(one: _Levels, other: _Levels) -> bool:
    """Tell whether a topic exists that both stand for."""
    for a, b in zip(one, other, strict=False):
        if "#" in (a, b):
            return True
        if a != b and "+" not in (a, b):
            return False
    return len(one) == len(other)
