from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.gateway.throttle import TokenBucket


NOW_MS = 1_731_324_924_553

rates = st.integers(1, 2_000_000).map(lambda thousandths: thousandths / 1000)
steps = st.lists(st.integers(0, 5_000), max_size=60)
moves = st.lists(st.integers(-5_000, 5_000), max_size=60)


def granted(bucket: TokenBucket, times: list[int]) -> int:
    """Ask three times at each moment; return how many were let through."""
    return sum(bucket.take(now_ms) for now_ms in times for _ in range(3))


def walk(changes: list[int]) -> list[int]:
    times = [NOW_MS]
    for change in changes:
        times.append(times[-1] + change)
    return times


@given(rate=rates, burst=st.integers(1, 20), changes=steps)
def test_never_more_than_the_burst_and_what_time_brought(
    rate: float, burst: int, changes: list[int]
) -> None:
    times = walk(changes)
    brought = Fraction(str(rate)) * (times[-1] - times[0]) / 1000
    assert granted(TokenBucket(rate, burst), times) <= burst + brought


@given(rate=rates, burst=st.integers(1, 20), changes=moves)
def test_a_clock_that_jumps_grants_what_its_steps_forward_bring_and_no_more(
    rate: float, burst: int, changes: list[int]
) -> None:
    brought = Fraction(str(rate)) * sum(step for step in changes if step > 0) / 1000
    assert granted(TokenBucket(rate, burst), walk(changes)) <= burst + brought


@given(rate=rates, burst=st.integers(1, 20), changes=st.lists(st.integers(-1_000, 0)))
def test_a_clock_that_goes_back_and_returns_grants_nothing(
    rate: float, burst: int, changes: list[int]
) -> None:
    bucket = TokenBucket(rate, burst)
    while bucket.take(NOW_MS):
        pass
    assert not any(bucket.take(NOW_MS + change) for change in changes)
    assert not bucket.take(NOW_MS)


@given(rate=st.integers(1, 50), burst=st.integers(1, 20))
def test_whoever_keeps_to_the_rate_is_never_refused(rate: int, burst: int) -> None:
    bucket = TokenBucket(1000 / rate, burst)
    assert all(bucket.take(NOW_MS + index * (rate + 1)) for index in range(200))


def test_the_burst_comes_at_once_and_the_rate_after_it() -> None:
    bucket = TokenBucket(10.0, 3)
    assert [bucket.take(NOW_MS) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(NOW_MS + 99), bucket.take(NOW_MS + 100)] == [False, True]
    assert [bucket.take(NOW_MS + 60_000) for _ in range(4)] == [True, True, True, False]


def test_a_decimal_rate_is_kept_to_the_millisecond() -> None:
    bucket = TokenBucket(0.29, 29)
    assert sum(bucket.take(NOW_MS) for _ in range(30)) == 29
    assert sum(bucket.take(NOW_MS + 99_999) for _ in range(30)) == 28
    assert bucket.take(NOW_MS + 100_000)


@pytest.mark.parametrize(("back_ms", "counts"), [(1000, False), (1001, True)])
def test_a_clock_that_steps_back_by_more_than_a_second_was_set(back_ms: int, counts: bool) -> None:
    bucket = TokenBucket(10.0, 1)
    assert bucket.take(NOW_MS)
    assert not bucket.take(NOW_MS - back_ms)
    assert bucket.take(NOW_MS - back_ms + 100) is counts


def test_a_clock_set_back_by_an_hour_does_not_close_the_door_for_an_hour() -> None:
    bucket = TokenBucket(1.0, 1)
    assert bucket.take(NOW_MS)
    earlier = NOW_MS - 3_600_000
    assert [bucket.take(earlier), bucket.take(earlier + 1000)] == [False, True]


@pytest.mark.parametrize("burst", [None, 0, 1])
def test_without_a_rate_there_is_no_bound(burst: int | None) -> None:
    bucket = TokenBucket(None, burst)
    assert all(bucket.take(NOW_MS) for _ in range(10_000))


@pytest.mark.parametrize(
    ("rate", "burst", "at_once"),
    [
        (2.5, None, 3),
        (0.1, None, 1),
        (100.0, 5, 5),
        (0, None, 0),
        (0, 5, 0),
        (0.0, 0, 0),
        (9, 0, 0),
    ],
)
def test_how_many_come_at_once(rate: float, burst: int | None, at_once: int) -> None:
    bucket = TokenBucket(rate, burst)
    assert sum(bucket.take(NOW_MS) for _ in range(50)) == at_once


def test_a_bucket_has_no_dict() -> None:
    assert not hasattr(TokenBucket(1, 1), "__dict__")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ((2.5, 5), True),
        ((2.5, 6), False),
        ((2, 5), False),
        ((2.5, None), False),
        ((None, 5), False),
    ],
)
def test_buckets_are_compared_by_their_bounds(
    other: tuple[float | None, int | None], same: bool
) -> None:
    bucket = TokenBucket(2.5, 5)
    assert bucket.take(NOW_MS)
    assert bucket.has_bound_of(TokenBucket(*other)) is same
