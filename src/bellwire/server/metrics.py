"""What `/metrics` tells: CloudWatch's metrics of APIs and functions by their names, and ours.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
Times are in seconds, as is usual with Prometheus. No figure has two names: the environments that
are busy are ConcurrentExecutions, and the cold starts are how many init durations there are.
Counting is done where things happen, in plain integers; this reads them when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from bellwire.bus.dead_letters import DeadLetterStatistics
from bellwire.bus.outside import BrokerStatistics
from bellwire.functions.backlog import BacklogStatistics
from bellwire.functions.log_store import LogStatistics
from bellwire.functions.statistics import FunctionStatistics
from bellwire.gateway.api import Api
from bellwire.gateway.metrics import RouteMetrics
from bellwire.histogram import Distribution
from bellwire.iot.delivery import DeliveryStatistics
from bellwire.iot.shadow import ShadowStatistics
from bellwire.notify.listeners import ListenersStatistics
from bellwire.server.hub import Hub


@dataclass(frozen=True, slots=True)
class Sources:
    """Whom to ask for the figures of a node.

    Functions are told by their keys, `deployed_name` gives the names that CloudWatch has for them.
    """

    hub: Hub
    functions: Callable[[], Mapping[str, FunctionStatistics]]
    backlog: Callable[[], Mapping[str, BacklogStatistics]]
    rules: Callable[[], Mapping[str, DeliveryStatistics]]
    rules_not_found: Callable[[], int]
    listeners: Callable[[], ListenersStatistics]
    logs: Callable[[], LogStatistics]
    shadows: Callable[[], ShadowStatistics]
    dead_letters: Callable[[], DeadLetterStatistics]
    broker: Callable[[], BrokerStatistics | None]
    deployed_name: Callable[[str], str]


class _Figure(NamedTuple):
    """A metric of functions: `value` reads it from statistics; None where it makes no sense."""

    name: str
    make: type[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]
    value: Callable[[Any], float | Distribution | None]
    text: str


def _of_provisioned(count: Callable[[FunctionStatistics], float]) -> Callable[[Any], float | None]:
    return lambda of: count(of) if of.provisioned_concurrency else None


def _utilization(of: FunctionStatistics) -> float:
    return min(of.busy, of.provisioned_concurrency) / of.provisioned_concurrency


_Counter, _Gauge, _Histogram = CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
_OF_FUNCTIONS = (
    _Figure(
        "Invocations", _Counter, attrgetter("invocations"), "Invocations that ran, or could not"
    ),
    _Figure("Errors", _Counter, attrgetter("errors"), "Invocations that ended in a function error"),
    _Figure("Throttles", _Counter, attrgetter("throttles"), "Invocations that were refused"),
    _Figure("Duration_seconds", _Histogram, attrgetter("durations"), "Time that the handler took"),
    _Figure(
        "ConcurrentExecutions", _Gauge, attrgetter("busy"), "Environments that run an invocation"
    ),
    _Figure(
        "ProvisionedConcurrencyInvocations",
        _Counter,
        _of_provisioned(attrgetter("provisioned_invocations")),
        "Invocations within the provisioned concurrency",
    ),
    _Figure(
        "ProvisionedConcurrencySpilloverInvocations",
        _Counter,
        _of_provisioned(attrgetter("spillovers")),
        "Invocations above the provisioned concurrency",
    ),
    _Figure(
        "ProvisionedConcurrencyUtilization",
        _Gauge,
        _of_provisioned(_utilization),
        "Share of the provisioned concurrency that is busy",
    ),
    _Figure(
        "function_waiting", _Gauge, attrgetter("waiting"), "Invocations without an environment yet"
    ),
    _Figure(
        "function_concurrent_max", _Gauge, attrgetter("concurrent_max"), "Most that ran at once"
    ),
    _Figure("function_starting", _Gauge, attrgetter("starting"), "Environments in their init"),
    _Figure("function_idle", _Gauge, attrgetter("idle"), "Environments without an invocation"),
    _Figure(
        "function_provisioned",
        _Gauge,
        _of_provisioned(attrgetter("provisioned")),
        "Environments, busy or idle, that provisionedConcurrency keeps",
    ),
    _Figure(
        "function_init_duration_seconds",
        _Histogram,
        attrgetter("init_durations"),
        "Time that inits took; their count is that of the cold starts",
    ),
    _Figure("function_init_failures", _Counter, attrgetter("init_failures"), "Inits that failed"),
    _Figure(
        "function_timeouts", _Counter, attrgetter("timeouts"), "Environments ended by the timeout"
    ),
    _Figure(
        "function_crashes", _Counter, attrgetter("crashes"), "Environments that ended by themselves"
    ),
    _Figure(
        "function_out_of_memory",
        _Counter,
        attrgetter("out_of_memory"),
        "Environments that hit memorySize",
    ),
)
_OF_BACKLOG = (
    _Figure(
        "AsyncEventsReceived",
        _Counter,
        attrgetter("async_events_received"),
        "Asynchronous events taken up",
    ),
    _Figure(
        "AsyncEventAge_seconds",
        _Histogram,
        attrgetter("async_event_ages"),
        "Between accepting an asynchronous event and each start to run it",
    ),
    _Figure(
        "AsyncEventsDropped",
        _Counter,
        attrgetter("async_events_dropped"),
        "Events that never succeeded",
    ),
    _Figure(
        "DeadLetterErrors",
        _Counter,
        attrgetter("dead_letter_errors"),
        "Events that no dead letter keeps",
    ),
    _Figure(
        "DestinationDeliveryFailures",
        _Counter,
        attrgetter("destination_delivery_failures"),
        "Records that did not reach their destination",
    ),
    _Figure(
        "function_async_events_retried",
        _Counter,
        attrgetter("async_events_retried"),
        "Attempts after one",
    ),
    _Figure(
        "function_async_events_throttled",
        _Counter,
        attrgetter("async_events_throttled"),
        "Attempts that were refused, and come again",
    ),
    _Figure(
        "function_async_events_running",
        _Gauge,
        attrgetter("async_events_running"),
        "Events in hand, those that wait for their next attempt included",
    ),
)

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
_GAUGES = {"running", "waiting"}
"""Figures of rules that are of the moment; all others only grow."""

_BROKER_GAUGES = {"connected", "refused", "subscriptions", "unacknowledged", "waiting"}
"""Figures of the devices' broker that are of the moment."""


