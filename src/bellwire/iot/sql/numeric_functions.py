"""Functions of numbers. Wrong arguments give Undefined.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from bellwire.iot.sql.signature import Function
from bellwire.iot.sql.values import CONTEXT, UNDEFINED, Undefined, Value, to_number


def whole(value: Value) -> int | None:
    """Return a number rounded down, where the value is one."""
    number = to_number(value)
    return None if isinstance(number, Undefined) else math.floor(number)


def _numeric(operation: Callable[[Decimal], Decimal | int]) -> Function:
    """Make an exact function of one number."""

    def call(value: Value) -> Value:
        number = to_number(value)
        return UNDEFINED if isinstance(number, Undefined) else operation(Decimal(number))

    return Function(call, 1, 1)


def _double(operation: Callable[[float], float]) -> Function:
    """Make a function of one double; where it has no result, that is Undefined."""

    def call(value: Value) -> Value:
        number = to_number(value)
        return UNDEFINED if isinstance(number, Undefined) else _result(operation, float(number))

    return Function(call, 1, 1)


def _two_doubles(operation: Callable[[float, float], float]) -> Function:
    def call(first: Value, second: Value) -> Value:
        one, two = to_number(first), to_number(second)
        if isinstance(one, Undefined) or isinstance(two, Undefined):
            return UNDEFINED
        return _result(operation, float(one), float(two))

    return Function(call, 2, 2)


def _result(operation: Callable[..., float], *numbers: float) -> Value:
    try:
        return Decimal(repr(operation(*numbers)))
    except (ValueError, OverflowError, ZeroDivisionError):
        return UNDEFINED


def _bits(operation: Callable[[int, int], int]) -> Function:
    def call(first: Value, second: Value) -> Value:
        one, two = whole(first), whole(second)
        return UNDEFINED if one is None or two is None else operation(one, two)

    return Function(call, 2, 2)


def _bitnot(value: Value) -> Value:
    # AWS's page says bitnot(13) = 2, which is no number's complement. Ours is two's complement.
    number = whole(value)
    return UNDEFINED if number is None else ~number


def _round(number: Decimal) -> Decimal:
    # Ties go away from zero: the AWS page's example is Round(-1.5) = -2.
    return number.to_integral_value(ROUND_HALF_UP)


def _trunc(value: Value, places: Value) -> Value:
    number, count = to_number(value), whole(places)
    if isinstance(number, Undefined) or count is None:
        return UNDEFINED
    exact = Decimal(number)
    step = Decimal(1).scaleb(-min(max(count, 0), 34))
    result = exact.quantize(step, ROUND_DOWN, CONTEXT)
    return _stripped(result if result.is_finite() else exact)


def _stripped(number: Decimal) -> Decimal:
    """Return it without the zeros at its end; 200 stays 200."""
    stripped = number.normalize(CONTEXT)
    return stripped.quantize(Decimal(1), context=CONTEXT) if _is_short(stripped) else stripped


def _is_short(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent > 0 and number.adjusted() < CONTEXT.prec


def _remainder(first: Value, second: Value) -> Value:
    one, two = to_number(first), to_number(second)
    if isinstance(one, Undefined) or isinstance(two, Undefined):
        return UNDEFINED
    return CONTEXT.remainder(Decimal(one), Decimal(two))


def _nanvl(value: Value, otherwise: Value) -> Value:
    return otherwise if value is None or value is UNDEFINED else value


NUMERIC_FUNCTIONS: dict[str, Function] = {
    "abs": _numeric(CONTEXT.abs),
    "acos": _double(math.acos),
    "asin": _double(math.asin),
    "atan": _double(math.atan),
    "atan2": _two_doubles(math.atan2),
    "bitand": _bits(int.__and__),
    "bitnot": Function(_bitnot, 1, 1),
    "bitor": _bits(int.__or__),
    "bitxor": _bits(int.__xor__),
    "ceil": _numeric(lambda number: number.to_integral_value(ROUND_CEILING)),
    "cos": _double(math.cos),
    "cosh": _double(math.cosh),
    "exp": _double(math.exp),
    "floor": _numeric(lambda number: number.to_integral_value(ROUND_FLOOR)),
    "ln": _double(math.log),
    "log": _double(math.log10),
    "mod": Function(_remainder, 2, 2),
    "nanvl": Function(_nanvl, 2, 2),
    "power": _two_doubles(math.pow),
    "remainder": Function(_remainder, 2, 2),
    "round": _numeric(_round),
    "sign": _numeric(lambda number: (number > 0) - (number < 0)),
    "sin": _double(math.sin),
    "sinh": _double(math.sinh),
    "sqrt": _double(math.sqrt),
    "tan": _double(math.tan),
    "tanh": _double(math.tanh),
    "trunc": Function(_trunc, 2, 2),
}
"""By name in lower case."""
