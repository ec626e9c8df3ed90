"""Regular expressions: linear in the text, whoever wrote them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.sql.regular_expressions import EXPRESSION_FUNCTIONS, compile_expression
from bellwire.iot.sql.values import UNDEFINED


matches, replace, substr = (
    EXPRESSION_FUNCTIONS[name].call
    for name in ("regexp_matches", "regexp_replace", "regexp_substr")
)


@pytest.mark.parametrize(
    "pattern",
    ["^(a+)+$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a?){30}a{30}$"],
)
def test_catastrophic_expressions_take_no_time(pattern: str) -> None:
    text = "a" * 100_000 + "!"
    started = time.perf_counter()
    matches(text, pattern)
    substr(text, pattern)
    replace(text, pattern, "b")
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("pattern", ["a{1000}{1000}{1000}", "a" * 5_000_000])
def test_an_expression_too_large_is_undefined(pattern: str) -> None:
    started = time.perf_counter()
    assert matches("a", pattern) is UNDEFINED
    assert time.perf_counter() - started < 2


def test_replacing_is_bounded_in_work_and_in_length() -> None:
    started = time.perf_counter()
    assert replace("x" * 128_000, "x*y|x", "") is UNDEFINED
    assert replace("x" * 2000, "x", "y" * 128_000) is UNDEFINED
    assert time.perf_counter() - started < 2
    assert replace("x" * 2000, "x", "yz") == "yz" * 2000


@pytest.mark.parametrize(
    "pattern", ["[a-z&&[^b]]", "[a[bc]]", "[[:alpha:]]", "x[^[]", "(?U)a+", "(?iU)a+"]
)
def test_what_means_something_else_to_java_is_no_expression(pattern: str) -> None:
    with pytest.raises(ValueError, match="to RE2"):
        compile_expression(pattern)
    assert matches("abc", pattern) is UNDEFINED


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\[\[", "[["),
        (r"[\[]", "["),
        ("a&&b", "a&&b"),
        ("[]a]", "]"),
        ("[^]a]x", "bx"),
        (r"\Q[[&&\E", "[[&&"),
        ("(?i)A", "a"),
        ("(?<name>a)", "a"),
        ("[(?U]", "U"),
        (r"\p{L}\d", "é1"),
    ],
)
def test_what_means_the_same_is_taken(pattern: str, text: str) -> None:
    assert matches(text, pattern) is True


@given(
    st.text(max_size=20), st.text("ab()[]|*+?.$1\\^{}", max_size=12), st.text("a$1\\{}", max_size=8)
)
def test_no_expression_fails(text: str, pattern: str, replacement: str) -> None:
    assert matches(text, pattern) in (True, False, UNDEFINED)
    for found in (replace(text, pattern, replacement), substr(text, pattern)):
        assert found is UNDEFINED or isinstance(found, str)