class Metrics:
    """Writes the metrics of a node in Prometheus's text format."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._hub = sources.hub
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Return the metrics of this moment."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, as prometheus_client asks for them."""
        yield from self._of_routes()
        yield from self._of_connections()
        yield from self._of_functions(_OF_FUNCTIONS, self._sources.functions())
        yield from self._of_functions(_OF_BACKLOG, self._sources.backlog())
        yield from _of_rules(self._sources.rules())
        yield CounterMetricFamily(
            "bellwire_rules_not_found",
            "Messages for one rule alone, which is not there or disabled (RuleNotFound)",
            value=self._sources.rules_not_found(),
        )
        for name, value in self._sources.listeners()._asdict().items():
            yield GaugeMetricFamily(f"bellwire_notify_{name}", "Of the notifier", value=value)
        if (broker := self._sources.broker()) is not None:
            yield from _of_broker(broker)
        for name, value in self._sources.logs()._asdict().items():
            text = "Lines of functions' logs"
            yield CounterMetricFamily(f"bellwire_log_lines_{name}", text, value=value)
        yield from _of_shadows(self._sources.shadows())
        yield from _of_dead_letters(self._sources.dead_letters())

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

    def _of_functions(
        self, table: Iterable[_Figure], functions: Mapping[str, Any]
    ) -> Iterator[Metric]:
        for name, make, value_of, text in table:
            family = make(f"bellwire_{name}", text, labels=["FunctionName"])
            for key, statistics in functions.items():
                labels, value = [self._sources.deployed_name(key)], value_of(statistics)
                if isinstance(family, HistogramMetricFamily):
                    assert isinstance(value, Distribution)
                    family.add_metric(labels, *_in_seconds(value))
                elif value is not None:
                    assert not isinstance(value, Distribution)
                    family.add_metric(labels, value)
            yield family

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


_SHADOW_CALLS = ("get", "update", "delete")


def _of_shadows(figures: ShadowStatistics) -> Iterator[Metric]:
    """Yield AWS's metrics of shadows, and ours.

    docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
    """
    for operation in _SHADOW_CALLS:
        name = f"bellwire_{operation.capitalize()}ThingShadow_Accepted"
        family = CounterMetricFamily(name, "Requests that were accepted", labels=["Protocol"])
        for protocol in ("HTTP", "MQTT"):
            family.add_metric([protocol], figures.accepted.get((operation, protocol), 0))
        yield family
    yield CounterMetricFamily(
        "bellwire_shadow_rejected", "Requests that were refused", value=figures.rejected
    )
    yield CounterMetricFamily(
        "bellwire_shadow_dropped", "Requests of QoS 0, too many at once", value=figures.dropped
    )
    yield GaugeMetricFamily(
        "bellwire_shadow_running", "Requests being worked on", value=figures.running
    )


def _of_dead_letters(figures: DeadLetterStatistics) -> Iterator[Metric]:
    for name, value in figures._asdict().items():
        make = GaugeMetricFamily if name == "kept" else CounterMetricFamily
        yield make(f"bellwire_dead_letters_{name}", "Events that failed for good", value=value)


def _of_broker(broker: BrokerStatistics) -> Iterator[Metric]:
    """Yield the figures of a broker of somebody else: numbers, and how many filters it refuses."""
    for name, value in broker._asdict().items():
        if not isinstance(value, int | tuple):
            continue
        number = len(value) if isinstance(value, tuple) else int(value)
        make = GaugeMetricFamily if name in _BROKER_GAUGES else CounterMetricFamily
        yield make(f"bellwire_broker_{name}", "Of the devices' MQTT broker", value=number)


def _of_rules(rules: Mapping[str, DeliveryStatistics]) -> Iterator[Metric]:
    for name in DeliveryStatistics._fields:
        make = GaugeMetricFamily if name in _GAUGES else CounterMetricFamily
        family = make(f"bellwire_rule_{name}", "Events of a rule", labels=["rule"])
        for rule, figures in rules.items():
            family.add_metric([rule], getattr(figures, name))
        yield family
