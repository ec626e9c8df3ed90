"""Functions of texts: what is no String is converted, what cannot be gives Undefined.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from bellwire.iot.sql.md2 import md2
from bellwire.iot.sql.numeric_functions import whole
from bellwire.iot.sql.signature import Function
from bellwire.iot.sql.time_format import compile_format, format_time
from bellwire.iot.sql.time_parse import compile_parse, parse_time
from bellwire.iot.sql.values import TEXT_CHARACTERS, UNDEFINED, Undefined, Value, to_text


_SPACE = " \t"


def _textual(operation: Callable[[str], Value]) -> Function:
    """Make a function of one text."""

    def call(value: Value) -> Value:
        text = to_text(value)
        return UNDEFINED if isinstance(text, Undefined) else operation(text)

    return Function(call, 1, 1)


def _textual_two(operation: Callable[[str, str], Value]) -> Function:
    """Make a function of two texts."""

    def call(first: Value, second: Value) -> Value:
        one, two = to_text(first), to_text(second)
        if isinstance(one, Undefined) or isinstance(two, Undefined):
            return UNDEFINED
        return operation(one, two)

    return Function(call, 2, 2)


def _hash(name: str) -> Function:
    return _textual(
        lambda text: hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()
    )


def _substring(value: Value, start: Value, *ends: Value) -> Value:
    text, first = to_text(value), whole(start)
    if isinstance(text, Undefined) or first is None:
        return UNDEFINED
    last = whole(ends[0]) if ends else len(text)
    return UNDEFINED if last is None else text[max(first, 0) : max(last, 0)]


def _pad(*, left: bool) -> Function:
    def call(value: Value, count: Value) -> Value:
        text, spaces = to_text(value), whole(count)
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
    return text.replace(wanted, given) if length <= TEXT_CHARACTERS else UNDEFINED


def _chr(value: Value) -> Value:
    code = whole(value)
    return chr(code) if code is not None and 0 <= code < 128 else UNDEFINED


def _check_format(place: int, text: str) -> str | None:
    return _reason(compile_format, text) if place == 0 else None


def _check_parse(place: int, text: str) -> str | None:
    return _reason(compile_parse, text) if place == 1 else None


def _reason(compile_pattern: Callable[[str], object], text: str) -> str | None:
    try:
        compile_pattern(text)
    except ValueError as error:
        return str(error)
    return None


TEXT_FUNCTIONS: dict[str, Function] = {
    "chr": Function(_chr, 1, 1),
    "endswith": _textual_two(str.endswith),
    "indexof": _textual_two(str.find),
    "length": _textual(len),
    "lower": _textual(str.lower),
    "lpad": _pad(left=True),
    "ltrim": _textual(lambda text: text.lstrip(_SPACE)),
    "md2": _textual(lambda text: md2(text.encode())),
    "md5": _hash("md5"),
    "numbytes": _textual(lambda text: len(text.encode())),
    "parse_time": Function(format_time, 2, 3, needs_2016=True, check=_check_format),
    "replace": Function(_replace, 3, 3),
    "rpad": _pad(left=False),
    "rtrim": _textual(lambda text: text.rstrip(_SPACE)),
    "sha1": _hash("sha1"),
    "sha224": _hash("sha224"),
    "sha256": _hash("sha256"),
    "sha384": _hash("sha384"),
    "sha512": _hash("sha512"),
    "startswith": _textual_two(str.startswith),
    "substring": Function(_substring, 2, 3),
    "time_to_epoch": Function(parse_time, 2, 2, needs_2016=True, check=_check_parse),
    "trim": _textual(str.strip),
    "upper": _textual(str.upper),
}
"""By name in lower case."""
