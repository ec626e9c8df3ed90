"""What `/status` tells: the whole node at a glance, as one JSON document, for people and scripts.

The figures are those of `/metrics`; what a graph needs from two samples is worked out here.
"""

from __future__ import annotations

from collections.abc import Mapping

from bellwire.functions.backlog import BacklogStatistics
from bellwire.functions.statistics import FunctionStatistics
from bellwire.histogram import Distribution
from bellwire.iot.shadow import ShadowStatistics
from bellwire.server.metrics import Sources


_TIMES = {
    "durations": "duration_ms",
    "init_durations": "init_duration_ms",
    "async_event_ages": "async_event_age_ms",
}


def status_document(
    sources: Sources, *, node: Mapping[str, object], is_ready: bool
) -> dict[str, object]:
    """Return the document: `node`, `connections`, `functions`, `rules`, `broker`, `notifier`,
    `shadows`, `dead_letters`, `ready`; `broker` is null where the devices' is the node's own.

    Names are those of the statistics; times end in their unit, functions and rules are told by
    their keys in serverless.yml.
    """
    backlog, hub, broker = sources.backlog(), sources.hub, sources.broker()
    connections = hub.statistics()
    return {
        "ready": is_ready,
        "node": dict(node),
        "connections": {
            "open": connections.connections,
            "connecting": hub.connecting,
            "opened": connections.opened,
            "slow_consumers_cut": connections.slow_consumers_cut,
            "limit": hub.limits.connections,
        },
        "functions": {
            key: _of_function(statistics, backlog.get(key))
            for key, statistics in sources.functions().items()
        },
        "rules": {name: each._asdict() for name, each in sources.rules().items()},
        "broker": None if broker is None else broker._asdict(),
        "notifier": sources.listeners()._asdict(),
        "shadows": _of_shadows(sources.shadows()),
        "dead_letters": sources.dead_letters()._asdict(),
    }


def _of_shadows(figures: ShadowStatistics) -> dict[str, object]:
    accepted = {
        f"{operation}_{protocol.lower()}": count
        for (operation, protocol), count in figures.accepted.items()
    }
    return {**figures._asdict(), "accepted": accepted}


def _of_function(
    statistics: FunctionStatistics, backlog: BacklogStatistics | None
) -> dict[str, object]:
    figures = {name: getattr(statistics, name) for name in FunctionStatistics.__slots__}
    figures |= backlog._asdict() if backlog is not None else {}
    return {
        _TIMES.get(name, name): _summary(value) if isinstance(value, Distribution) else value
        for name, value in figures.items()
    }


def _summary(durations: Distribution) -> dict[str, float]:
    """Return the figures of a distribution; of none there are none, but for the count."""
    if not durations.total:
        return {"count": 0}
    return {
        "count": durations.total,
        "mean": round(durations.mean_ms, 3),
        "p50": round(durations.quantile_ms(0.5), 3),
        "p99": round(durations.quantile_ms(0.99), 3),
        "max": round(durations.max_ms, 3),
    }
