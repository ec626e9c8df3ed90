"""Operators on numbers, in both versions of IoT SQL.

2016-03-23 takes a whole number for an Int, also one that was written 10.0; 2015-10-08 keeps what
was a Decimal.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from bellwire.iot.sql.values import (
    CONTEXT,
    EXACT_INT,
    TEXT_CHARACTERS,
    UNDEFINED,
    Undefined,
    Value,
    to_number,
    to_text,
)


OLDEST, NEWEST = "2015-10-08", "2016-03-23"
"""The versions of IoT SQL; AWS takes the oldest where none is given."""

Settle = Callable[[Value], Value]
"""Makes of a result what the version says: `settle_of`."""

_LARGEST_INT = 2**63


def settle_of(version: str) -> Settle:
    """Return how a version of IoT SQL leaves numbers."""
    return as_decimals if version == OLDEST else as_ints


def as_ints(value: Value) -> Value:
    """Return a whole number as an Int; what is no number of AWS is Undefined, others stay."""
    if type(value) is float:
        return _settle_float(value)
    if type(value) is Decimal:
        return _settle_decimal(value)
    return _settle_int(value) if type(value) is int else value


def as_decimals(value: Value) -> Value:
    """Return a number as it is; what is no number of AWS is Undefined."""
    if isinstance(value, Decimal) and not value.is_finite():
        return UNDEFINED
    return _settle_int(value) if type(value) is int else value


def _settle_float(number: float) -> int | float | Decimal | Undefined:
    if not number.is_integer():
        return number
    return int(number) if abs(number) < EXACT_INT else _settle_decimal(Decimal(repr(number)))


def _settle_decimal(number: Decimal) -> int | Decimal | Undefined:
    if not number.is_finite():
        return UNDEFINED
    if abs(number) < _LARGEST_INT and number == number.to_integral_value():
        return int(number)
    return number


def _settle_int(number: int) -> int | Decimal | Undefined:
    # JSON for Ints ends at 64 bits here; a larger one goes on as a Decimal without a point.
    if -_LARGEST_INT <= number < _LARGEST_INT:
        return number
    large = CONTEXT.create_decimal(number)
    return large if large.is_finite() else UNDEFINED


def operators(version: str) -> Mapping[str, Callable[[Value, Value], Value]]:
    """Return `+ - * / %` of a version, by their sign."""
    settle = settle_of(version)
    add = _operator(CONTEXT.add, int.__add__, settle)
    return {
        "+": lambda left, right: _join(left, right, add),
        "-": _operator(CONTEXT.subtract, int.__sub__, settle),
        "*": _operator(CONTEXT.multiply, int.__mul__, settle),
        "/": _operator(CONTEXT.divide, _divide, settle),
        "%": _operator(CONTEXT.remainder, _remainder, settle),
    }


def negative(version: str) -> Callable[[Value], Value]:
    """Return `-x` of a version."""
    subtract = operators(version)["-"]
    return lambda value: subtract(0, value)


def _divide(left: int, right: int) -> int | Decimal:
    # AWS's table says Int for two Ints, its own example gives a Decimal where it must. Choice:
    # exact; whole results are Ints. By zero: Undefined.
    # https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
    if right and not left % right:
        return left // right
    return CONTEXT.divide(Decimal(left), Decimal(right))


def _remainder(left: int, right: int) -> int | Decimal:
    # The sign is the dividend's. By zero: Undefined.
    if not right:
        return Decimal("NaN")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _operator(
    of_decimals: Callable[[Decimal, Decimal], Decimal],
    of_ints: Callable[[int, int], int | Decimal],
    settle: Settle,
) -> Callable[[Value, Value], Value]:
    def apply(left: Value, right: Value) -> Value:
        if type(left) is int and type(right) is int:
            return settle(of_ints(left, right))
        first, second = to_number(left), to_number(right)
        if isinstance(first, Undefined) or isinstance(second, Undefined):
            return UNDEFINED
        return settle(of_decimals(Decimal(first), Decimal(second)))

    return apply


def _join(left: Value, right: Value, add: Callable[[Value, Value], Value]) -> Value:
    """`+`: joins as text if either is a String, else adds."""
    if not isinstance(left, str) and not isinstance(right, str):
        return add(left, right)
    first, second = to_text(left), to_text(right)
    if isinstance(first, Undefined) or isinstance(second, Undefined):
        return UNDEFINED
    return first + second if len(first) + len(second) <= TEXT_CHARACTERS else UNDEFINED
