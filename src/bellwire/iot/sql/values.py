"""Values of IoT SQL: JSON's, and Undefined. How they convert, compare and calculate.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from decimal import Decimal
from enum import Enum

import orjson


class Undefined(Enum):
    """The value of what is not there, or makes no sense."""

    UNDEFINED = "Undefined"

    def __repr__(self) -> str:
        """Return the name AWS gives it."""
        return "Undefined"


UNDEFINED = Undefined.UNDEFINED

Value = object
"""JSON as Python has it, Decimal, UNDEFINED; bytes where a message is taken as it came."""

# AWS: 34 digits. Nothing is trapped: what has no result is Undefined.
CONTEXT = decimal.Context(prec=34, Emin=-999, Emax=999, traps=[])
# The text AWS gives for strings that convert to a number.
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE]-?\d+)?", re.ASCII)
EXACT_INT = 2**53
"""From here on a double is another Int than the digits that it was written with."""
TEXT_CHARACTERS = 1024 * 1024
"""Longest text that a function or `+` makes; a longer one is Undefined. Ours: a message must not
multiply itself by its own length."""


# Conversions: https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html


def to_number(value: Value) -> int | Decimal | Undefined:
    """Convert to Int or Decimal: numbers, and strings that are one."""
    if isinstance(value, bool):
        return UNDEFINED
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return CONTEXT.create_decimal(repr(value))
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and len(value) <= 1000 and _NUMBER.fullmatch(value):
        number = CONTEXT.create_decimal(value)
        return number if number.is_finite() else UNDEFINED
    return UNDEFINED


def to_text(value: Value) -> str | Undefined:
    """Convert to String; Null, Undefined and bytes do not, nor what is nested too deeply."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal | list | dict):
        try:
            return to_json(value).decode()
        except orjson.JSONEncodeError:  # it reads 1024 levels, but writes no more than 254
            return UNDEFINED
    return UNDEFINED


def to_boolean(value: Value) -> bool | Undefined:
    """Convert to Boolean: Booleans, and `true` or `false` in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), UNDEFINED)
    return UNDEFINED


def to_json(value: Value) -> bytes:
    """Return JSON, compact; Decimals are written as they are."""
    return orjson.dumps(value, default=_as_json)


def _as_json(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        plain = format(value, "f")
        return orjson.Fragment(plain if len(plain) <= 40 else str(value))
    raise TypeError(f"{type(value).__name__} has no JSON")


# Logic. AWS's table leaves out Undefined; published rules count on `true OR Undefined` being true.
# https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html

Lazy = Callable[[], Value]


def both(left: Value, right: Lazy) -> bool | Undefined:
    """AND: false if either is false, else Undefined if either is Undefined."""
    first = to_boolean(left)
    if first is False:
        return False
    second = to_boolean(right())
    if second is False:
        return False
    return UNDEFINED if UNDEFINED in (first, second) else True


def either(left: Value, right: Lazy) -> bool | Undefined:
    """OR: true if either is true, else Undefined if either is Undefined."""
    first = to_boolean(left)
    if first is True:
        return True
    second = to_boolean(right())
    if second is True:
        return True
    return UNDEFINED if UNDEFINED in (first, second) else False


def negation(value: Value) -> bool | Undefined:
    """NOT."""
    boolean = to_boolean(value)
    return UNDEFINED if isinstance(boolean, Undefined) else not boolean


# Comparison


def equal(left: Value, right: Value) -> bool | Undefined:
    """`=`: numbers by value, other types only with their own; Undefined with anything Undefined."""
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    return same(left, right)


def same(left: Value, right: Value) -> bool:
    """Tell whether two values are equal, arrays and objects all the way down."""
    if type(left) is type(right) and not isinstance(left, dict | list):
        return left == right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return _is_number(left) and _is_number(right) and to_number(left) == to_number(right)


def unequal(left: Value, right: Value) -> bool | Undefined:
    """`<>`: true for values of different types."""
    answer = equal(left, right)
    return UNDEFINED if isinstance(answer, Undefined) else not answer


def less(left: Value, right: Value) -> bool | Undefined:
    """`<`, of numbers and of strings that are one; never of texts."""
    if (
        type(left) in _NATIVE
        and type(right) in _NATIVE
        and (type(left) is type(right) or abs(left) < EXACT_INT)  # type: ignore[arg-type]
    ):
        return left < right  # type: ignore[operator, no-any-return]
    first, second = to_number(left), to_number(right)
    if isinstance(first, Undefined) or isinstance(second, Undefined):
        return UNDEFINED
    return first < second


def at_most(left: Value, right: Value) -> bool | Undefined:
    """`<=`, as `<`."""
    return negation(less(right, left))


def contains(item: Value, items: Value) -> bool | Undefined:
    """`item IN items`."""
    if item is UNDEFINED or not isinstance(items, list):
        return UNDEFINED
    if type(item) is str:
        return item in items
    if type(item) is int and abs(item) < EXACT_INT and item not in items:
        return False  # Python knows no more of equality but that 1 is True
    return any(same(item, each) for each in items)


_NATIVE = (int, float)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
