"""Times: what `parse_time` writes, `time_to_epoch` reads."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.sql.time_format import compile_format, format_time
from bellwire.iot.sql.time_parse import compile_parse, parse_time
from bellwire.iot.sql.values import UNDEFINED


MILLISECONDS = st.integers(-62_135_596_800_000, 253_402_300_799_999)
"""Years 1 to 9999."""
LETTERS = "GCYxweEyDMdaKhHkmsSzZ" + "uLVOXAnNQqBW" + "'[]{}#-:/. T"


@pytest.mark.parametrize(
    ("joda", "jdk"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss.SSSZ", "yyyy-MM-dd'T'HH:mm:ss.SSSxx"),
        ("yyyy-MM-dd HH:mm:ss.SSS ZZZ", "uuuu-MM-dd HH:mm:ss.SSS VV"),
        ("EEEE d MMMM yyyy h:mm:ss.SSS a ZZ", "EEEE d MMMM yyyy h:mm:ss.SSS a xxx"),
        ("D/yyyy kk:mm:ss:SSS", "D/yyyy kk:mm:ss:SSS"),
        ("yyyyMMddHHmmssSSS", "yyyyMMddHHmmssSSS"),
    ],
)
@given(milliseconds=MILLISECONDS)
def test_what_is_written_is_read_back(joda: str, jdk: str, milliseconds: int) -> None:
    written = format_time(joda, milliseconds)
    assert parse_time(written, jdk) == milliseconds, written


@given(
    st.integers(0, 4_000_000_000_000),
    st.sampled_from(["Europe/Vienna", "America/New_York", "Asia/Kolkata"]),
)
def test_a_zone_is_read_back(milliseconds: int, zone: str) -> None:
    written = format_time("yyyy-MM-dd HH:mm:ss.SSSZZ", milliseconds, zone)
    assert parse_time(written, "yyyy-MM-dd HH:mm:ss.SSSxxx") == milliseconds


@given(st.text(LETTERS, max_size=12), st.text(max_size=12))
def test_no_pattern_and_no_text_fails(pattern: str, text: str) -> None:
    assert isinstance(parse_time(text, pattern), int) or parse_time(text, pattern) is UNDEFINED
    written = format_time(pattern, 1_732_370_400_123)
    assert isinstance(written, str) or written is UNDEFINED


@pytest.mark.parametrize("zone", ["", "..", "../UTC", "/etc/passwd", "Europe", "a" * 5000, "\0"])
def test_a_zone_that_is_none_is_undefined(zone: str) -> None:
    assert format_time("HH", 0, zone) is UNDEFINED


@pytest.mark.parametrize("milliseconds", [10**15, -(10**15), 10**400, "1E900"])
def test_a_time_beyond_the_calendar_is_undefined(milliseconds: object) -> None:
    assert format_time("yyyy", milliseconds) is UNDEFINED


def test_long_patterns_and_texts_take_no_time() -> None:
    started = time.perf_counter()
    assert format_time("y" * 2000, 0) is UNDEFINED
    assert parse_time("1" * 100_000, "y[" * 400) is UNDEFINED
    assert parse_time("1" * 100_000, "[H" * 400) is UNDEFINED
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("yyyy 'at", "a quote does not close"), ("b", "the pattern letter b does not exist")],
)
def test_a_pattern_says_what_is_wrong_with_it(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        compile_format(pattern)


@pytest.mark.parametrize("pattern", ["a]", "{", "#", "q", "YYYY", "'x"])
def test_a_pattern_to_read_says_so_too(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"closes|reserved|cannot be read|quote"):
        compile_parse(pattern)
