"""Payload → value: JSON with every digit that AWS keeps.

A double holds 15 digits for certain, AWS's numbers have 34. What may need more, by its looks, is
read a second time.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import NoReturn

import orjson

from bellwire.iot.sql.values import CONTEXT, UNDEFINED, Value, to_json


# Many digits in a row, or an exponent of three, are beyond what a double is sure to keep. To look
# for them where all digits are alike is several times faster than a regular expression.
_ALIKE = bytes(
    ord("0") if chr(byte) in "0123456789." else ord("e") if chr(byte) in "eE" else 0
    for byte in range(256)
)
_SIGNS = b"+-"
_LONG, _LONG_EXPONENT = b"0" * 16, b"e000"
_SURE_DIGITS = 15
_INT_64_DIGITS = 18


def read_document(payload: bytes) -> Value:
    """Return a JSON object or array; anything else is no JSON for a rule, so UNDEFINED.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-where.html
    """
    document = read_json(payload)
    return document if isinstance(document, dict | list) else UNDEFINED


def read_json(payload: bytes) -> Value:
    """Return any JSON value; UNDEFINED where it is none, or has a number beyond 9.999E999."""
    try:
        document: Value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        # The one complaint that is not about the text: a number that a double cannot hold.
        return _exact(payload) if "infinity" in str(error) else UNDEFINED
    return _exact(payload) if _may_be_long(payload) else document


def _may_be_long(payload: bytes) -> bool:
    alike = payload.translate(_ALIKE, _SIGNS)
    return _LONG in alike or _LONG_EXPONENT in alike


def _exact(payload: bytes) -> Value:
    try:
        document: Value = json.loads(
            payload.decode(), parse_float=_decimal, parse_int=_int, parse_constant=_refuse
        )
        to_json(document)  # half a surrogate pair is no text: only writing tells
    except (ValueError, RecursionError):
        return UNDEFINED
    return document


def _decimal(text: str) -> float | Decimal:
    double = float(text)
    if len(text) <= _SURE_DIGITS and math.isfinite(double) and double:
        return double
    number = _finite(text)
    exact = math.isfinite(double) and Decimal(repr(double)) == number
    return double if exact else number


def _int(text: str) -> int | Decimal:
    return int(text) if len(text) <= _INT_64_DIGITS else _whole(text)


def _whole(text: str) -> int | Decimal:
    number = _finite(text)
    return int(number) if -(2**63) <= number < 2**63 else number


def _finite(text: str) -> Decimal:
    number = CONTEXT.create_decimal(text)
    if not number.is_finite():
        raise ValueError("a number beyond 9.999E999")
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")
