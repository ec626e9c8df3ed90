"""The table of functions: none fails, whatever it is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.sql.functions import EXTERNAL_FUNCTIONS, FUNCTIONS, NAMES
from bellwire.iot.sql.message_functions import MESSAGE_FUNCTIONS
from bellwire.iot.sql.values import UNDEFINED, to_json


ARGUMENTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["1", "-2.5", "1e9", "base64", "aGk=", ""]),
    st.lists(st.integers(0, 9), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=3),
    st.just(UNDEFINED),
)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@given(data=st.data())
def test_no_function_fails_on_any_arguments(name: str, data: st.DataObject) -> None:
    function = FUNCTIONS[name]
    most = 4 if function.most is None else function.most
    arguments = data.draw(st.lists(ARGUMENTS, min_size=function.least, max_size=most))
    result = function.call(*arguments)
    if result is not UNDEFINED and not isinstance(result, int):
        to_json(result)


def test_a_function_is_in_one_table() -> None:
    tables = len(FUNCTIONS) + len(MESSAGE_FUNCTIONS) + len(EXTERNAL_FUNCTIONS)
    assert len(NAMES) == tables + 2  # cast and sql_version
    assert all(name == name.lower() for name in NAMES)
