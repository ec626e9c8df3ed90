"""Values: conversions and operators on anything at all."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.sql import values
from bellwire.iot.sql.arithmetic import operators
from bellwire.iot.sql.values import UNDEFINED, to_boolean, to_json, to_number, to_text


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FLOATS | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
VALUES = JSON | st.just(UNDEFINED) | st.decimals(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "number", "text", "boolean"),
    [
        (1, 1, "1", UNDEFINED),
        (2.5, Decimal("2.5"), "2.5", UNDEFINED),
        (Decimal("2.50"), Decimal("2.50"), "2.50", UNDEFINED),
        (True, UNDEFINED, "true", True),
        ("7", 7, "7", UNDEFINED),
        ("-7.5e2", -750, "-7.5e2", UNDEFINED),
        ("True", UNDEFINED, "True", True),
        ("x", UNDEFINED, "x", UNDEFINED),
        (["A", 1], UNDEFINED, '["A",1]', UNDEFINED),
        ({"a": None}, UNDEFINED, '{"a":null}', UNDEFINED),
        (None, UNDEFINED, UNDEFINED, UNDEFINED),
        (UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED),
        (b"raw", UNDEFINED, UNDEFINED, UNDEFINED),
    ],
)
def test_conversions(value: object, number: object, text: object, boolean: object) -> None:
    assert to_number(value) == number
    assert to_text(value) == text
    assert to_boolean(value) is boolean


def test_the_tables_of_and_and_or() -> None:
    for left, right in product((True, False, UNDEFINED), repeat=2):
        sides = (left, right)
        unknown = UNDEFINED in sides
        both = values.both(left, partial(identity, right))
        either = values.either(left, partial(identity, right))
        assert both is (False if False in sides else UNDEFINED if unknown else True)
        assert either is (True if True in sides else UNDEFINED if unknown else False)


def identity(value: object) -> object:
    return value


def test_the_right_side_is_not_looked_at_where_the_left_decides() -> None:
    def never() -> object:
        raise AssertionError("evaluated")

    assert values.both(False, never) is False
    assert values.either("true", never) is True


def test_decimals_are_written_as_they_are() -> None:
    assert to_json({"a": Decimal("0.1"), "b": Decimal("1E-7"), "c": Decimal("1E+30")}) == (
        b'{"a":0.1,"b":0.0000001,"c":1000000000000000000000000000000}'
    )
    assert to_json(Decimal("1E+300")) == b"1E+300"


@given(VALUES, VALUES)
def test_no_operator_fails_on_any_values(left: object, right: object) -> None:
    for operator in (
        values.equal,
        values.unequal,
        values.less,
        values.at_most,
        values.contains,
        *operators("2016-03-23").values(),
        *operators("2015-10-08").values(),
    ):
        result = operator(left, right)
        if result is not UNDEFINED:
            to_json(result)


@given(JSON)
def test_a_value_equals_itself(value: object) -> None:
    assert values.equal(value, value) is True
    assert values.unequal(value, value) is False


@given(st.integers(-(2**60), 2**60), FLOATS)
def test_numbers_compare_by_their_digits(whole: int, number: float) -> None:
    for left, right in ((whole, number), (number, whole), (whole, float(whole))):
        first, second = Decimal(repr(left)), Decimal(repr(right))
        assert values.less(left, right) is (first < second)
        assert values.equal(left, right) is (first == second)
        assert values.contains(left, ["x", True, right]) is (first == second)
