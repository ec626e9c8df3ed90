from __future__ import annotations

from bellwire.gateway.metrics import RouteMetrics


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
    assert metrics.integration_latency.view().total == 0


def test_counts_go_up_one_by_one_and_routes_share_nothing() -> None:
    metrics, other = RouteMetrics(), RouteMetrics()
    metrics.message_count += 1
    metrics.observe(3.0)
    assert (metrics.message_count, metrics.integration_latency.view().total) == (1, 1)
    assert (other.message_count, other.integration_latency.view().total) == (0, 0)
