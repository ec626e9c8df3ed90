"""`parse_time`: a time as text, by a pattern of Joda-Time.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bellwire.iot.sql.time_pattern import MONTHS, WEEKDAYS, Field, split_pattern
from bellwire.iot.sql.values import UNDEFINED, Undefined, Value, to_number, to_text


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Part = Callable[[datetime], str]


def format_time(pattern: Value, milliseconds: Value, zone: Value = "UTC") -> Value:
    """Return the time as text; Undefined for a pattern, a time or a zone that does not exist."""
    text, name, number = to_text(pattern), to_text(zone), to_number(milliseconds)
    if isinstance(text, Undefined) or isinstance(name, Undefined) or isinstance(number, Undefined):
        return UNDEFINED
    try:
        moment = (_EPOCH + timedelta(milliseconds=math.floor(number))).astimezone(zone_named(name))
        return "".join(part(moment) for part in compile_format(text))
    except (ValueError, OverflowError):
        return UNDEFINED


@lru_cache(maxsize=256)
def zone_named(name: str) -> ZoneInfo:
    """Return a time zone by its name, as `Europe/Vienna`; ValueError where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:  # OSError: the name is a folder there, or too long
        raise ValueError(f"there is no time zone {name}") from error


@lru_cache(maxsize=256)
def compile_format(pattern: str) -> tuple[Part, ...]:
    """Return the parts of a pattern; ValueError, which says why, where it is none."""
    return tuple(
        _literal(part) if isinstance(part, str) else _field(part) for part in split_pattern(pattern)
    )


def _literal(text: str) -> Part:
    return lambda moment: text


def _field(field: Field) -> Part:
    letter, count = field
    if letter in _NUMBERS:
        number = _NUMBERS[letter]
        return lambda moment: str(number(moment)).zfill(count)
    if letter in "yYx":
        return _year(letter, count)
    if letter == "M":
        return _month(count)
    if letter == "E":
        length = None if count >= 4 else 3
        return lambda moment: WEEKDAYS[moment.weekday()][:length]
    if letter == "S":
        return lambda moment: f"{moment.microsecond:06d}".ljust(count, "0")[:count]
    if letter in _TEXTS:
        text = _TEXTS[letter]
        return lambda moment: text(moment, count)
    raise ValueError(f"the pattern letter {letter} does not exist in Joda-Time")


def _year(letter: str, count: int) -> Part:
    def part(moment: datetime) -> str:
        year = moment.isocalendar().year if letter == "x" else moment.year
        return f"{year % 100:02d}" if count == 2 else str(year).zfill(count)

    return part


def _month(count: int) -> Part:
    if count < 3:
        return lambda moment: str(moment.month).zfill(count)
    return lambda moment: MONTHS[moment.month - 1][: None if count >= 4 else 3]


def _zone(moment: datetime, count: int) -> str:
    # A name in words ("Central Standard Time") is in no data that we have: the short one.
    return moment.tzname() or ""


def _offset(moment: datetime, count: int) -> str:
    if count >= 3:
        return str(moment.tzinfo)
    text = moment.strftime("%z")[:5]
    return text if count == 1 else f"{text[:3]}:{text[3:]}"


_NUMBERS: dict[str, Callable[[datetime], int]] = {
    "C": lambda moment: moment.year // 100,
    "w": lambda moment: moment.isocalendar().week,
    "e": lambda moment: moment.isoweekday(),
    "D": lambda moment: moment.timetuple().tm_yday,
    "d": lambda moment: moment.day,
    "K": lambda moment: moment.hour % 12,
    "h": lambda moment: moment.hour % 12 or 12,
    "H": lambda moment: moment.hour,
    "k": lambda moment: moment.hour or 24,
    "m": lambda moment: moment.minute,
    "s": lambda moment: moment.second,
}
_TEXTS: dict[str, Callable[[datetime, int], str]] = {
    "G": lambda moment, count: "AD",
    "a": lambda moment, count: "AM" if moment.hour < 12 else "PM",
    "z": _zone,
    "Z": _offset,
}
