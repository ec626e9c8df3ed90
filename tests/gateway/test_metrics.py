from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.gateway.metrics import LATENCY_BOUNDS_MS, Histogram, RouteMetrics


def test_a_route_starts_at_nothing() -> None:
    metrics = RouteMetrics()
    assert {
        name: getattr(metrics, name)
        for name in RouteMetrics.__slots__
        if name not in ("integration_latency", "observe")
    } == {
        "connect_count": 0,
        "message_count": 0,
        "integration_error": 0,
        "client_error": 0,
        "execution_error": 0,
    }
    assert not hasattr(metrics, "__dict__")
    assert list(metrics.integration_latency.buckets()) == [
        *((bound, 0) for bound in LATENCY_BOUNDS_MS),
        (None, 0),
    ]


def test_counts_go_up_one_by_one_and_routes_share_nothing() -> None:
    metrics, other = RouteMetrics(), RouteMetrics()
    metrics.message_count += 1
    metrics.observe(3.0)
    assert (metrics.message_count, metrics.integration_latency.count) == (1, 1)
    assert (other.message_count, other.integration_latency.count) == (0, 0)


@pytest.mark.parametrize(
    ("latency_ms", "bound"),
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
def test_a_latency_falls_under_the_first_bound_it_is_not_above(
    latency_ms: float, bound: float | None
) -> None:
    histogram = Histogram()
    histogram.observe(latency_ms)
    counts = dict(histogram.buckets())
    first = next(bound for bound, count in counts.items() if count)
    assert (first, counts[None], histogram.sum_ms) == (bound, 1, latency_ms)


@given(latencies=st.lists(st.floats(0, 60_000), max_size=50))
def test_buckets_are_cumulative(latencies: list[float]) -> None:
    metrics = RouteMetrics()
    for latency in latencies:
        metrics.observe(latency)
    histogram = metrics.integration_latency
    assert list(histogram.buckets()) == [
        *((bound, sum(latency <= bound for latency in latencies)) for bound in LATENCY_BOUNDS_MS),
        (None, len(latencies)),
    ]
    assert histogram.count == len(latencies)
    assert histogram.sum_ms == pytest.approx(sum(latencies))


def test_bounds_rise() -> None:
    assert list(LATENCY_BOUNDS_MS) == sorted(set(LATENCY_BOUNDS_MS))
