"""Topic filters.

Filters are those of AWS IoT: `+` stands for one level, `#` for one or more at the end, so `a/#`
does not match `a`; one that starts with a wildcard does not match a topic that starts with `$`.
https://docs.aws.amazon.com/iot/latest/developerguide/topics.html#topicfilters
"""

from __future__ import annotations

from dataclasses import dataclass

from bellwire.errors import BadRequestError


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
