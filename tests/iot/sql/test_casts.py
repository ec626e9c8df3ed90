"""Casts: every type to every type, in both versions, as AWS's tables have it."""

from __future__ import annotations

import pytest

from bellwire.iot.sql.arithmetic import NEWEST, OLDEST
from bellwire.iot.sql.casts import casts
from bellwire.iot.sql.values import UNDEFINED


VALUES = [7, 2.5, -2.5, True, "7", "-2.5", "true", "x", [1], {"a": 1}, None, UNDEFINED]
TABLE = {
    "int": [7, 2, -3, 1, 7, -2, *[UNDEFINED] * 6],
    "boolean": [True, True, True, True, UNDEFINED, UNDEFINED, True, *[UNDEFINED] * 5],
    "string": ["7", "2.5", "-2.5", "true", "7", "-2.5", "true", "x", "[1]", '{"a":1}']
    + [UNDEFINED] * 2,
}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("kind", sorted(TABLE))
def test_the_tables_of_aws(kind: str, version: str) -> None:
    convert = casts(version)[kind]
    assert [convert(value) for value in VALUES] == TABLE[kind]


def test_a_boolean_is_1_or_0_with_a_point_in_the_oldest() -> None:
    assert str(casts(OLDEST)["decimal"](True)) == "1.0"
    assert str(casts(NEWEST)["decimal"](True)) == "1"
