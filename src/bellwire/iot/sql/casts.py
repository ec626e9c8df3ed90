"""`cast(value AS type)`.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal

from bellwire.iot.sql.arithmetic import OLDEST, settle_of
from bellwire.iot.sql.values import UNDEFINED, Undefined, Value, to_boolean, to_number, to_text


NEWER_TYPES = ("decimal", "bool", "boolean")
"""Types that AWS names for version 2016-03-23 only."""


def casts(version: str) -> Mapping[str, Callable[[Value], Value]]:
    """Return how a version converts, by type in lower case."""
    settle = settle_of(version)

    def number(value: Value) -> Value:
        return settle(_number(value, is_oldest=version == OLDEST))

    return {
        **dict.fromkeys(("string", "nvarchar", "text", "ntext", "varchar"), to_text),
        **dict.fromkeys(("int", "integer"), lambda value: settle(_int(value))),
        **dict.fromkeys(("double", "decimal"), number),
        **dict.fromkeys(("bool", "boolean"), _boolean),
    }


def _number(value: Value, *, is_oldest: bool) -> Value:
    if isinstance(value, bool):
        return Decimal("1.0" if value else "0.0") if is_oldest else int(value)
    return to_number(value)


def _int(value: Value) -> Value:
    if isinstance(value, bool):
        return int(value)
    number = to_number(value)
    if not isinstance(number, Decimal):
        return number
    # AWS: a string is cut off, a number rounded down.
    return int(number) if isinstance(value, str) else math.floor(number)


def _boolean(value: Value) -> Value:
    if isinstance(value, bool | str):
        return to_boolean(value)
    number = to_number(value)
    return UNDEFINED if isinstance(number, Undefined) else number != 0
