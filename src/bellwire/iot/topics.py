"""Topic filters and a tree of them.

Filters are those of AWS IoT: `+` stands for one level, `#` for one or more at the end, so `a/#`
does not match `a`; one that starts with a wildcard does not match a topic that starts with `$`.
https://docs.aws.amazon.com/iot/latest/developerguide/topics.html#topicfilters
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bellwire.errors import BadRequestError


Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class TopicFilter:
    """A checked topic filter."""

    text: str
    levels: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> TopicFilter:
        """Check a filter; raises BadRequestError, which says what is wrong with it."""
        if not text:
            raise BadRequestError("a topic filter must not be empty")
        levels = tuple(text.split("/"))
        for level in levels:
            if level not in ("+", "#") and ("+" in level or "#" in level):
                raise BadRequestError(f"a wildcard stands for a whole level, not as in '{level}'")
        if "#" in levels[:-1]:
            raise BadRequestError("# may only be the last level of a topic filter")
        return cls(text, levels)

    def matches(self, topic: str) -> bool:
        """Tell whether a topic is one of those the filter stands for."""
        levels = topic.split("/")
        if topic.startswith("$") and self.levels[0] in ("+", "#"):
            return False
        if self.levels[-1] == "#":
            fixed = self.levels[:-1]
            return len(levels) > len(fixed) and _all_match(fixed, levels)
        return len(levels) == len(self.levels) and _all_match(self.levels, levels)


def _all_match(pattern: tuple[str, ...], levels: list[str]) -> bool:
    return all(
        wanted in ("+", level)
        for wanted, level in zip(pattern, levels[: len(pattern)], strict=True)
    )


@dataclass(slots=True)
class _Branch(Generic[Value]):
    below: dict[str, _Branch[Value]] = field(default_factory=dict)
    here: list[Value] = field(default_factory=list)
    anything: list[Value] = field(default_factory=list)


class TopicTree(Generic[Value]):
    """Values by filter; finding those of a topic costs nothing for filters that do not match."""

    def __init__(self) -> None:
        self._root: _Branch[Value] = _Branch()

    def add(self, topic_filter: TopicFilter, value: Value) -> None:
        """Add a value under a filter."""
        branch = self._root
        for level in topic_filter.levels:
            if level == "#":
                branch.anything.append(value)
                return
            branch = branch.below.setdefault(level, _Branch())
        branch.here.append(value)

    def match(self, topic: str) -> list[Value]:
        """Return the values of all filters that match the topic."""
        found: list[Value] = []
        branches = [self._root]
        for number, level in enumerate(topic.split("/")):
            is_reserved = number == 0 and topic.startswith("$")
            following = []
            for branch in branches:
                if not is_reserved:
                    found += branch.anything
                names = (level,) if is_reserved or level == "+" else (level, "+")
                following += [branch.below[name] for name in names if name in branch.below]
            branches = following
        return found + [value for branch in branches for value in branch.here]
