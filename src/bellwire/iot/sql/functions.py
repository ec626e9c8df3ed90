"""The functions of IoT SQL, in one table. Wrong arguments give Undefined, as on AWS.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

from __future__ import annotations

import hashlib
import math
from base64 import b64decode
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import NamedTuple

import orjson

from bellwire.iot.sql.values import (
    CONTEXT,
    UNDEFINED,
    Undefined,
    Value,
    remainder,
    settle,
    to_number,
    to_text,
)


class Function(NamedTuple):
    """A function that depends on its arguments only; `most` is None where there is no bound."""

    call: Callable[..., Value]
    least: int
    most: int | None
    needs_2016: bool = False


def _numeric(operation: Callable[[Decimal], Decimal | int | float]) -> Function:
    """Make a function of one number; where it has no result, that is Undefined."""

    def call(value: Value) -> Value:
        number = to_number(value)
        if isinstance(number, Undefined):
            return UNDEFINED
        try:
            result = operation(Decimal(number))
        except (ValueError, OverflowError, ArithmeticError):
            return UNDEFINED
        if isinstance(result, float):
            result = Decimal(repr(result))
        return settle(result)

    return Function(call, 1, 1)


def _textual(operation: Callable[[str], Value], *, needs_2016: bool = False) -> Function:
    """Make a function of one text."""

    def call(value: Value) -> Value:
        text = to_text(value)
        return UNDEFINED if isinstance(text, Undefined) else operation(text)

    return Function(call, 1, 1, needs_2016)


def _textual_two(operation: Callable[[str, str], Value], *, needs_2016: bool = False) -> Function:
    """Make a function of two texts."""

    def call(first: Value, second: Value) -> Value:
        one, two = to_text(first), to_text(second)
        if isinstance(one, Undefined) or isinstance(two, Undefined):
            return UNDEFINED
        return operation(one, two)

    return Function(call, 2, 2, needs_2016)


def _hash(name: str) -> Function:
    return _textual(
        lambda text: hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()
    )


def _whole(value: Value) -> int | None:
    """Return a number rounded down, where the value is one."""
    number = to_number(value)
    return None if isinstance(number, Undefined) else math.floor(number)


def _round(number: Decimal) -> Decimal:
    # Ties go away from zero: the AWS page's example is Round(-1.5) = -2.
    return number.to_integral_value(ROUND_HALF_UP)


def _trunc(value: Value, places: Value) -> Value:
    number, count = to_number(value), _whole(places)
    if isinstance(number, Undefined) or count is None:
        return UNDEFINED
    step = Decimal(1).scaleb(-min(max(count, 0), 34))
    result = Decimal(number).quantize(step, ROUND_DOWN, CONTEXT)
    return settle(result.normalize(CONTEXT)) if result.is_finite() else number


def _two_numbers(operation: Callable[[float, float], float]) -> Function:
    def call(first: Value, second: Value) -> Value:
        one, two = to_number(first), to_number(second)
        if isinstance(one, Undefined) or isinstance(two, Undefined):
            return UNDEFINED
        try:
            return settle(Decimal(repr(operation(float(one), float(two)))))
        except (ValueError, OverflowError, ArithmeticError, TypeError):
            return UNDEFINED

    return Function(call, 2, 2)


def _bits(operation: Callable[[int, int], int]) -> Function:
    def call(first: Value, second: Value) -> Value:
        one, two = _whole(first), _whole(second)
        return UNDEFINED if one is None or two is None else settle(operation(one, two))

    return Function(call, 2, 2)


def _concat(*values: Value) -> Value:
    if len(values) == 1:
        return values[0]
    if any(isinstance(value, list) for value in values):
        joined: list[Value] = []
        for value in values:
            joined += value if isinstance(value, list) else [value]
        return [value for value in joined if value is not UNDEFINED]
    if not any(isinstance(value, str) for value in values):
        return UNDEFINED
    texts = [to_text(value) for value in values]
    if any(isinstance(text, Undefined) for text in texts):
        return UNDEFINED
    return "".join(str(text) for text in texts)


def _get(container: Value, key: Value) -> Value:
    if isinstance(container, dict):
        return container.get(key, UNDEFINED) if isinstance(key, str) else UNDEFINED
    if isinstance(container, list | str):
        index = _whole(key)
        if index is not None and 0 <= index < len(container):
            return container[index]
    return UNDEFINED


def _substring(value: Value, start: Value, *ends: Value) -> Value:
    text, first = to_text(value), _whole(start)
    if isinstance(text, Undefined) or first is None:
        return UNDEFINED
    last = _whole(ends[0]) if ends else len(text)
    return UNDEFINED if last is None else text[max(first, 0) : max(last, 0)]


def _pad(*, left: bool) -> Function:
    def call(value: Value, count: Value) -> Value:
        text, spaces = to_text(value), _whole(count)
        if isinstance(text, Undefined) or spaces is None:
            return UNDEFINED
        padding = " " * min(max(spaces, 0), 1000)
        return padding + text if left else text + padding

    return Function(call, 2, 2)


def _replace(value: Value, old: Value, new: Value) -> Value:
    text, wanted, given = to_text(value), to_text(old), to_text(new)
    if isinstance(text, Undefined) or isinstance(wanted, Undefined) or isinstance(given, Undefined):
        return UNDEFINED
    if not wanted:
        return text
    length = len(text) + text.count(wanted) * (len(given) - len(wanted))
    return text.replace(wanted, given) if length <= _REPLACED_CHARACTERS else UNDEFINED


def _chr(value: Value) -> Value:
    code = _whole(value)
    return chr(code) if code is not None and 0 <= code < 128 else UNDEFINED


def _decode(value: Value, scheme: Value) -> Value:
    text = to_text(value)
    if scheme != "base64" or isinstance(text, Undefined):
        return UNDEFINED
    try:
        data = b64decode(text, validate=True)
        decoded = data.decode()
    except ValueError:
        return None  # AWS: NULL, not Undefined
    try:
        document: Value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return decoded
    return document


def _nanvl(value: Value, otherwise: Value) -> Value:
    return otherwise if value is None or value is UNDEFINED else value


_SPACE = " \t"
_REPLACED_CHARACTERS = 1024 * 1024
"""Longest result of replace(). Ours: a message must not multiply itself by its own length."""

FUNCTIONS: dict[str, Function] = {
    "abs": _numeric(CONTEXT.abs),
    "acos": _numeric(math.acos),
    "asin": _numeric(math.asin),
    "atan": _numeric(math.atan),
    "atan2": _two_numbers(math.atan2),
    "bitand": _bits(int.__and__),
    "bitor": _bits(int.__or__),
    "bitxor": _bits(int.__xor__),
    "ceil": _numeric(lambda number: number.to_integral_value(ROUND_CEILING)),
    "chr": Function(_chr, 1, 1),
    "concat": Function(_concat, 1, None),
    "cos": _numeric(math.cos),
    "cosh": _numeric(math.cosh),
    "decode": Function(_decode, 2, 2, needs_2016=True),
    "endswith": _textual_two(str.endswith),
    "exp": _numeric(math.exp),
    "floor": _numeric(lambda number: number.to_integral_value(ROUND_FLOOR)),
    "get": Function(_get, 2, 2),
    "indexof": _textual_two(str.find, needs_2016=True),
    "isnull": Function(lambda value: value is None, 1, 1),
    "isundefined": Function(lambda value: value is UNDEFINED, 1, 1, needs_2016=True),
    "length": _textual(len, needs_2016=True),
    "ln": _numeric(math.log),
    "log": _numeric(math.log10),
    "lower": _textual(str.lower),
    "lpad": _pad(left=True),
    "ltrim": _textual(lambda text: text.lstrip(_SPACE)),
    "md5": _hash("md5"),
    "mod": Function(remainder, 2, 2),
    "nanvl": Function(_nanvl, 2, 2),
    "numbytes": _textual(lambda text: len(text.encode()), needs_2016=True),
    "power": _two_numbers(math.pow),
    "remainder": Function(remainder, 2, 2),
    "replace": Function(_replace, 3, 3),
    "round": _numeric(_round),
    "rpad": _pad(left=False),
    "rtrim": _textual(lambda text: text.rstrip(_SPACE)),
    "sha1": _hash("sha1"),
    "sha224": _hash("sha224"),
    "sha256": _hash("sha256"),
    "sha384": _hash("sha384"),
    "sha512": _hash("sha512"),
    "sign": _numeric(lambda number: (number > 0) - (number < 0)),
    "sin": _numeric(math.sin),
    "sinh": _numeric(math.sinh),
    "sqrt": _numeric(math.sqrt),
    "startswith": _textual_two(str.startswith),
    "substring": Function(_substring, 2, 3),
    "tan": _numeric(math.tan),
    "tanh": _numeric(math.tanh),
    "trim": _textual(str.strip),
    "trunc": Function(_trunc, 2, 2),
    "upper": _textual(str.upper),
}
"""By name in lower case. Functions of the message (`topic()` …) are in `compiler`."""

NOT_BUILT = {
    "accountid": "a later version",
    "aws_lambda": "a later version",
    "bitnot": "a later version: AWS's page contradicts itself",
    "get_dynamodb": "an AWS service",
    "get_mqtt_property": "MQTT 5, which the broker does not speak",
    "get_or_default": "a later version",
    "get_registry_data": "an AWS service",
    "get_secret": "an AWS service",
    "get_thing_shadow": "a later version",
    "get_user_properties": "MQTT 5, which the broker does not speak",
    "machinelearning_predict": "an AWS service",
    "md2": "a later version",
    "newuuid": "a later version",
    "parse_time": "a later version",
    "principal": "a later version",
    "rand": "a later version",
    "regexp_matches": "a later version",
    "regexp_replace": "a later version",
    "regexp_substr": "a later version",
    "sourceip": "a later version",
    "sql_version": "a later version",
    "time_to_epoch": "a later version",
    "traceid": "a later version",
    "transform": "a later version",
}
"""Functions of AWS that are refused when a rule is loaded, and what they wait for."""
