from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.histogram import BOUNDS_MS, Distribution, Histogram


DURATIONS = st.lists(st.floats(0, 60_000), max_size=50)


def of(durations: list[float]) -> Distribution:
    histogram = Histogram()
    for duration in durations:
        histogram.observe(duration)
    return histogram.view()


def test_a_histogram_starts_at_nothing() -> None:
    empty = Histogram().view()
    assert list(empty.buckets()) == [*((bound, 0) for bound in BOUNDS_MS), (None, 0)]
    assert (empty.total, empty.sum_ms, empty.max_ms, empty.mean_ms) == (0, 0, 0, 0)
    assert empty.quantile_ms(0.99) == 0


@pytest.mark.parametrize(
    ("duration_ms", "bound"),
    [
        (0, 0.25),
        (0.25, 0.25),
        (0.250001, 0.5),
        (1, 1.0),
        (29_000, 30_000.0),
        (30_000, 30_000.0),
        (30_000.5, None),
        (-1, 0.25),
    ],
)
def test_a_duration_falls_under_the_first_bound_it_is_not_above(
    duration_ms: float, bound: float | None
) -> None:
    counts = dict(of([duration_ms]).buckets())
    first = next(bound for bound, count in counts.items() if count)
    assert (first, counts[None], of([duration_ms]).sum_ms) == (bound, 1, duration_ms)


@given(durations=DURATIONS)
def test_buckets_are_cumulative(durations: list[float]) -> None:
    view = of(durations)
    assert list(view.buckets()) == [
        *((bound, sum(duration <= bound for duration in durations)) for bound in BOUNDS_MS),
        (None, len(durations)),
    ]
    assert view.total == len(durations)
    assert view.sum_ms == pytest.approx(sum(durations))
    assert view.max_ms == max(durations, default=0)


def test_a_view_stays_as_it_was() -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.observe(1.5)
    view = histogram.view()
    histogram.observe(5)
    assert view == ((1.0, 2.0), (0, 1, 0), 1.5, 1.5)
    assert histogram.view() == ((1.0, 2.0), (0, 1, 1), 6.5, 5.0)


def test_bounds_rise() -> None:
    assert list(BOUNDS_MS) == sorted(set(BOUNDS_MS))


def test_quantiles_of_even_durations_are_near_and_never_above_the_longest() -> None:
    view = of([float(n) for n in range(1, 101)])
    assert view.quantile_ms(0.5) == pytest.approx(50, abs=1)
    assert view.quantile_ms(0.99) == pytest.approx(99, abs=1)
    assert view.quantile_ms(1) == 100
    assert of([0.1]).quantile_ms(0.99) <= 0.1
    assert of([40_000.0, 50_000.0]).quantile_ms(1) == 50_000


@given(durations=DURATIONS.filter(bool), share=st.floats(0, 1))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(
    durations: list[float], share: float
) -> None:
    estimate = of(durations).quantile_ms(share)
    assert 0 <= estimate <= max(durations)
    not_above = sum(duration <= estimate for duration in durations)
    next_bound = next((bound for bound in BOUNDS_MS if bound >= estimate), float("inf"))
    within_bucket = sum(duration <= next_bound for duration in durations)
    assert not_above <= within_bucket
    assert within_bucket >= share * len(durations) - 1e-6
