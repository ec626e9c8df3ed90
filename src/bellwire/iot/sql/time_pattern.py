"""Patterns of dates and times, cut into their parts: what both of AWS's dialects share.

A run of one letter is a field, what stands in quotes is literal, two quotes are one.
"""

from __future__ import annotations

from typing import NamedTuple


PATTERN_CHARACTERS = 1000
"""Longest pattern. Ours."""

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Field(NamedTuple):
    """A letter and how often it stands in a row."""

    letter: str
    width: int


def split_pattern(pattern: str) -> list[Field | str]:
    """Cut a pattern into fields and literal texts; ValueError where a quote does not close."""
    if len(pattern) > PATTERN_CHARACTERS:
        raise ValueError(f"a pattern has at most {PATTERN_CHARACTERS} characters")
    parts: list[Field | str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "'":
            text, position = _quoted(pattern, position)
            parts.append(text)
        elif character.isascii() and character.isalpha():
            end = position
            while end < len(pattern) and pattern[end] == character:
                end += 1
            parts.append(Field(character, end - position))
            position = end
        else:
            parts.append(character)
            position += 1
    return parts


def _quoted(pattern: str, start: int) -> tuple[str, int]:
    """Return the text that starts with the quote here, and where it ends."""
    if pattern.startswith("''", start):
        return "'", start + 2
    text = ""
    position = start + 1
    while (end := pattern.find("'", position)) >= 0:
        text += pattern[position:end]
        if not pattern.startswith("''", end):
            return text, end + 1
        text += "'"
        position = end + 2
    raise ValueError("a quote does not close")
