"""What `/metrics` tells: CloudWatch's metrics of a WebSocket API by their own names, and ours.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
Counting is done where things happen, in plain integers; this reads them when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from bellwire.gateway.api import Api
from bellwire.gateway.metrics import RouteMetrics
from bellwire.histogram import Distribution
from bellwire.server.hub import Hub


Statistics = Callable[[], Mapping[str, Any]]
"""Gives the figures of each function or rule by its name: attributes are named as metrics."""

_LABELS = ("ApiId", "Stage", "Route")
_COUNTERS = {
    "ConnectCount": ("connect_count", "Handshakes that reached the route $connect"),
    "MessageCount": ("message_count", "Messages from and to clients"),
    "IntegrationError": ("integration_error", "Answers of integrations that were errors"),
    "ClientError": ("client_error", "Requests refused before they reached an integration"),
    "ExecutionError": ("execution_error", "Requests that could not be given to an integration"),
}
_OUT = "(out)"
"""Stands as the route of messages to clients, which have none."""
_GAUGES = {"starting", "idle", "busy", "queued", "running", "waiting", "async_events_running"}
"""Figures of the moment; all others only grow."""


class Metrics:
    """Writes the metrics of a node in Prometheus's text format."""

    def __init__(
        self,
        hub: Hub,
        *,
        functions: Statistics,
        backlog: Statistics,
        rules: Statistics,
        listeners: Callable[[], Any],
    ) -> None:
        self._hub = hub
        self._functions = functions
        self._backlog = backlog
        self._rules = rules
        self._listeners = listeners
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Return the metrics of this moment."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, as prometheus_client asks for them."""
        yield from self._of_routes()
        yield from self._of_connections()
        yield from _by_name("function", self._functions())
        yield from _by_name("function", self._backlog())
        yield from _by_name("rule", self._rules())
        for name, value in _figures(self._listeners()):
            yield GaugeMetricFamily(f"bellwire_notify_{name}", "Of the notifier", value=value)

    def _of_routes(self) -> Iterator[Metric]:
        for name, (attribute, text) in _COUNTERS.items():
            counter = CounterMetricFamily(f"bellwire_{name}", text, labels=_LABELS)
            for api in self._hub.apis:
                for route_key, metrics in _routes(api):
                    counter.add_metric(_labels(api, route_key), getattr(metrics, attribute))
                if name == "MessageCount":
                    counter.add_metric(_labels(api, _OUT), api.messages_out)
            yield counter
        latency = HistogramMetricFamily(
            "bellwire_IntegrationLatency_seconds",
            "Between a request to an integration and its answer",
            labels=_LABELS,
        )
        for api in self._hub.apis:
            for route_key, metrics in _routes(api):
                latencies = metrics.integration_latency.view()
                latency.add_metric(_labels(api, route_key), *_in_seconds(latencies))
        yield latency

    def _of_connections(self) -> Iterator[Metric]:
        figures = self._hub.statistics()
        yield GaugeMetricFamily("bellwire_connections", "Open now", value=figures.connections)
        yield GaugeMetricFamily(
            "bellwire_connections_limit",
            "Most that may be open",
            value=self._hub.limits.connections,
        )
        yield GaugeMetricFamily(
            "bellwire_half_open", "In the middle of a request head", value=len(self._hub.half_open)
        )
        yield GaugeMetricFamily(
            "bellwire_connecting", "Waiting for their 101", value=self._hub.connecting
        )
        yield CounterMetricFamily("bellwire_opened", "Opened so far", value=figures.opened)
        yield CounterMetricFamily(
            "bellwire_slow_consumers_cut", "Cut with 4008", value=figures.slow_consumers_cut
        )


def _routes(api: Api) -> Iterable[tuple[str, RouteMetrics]]:
    yield from ((key, route.metrics) for key, route in api.routes.items())
    yield "", api.unrouted


def _labels(api: Api, route_key: str) -> list[str]:
    return [api.api_id, api.stage, route_key]


def _in_seconds(durations: Distribution) -> tuple[list[tuple[str, float]], float]:
    """Return buckets and sum as Prometheus wants them."""
    buckets = [
        ("+Inf" if bound_ms is None else str(bound_ms / 1000), float(count))
        for bound_ms, count in durations.buckets()
    ]
    return buckets, durations.sum_ms / 1000


def _by_name(kind: str, all_figures: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield a metric for each figure, with a value for each function or rule."""
    families: dict[str, Metric] = {}
    for owner, figures in all_figures.items():
        for name, value in _figures(figures):
            full = f"bellwire_{kind}_{name}"
            family = families.get(full)
            if family is None:
                make = GaugeMetricFamily if name in _GAUGES else CounterMetricFamily
                family = families[full] = make(full, f"Of a {kind}", labels=[kind])
            assert isinstance(family, GaugeMetricFamily | CounterMetricFamily)
            family.add_metric([owner], value)
    yield from families.values()


def _figures(figures: Any) -> Iterator[tuple[str, float]]:
    names = getattr(figures, "_fields", None) or figures.__dataclass_fields__
    for name in names:
        value = getattr(figures, name)
        if isinstance(value, int | float):
            yield name, float(value)
