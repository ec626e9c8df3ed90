"""Functions of arrays and objects, and of what is encoded.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

from __future__ import annotations

from base64 import b64decode, b64encode

import orjson

from bellwire.iot.sql.documents import read_json
from bellwire.iot.sql.numeric_functions import whole
from bellwire.iot.sql.signature import Function
from bellwire.iot.sql.values import (
    TEXT_CHARACTERS,
    UNDEFINED,
    Undefined,
    Value,
    to_json,
    to_text,
)


ARRAY_ITEMS = 100_000
"""Longest array that `concat` makes. Ours: a message of 128 KB holds no more."""
ENRICHED_BYTES = 128 * 1024
"""Largest result of `transform`
[docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-transform]."""


def get(container: Value, key: Value) -> Value:
    """Return the item, the character or the member; Undefined where there is none."""
    if isinstance(container, dict):
        return container.get(key, UNDEFINED) if isinstance(key, str) else UNDEFINED
    if isinstance(container, list | str):
        index = whole(key)
        if index is not None and 0 <= index < len(container):
            return container[index]
    return UNDEFINED


def encode(value: Value, scheme: Value) -> Value:
    """Return the base64 of bytes, or of what the value is as text."""
    if scheme != "base64":
        return UNDEFINED
    if isinstance(value, bytes):
        return b64encode(value).decode()
    text = to_text(value)
    return UNDEFINED if isinstance(text, Undefined) else b64encode(text.encode()).decode()


def _decode(value: Value, scheme: Value, *more: Value) -> Value:
    text = to_text(value)
    if scheme != "base64" or more or isinstance(text, Undefined):
        return UNDEFINED
    try:
        data = b64decode(text, validate=True)
        decoded = data.decode()
    except ValueError:
        return None  # AWS: NULL, not Undefined
    document = read_json(data)
    return decoded if document is UNDEFINED else document


def _check_scheme(place: int, text: str) -> str | None:
    if place != 1 or text == "base64":
        return None
    needed = "an AWS service: the description of the message lies in S3" if text == "proto" else ""
    return f"the scheme {text!r} needs {needed}" if needed else "the only scheme is 'base64'"


def _concat(*values: Value) -> Value:
    if len(values) == 1:
        return values[0]
    if any(isinstance(value, list) for value in values):
        return _concat_arrays(values)
    if not any(isinstance(value, str) for value in values):
        return UNDEFINED
    texts = [to_text(value) for value in values]
    if any(isinstance(text, Undefined) for text in texts):
        return UNDEFINED
    if sum(len(str(text)) for text in texts) > TEXT_CHARACTERS:
        return UNDEFINED
    return "".join(str(text) for text in texts)


def _concat_arrays(values: tuple[Value, ...]) -> Value:
    joined: list[Value] = []
    for value in values:
        joined += value if isinstance(value, list) else [value]
        if len(joined) > ARRAY_ITEMS:
            return UNDEFINED
    return [value for value in joined if value is not UNDEFINED]


def _transform(mode: Value, attributes: Value, values: Value) -> Value:
    if mode != "enrichArray" or not isinstance(attributes, dict) or not isinstance(values, list):
        return UNDEFINED
    if not all(isinstance(value, dict) for value in values):
        return UNDEFINED
    # Each element, then the attributes; AWS does not say who wins: here the attributes.
    try:
        if len(to_json(attributes)) * len(values) > ENRICHED_BYTES:
            return UNDEFINED
        enriched = [{**value, **attributes} for value in values if isinstance(value, dict)]
        return enriched if len(to_json(enriched)) <= ENRICHED_BYTES else UNDEFINED
    except orjson.JSONEncodeError:  # too many levels to write
        return UNDEFINED


def _check_mode(place: int, text: str) -> str | None:
    return "the only mode is 'enrichArray'" if place == 0 and text != "enrichArray" else None


def _get_or_default(value: Value, otherwise: Value) -> Value:
    return otherwise if value is None or value is UNDEFINED else value


DATA_FUNCTIONS: dict[str, Function] = {
    "concat": Function(_concat, 1, None),
    "decode": Function(_decode, 2, 6, needs_2016=True, check=_check_scheme),
    "encode": Function(encode, 2, 2, needs_2016=True, check=_check_scheme),
    "get": Function(get, 2, 2),
    "get_or_default": Function(_get_or_default, 2, 2, needs_2016=True),
    "isnull": Function(lambda value: value is None, 1, 1),
    "isundefined": Function(lambda value: value is UNDEFINED, 1, 1, needs_2016=True),
    "transform": Function(_transform, 3, 3, needs_2016=True, check=_check_mode),
}
"""By name in lower case."""
