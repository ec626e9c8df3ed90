"""`time_to_epoch`: a text → epoch milliseconds, by a pattern of the JDK's DateTimeFormatter.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from bellwire.iot.sql.time_format import zone_named
from bellwire.iot.sql.time_pattern import MONTHS, WEEKDAYS, Field, split_pattern
from bellwire.iot.sql.values import UNDEFINED, Undefined, Value, to_text


Found = dict[str, "int | tzinfo"]
"""What a text says: numbers by letter, and the zone."""
Read = Callable[[str, int, Found], int]
"""Reads a part of the text from a place, notes what it says, returns the place after it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)(?::?(\d\d))?|([+-])(\d\d)", re.ASCII)
_REGION = re.compile(r"[A-Za-z][A-Za-z0-9_~]*(?:/[A-Za-z0-9._~+-]+)*", re.ASCII)
_ABBREVIATIONS = {
    **dict.fromkeys(("PST", "PDT", "PT"), "America/Los_Angeles"),
    **dict.fromkeys(("MST", "MDT", "MT"), "America/Denver"),
    **dict.fromkeys(("CST", "CDT", "CT"), "America/Chicago"),
    **dict.fromkeys(("EST", "EDT", "ET"), "America/New_York"),
    **dict.fromkeys(("CET", "CEST"), "Europe/Paris"),
    **dict.fromkeys(("Z", "UT", "UTC", "GMT"), "UTC"),
    "BST": "Europe/London",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
}


