"""Operators on numbers: exact, in both versions, and the same number in both."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.sql.arithmetic import NEWEST, OLDEST, negative, operators, settle_of
from bellwire.iot.sql.values import UNDEFINED, to_json


OLD, NEW = operators(OLDEST), operators(NEWEST)
INTS = st.integers(-(2**63), 2**63 - 1)
NUMBERS = INTS | st.floats(allow_nan=False, allow_infinity=False)


def number(value: object) -> Decimal | None:
    return None if value is UNDEFINED else Decimal(to_json(value).decode())


@given(INTS, INTS)
def test_ints_are_exact_within_34_digits(left: int, right: int) -> None:
    for signs in (OLD, NEW):
        assert number(signs["+"](left, right)) == left + right
        assert number(signs["-"](left, right)) == left - right
    product = left * right
    if abs(product) < 10**34:
        assert number(NEW["*"](left, right)) == product


@given(INTS, INTS.filter(bool))
def test_quotient_and_remainder_belong_together(left: int, right: int) -> None:
    rest = number(NEW["%"](left, right))
    assert rest is not None
    assert rest == 0 or (rest < 0) == (left < 0)
    assert (left - int(rest)) % right == 0


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "%"])
@given(left=NUMBERS, right=NUMBERS)
def test_the_versions_differ_in_form_only(sign: str, left: object, right: object) -> None:
    assert number(OLD[sign](left, right)) == number(NEW[sign](left, right))


@given(NUMBERS)
def test_a_whole_number_is_an_int_in_the_newest(value: object) -> None:
    settled = settle_of(NEWEST)(value)
    exact = number(value)
    assert exact is not None
    assert number(settled) == exact
    is_int = exact == exact.to_integral_value() and abs(exact) < 2**63
    assert isinstance(settled, int) is is_int or exact == -(2**63)


def test_negative() -> None:
    assert negative(NEWEST)(5.0) == -5
    assert to_json(negative(OLDEST)(5.0)) == b"-5.0"
    assert negative(NEWEST)(True) is UNDEFINED
