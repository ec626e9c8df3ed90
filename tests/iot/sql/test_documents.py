"""Payloads: every digit that AWS keeps, and nothing but an answer for any bytes."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.sql.documents import read_document, read_json
from bellwire.iot.sql.values import UNDEFINED, to_json


NUMBERS = (
    st.integers(-(10**34) + 1, 10**34 - 1).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.decimals(
        allow_nan=False, allow_infinity=False, places=20, min_value=-(10**13), max_value=10**13
    ).map(str)
)


@given(NUMBERS)
def test_a_number_of_34_digits_is_written_as_it_was_read(text: str) -> None:
    value = read_json(text.encode())
    assert Decimal(to_json(value).decode()) == Decimal(text)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"18446744073709551617", Decimal("18446744073709551617")),
        (b"9223372036854775807", 2**63 - 1),
        (b"0.1", 0.1),
        (b"0.12345678901234567890", Decimal("0.12345678901234567890")),
        (b"1e400", Decimal("1E400")),
        (b"1e-400", Decimal("1E-400")),
        (b"0.0", 0.0),
        (b"123456789012345678901234567890123456", Decimal("1234567890123456789012345678901235E+2")),
    ],
)
def test_numbers_are_exact(payload: bytes, value: object) -> None:
    found = read_json(payload)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"NaN",
        b"[Infinity]",
        b"[1e1000]",
        b"[" + b"9" * 10_000 + b"]",
        b'["\\ud800", 1e400]',
        b"[" * 10_000 + b"]" * 10_000,
        b"[" * 1000 + b"1e400" + b"]" * 1000,
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_no_json_is_undefined(payload: bytes) -> None:
    assert read_json(payload) is UNDEFINED


def test_only_objects_and_arrays_are_documents() -> None:
    assert read_document(b"80") is UNDEFINED
    assert read_document(b'"x"') is UNDEFINED
    assert read_document(b"[80]") == [80]


@given(st.binary(max_size=60))
def test_any_bytes_have_an_answer(payload: bytes) -> None:
    found = read_json(payload)
    if found is not UNDEFINED:
        assert json.loads(payload) is not None or payload.strip() == b"null"
