"""Topic filters.

Filters are those of AWS IoT: `+` stands for one level, `#` for one or more at the end, so `a/#`
does not match `a`; one that starts with a wildcard does not match a topic that starts with `$`.
https://docs.aws.amazon.com/iot/latest/developerguide/topics.html#topicfilters
"""

from __future__ import annotations

from dataclasses import dataclass

from bellwire.errors import BadRequestError


_BASIC_INGEST = "$aws/rules/"


def excess(topic: str, *, most_bytes: int, most_levels: int) -> str | None:
    """Return what makes a topic too long for AWS; None where nothing does.

    The first three levels of `$aws/rules/{name}/…` do not count.
    https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
    """
    if topic.startswith(_BASIC_INGEST):
        topic = topic.removeprefix(_BASIC_INGEST).partition("/")[2]
    if topic.count("/") >= most_levels:
        return f"its topic has {topic.count('/') + 1} levels, more than {most_levels}"
    # No character has more than four bytes: most topics need no encoding to be known as short.
    if len(topic) * 4 > most_bytes and (size := len(topic.encode(errors="replace"))) > most_bytes:
        return f"its topic has {size} bytes, more than {most_bytes}"
    return None


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