def parse_time(value: Value, pattern: Value) -> Value:
    """Return epoch milliseconds; Undefined where the text does not have the pattern's form."""
    text, form = to_text(value), to_text(pattern)
    if isinstance(text, Undefined) or isinstance(form, Undefined):
        return UNDEFINED
    found: Found = {}
    try:
        if _read_all(compile_parse(form), text, 0, found) != len(text):
            return UNDEFINED
        return (_moment(found) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return UNDEFINED


@lru_cache(maxsize=256)
def compile_parse(pattern: str) -> tuple[Read, ...]:
    """Return how to read each part; ValueError, which says why, where the pattern is none."""
    stack: list[list[Read]] = [[]]
    parts = split_pattern(pattern)
    for index, part in enumerate(parts):
        if part == "[":
            stack.append([])
        elif part == "]":
            if len(stack) == 1:
                raise ValueError("a ] closes nothing")
            inner = tuple(stack.pop())
            stack[-1].append(_optional(inner))
        elif isinstance(part, str):
            if part in ("{", "}", "#"):
                raise ValueError(f"{part} is reserved in a pattern")
            stack[-1].append(_literal(part))
        else:
            following = parts[index + 1] if index + 1 < len(parts) else ""
            stack[-1].append(_field(part, is_adjacent=isinstance(following, Field)))
    while len(stack) > 1:  # the JDK lets an optional part end with the pattern
        inner = tuple(stack.pop())
        stack[-1].append(_optional(inner))
    return tuple(stack[0])


def _read_all(parts: tuple[Read, ...], text: str, position: int, found: Found) -> int:
    for read in parts:
        position = read(text, position, found)
    return position


def _optional(parts: tuple[Read, ...]) -> Read:
    def read(text: str, position: int, found: Found) -> int:
        inner = dict(found)
        try:
            end = _read_all(parts, text, position, inner)
        except ValueError:
            return position
        found.update(inner)
        return end

    return read


def _literal(wanted: str) -> Read:
    def read(text: str, position: int, found: Found) -> int:
        if not text.startswith(wanted, position):
            raise ValueError("another text is expected")
        return position + len(wanted)

    return read


def _field(field: Field, *, is_adjacent: bool) -> Read:
    letter, count = field
    if letter in "uy":
        return _two_digit_year if count == 2 else _number("y", count, 4 if is_adjacent else 9)
    if letter in "ML" and count >= 3:
        return _name("M", MONTHS, 1, None if count >= 4 else 3)
    if letter == "E" or (letter == "e" and count >= 3):
        return _name("E", WEEKDAYS, 1, 3 if count <= 3 else None)
    if letter in _WIDEST:
        widest = count if is_adjacent and count > 1 else max(count, _WIDEST[letter])
        return _number("M" if letter == "L" else letter, count, widest)
    if letter == "S":
        return _fraction(count)
    if letter == "a":
        return _name("a", ("AM", "PM"), 0, None)
    if letter == "G":
        return _name("G", ("BC", "AD"), 0, None)
    if letter in "VzOXxZ":
        return _zone
    raise ValueError(f"the pattern letter {letter} cannot be read back into a time")


_WIDEST = {**dict.fromkeys("MLdHhKkms", 2), "D": 3, "A": 8, "n": 9, "N": 15}


def _number(name: str, least: int, most: int) -> Read:
    def read(text: str, position: int, found: Found) -> int:
        end = position
        while end < len(text) and end - position < most and "0" <= text[end] <= "9":
            end += 1
        if end - position < least:
            raise ValueError("more digits are expected")
        found[name] = int(text[position:end])
        return end

    return read


def _two_digit_year(text: str, position: int, found: Found) -> int:
    end = _number("y", 2, 2)(text, position, found)
    found["y"] = 2000 + int(text[position:end])
    return end


def _fraction(count: int) -> Read:
    def read(text: str, position: int, found: Found) -> int:
        end = _number("n", count, count)(text, position, found)
        found["n"] = int(text[position:end].ljust(9, "0")[:9])
        return end

    return read


def _name(letter: str, names: tuple[str, ...], first: int, length: int | None) -> Read:
    def read(text: str, position: int, found: Found) -> int:
        for number, name in enumerate(names, first):
            if text.startswith(name[:length], position):
                found[letter] = number
                return position + len(name[:length])
        raise ValueError("a name is expected")

    return read


def _zone(text: str, position: int, found: Found) -> int:
    region = _REGION.match(text, position)
    if region is None:
        found["zone"], end = _offset(text, position)
        return end
    name = region.group()
    offset_at = region.end()
    if name in ("UTC", "GMT", "UT") and text[offset_at : offset_at + 1] in ("+", "-"):
        found["zone"], end = _offset(text, offset_at)
        return end
    found["zone"] = zone_named(_ABBREVIATIONS.get(name, name))
    return offset_at


def _offset(text: str, position: int) -> tuple[tzinfo, int]:
    match = _OFFSET.match(text, position)
    if match is None:
        raise ValueError("an offset is expected")
    sign = match[1] or match[5]
    seconds = int(match[2] or match[6]) * 3600 + int(match[3] or 0) * 60 + int(match[4] or 0)
    return timezone(timedelta(seconds=-seconds if sign == "-" else seconds)), match.end()


def _moment(found: Mapping[str, int | tzinfo]) -> datetime:
    zone = found.get("zone", UTC)
    numbers = {letter: value for letter, value in found.items() if isinstance(value, int)}
    if not isinstance(zone, tzinfo) or "y" not in numbers or numbers.get("G") == 0:
        raise ValueError("a year is missing, or before our era")
    return _date(numbers, zone) + _time(numbers)


def _date(numbers: Mapping[str, int], zone: tzinfo) -> datetime:
    year = numbers["y"]
    if "D" in numbers:
        days = 366 if calendar.isleap(year) else 365
        return datetime(year, 1, 1, tzinfo=zone) + timedelta(
            days=_within(numbers["D"], 1, days) - 1
        )
    if "M" not in numbers or "d" not in numbers:
        raise ValueError("a month or a day is missing")
    month, day = _within(numbers["M"], 1, 12), _within(numbers["d"], 1, 31)
    # As the JDK does unless told to be strict: April 31 is April 30.
    moment = datetime(year, month, min(day, calendar.monthrange(year, month)[1]), tzinfo=zone)
    if "E" in numbers and moment.isoweekday() != numbers["E"]:
        raise ValueError("another day of the week")
    return moment


def _time(numbers: Mapping[str, int]) -> timedelta:
    if "N" in numbers:
        return timedelta(microseconds=numbers["N"] // 1000)
    if "A" in numbers:
        return timedelta(milliseconds=numbers["A"])
    return timedelta(
        hours=_hour(numbers),
        minutes=_within(numbers.get("m", 0), 0, 59),
        seconds=_within(numbers.get("s", 0), 0, 59),
        microseconds=numbers.get("n", 0) // 1000,
    )


def _hour(numbers: Mapping[str, int]) -> int:
    if "H" in numbers:
        return _within(numbers["H"], 0, 23)
    if "k" in numbers:
        return _within(numbers["k"], 1, 24) % 24
    if "h" in numbers:
        hour = _within(numbers["h"], 1, 12) % 12
    elif "K" in numbers:
        hour = _within(numbers["K"], 0, 11)
    else:
        return 0
    if "a" not in numbers:
        raise ValueError("morning or afternoon is missing")
    return hour + 12 * numbers["a"]


def _within(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise ValueError(f"{number} is not between {least} and {most}")
    return number
