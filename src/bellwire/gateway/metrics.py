"""What a route did so far, counted under the names that CloudWatch has for it.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate


LATENCY_BOUNDS_MS = (
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0,
    10_000.0, 30_000.0,
)  # fmt: skip
"""Upper bounds of the buckets of a latency, in milliseconds. Ours: a warm function answers in less
than one, and no integration takes longer than 29 seconds."""


class Histogram:
    """Latencies in milliseconds, each counted in the bucket of the first bound it is not above."""

    __slots__ = ("_counts", "sum_ms")

    def __init__(self) -> None:
        self._counts = [0] * (len(LATENCY_BOUNDS_MS) + 1)
        self.sum_ms = 0.0

    def observe(self, latency_ms: float) -> None:
        """Count one latency."""
        self._counts[bisect_left(LATENCY_BOUNDS_MS, latency_ms)] += 1
        self.sum_ms += latency_ms

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self._counts)

    def buckets(self) -> Iterator[tuple[float | None, int]]:
        """Yield each bound and how many were not above it; the last has no bound: all."""
        return zip((*LATENCY_BOUNDS_MS, None), accumulate(self._counts), strict=True)


class RouteMetrics:
    """The counters of one route of one stage.

    `connect_count`: handshakes that reached `$connect`; `message_count`: messages from clients;
    `client_error`: refused before the integration; `integration_error`: the integration answered
    with an error; `execution_error`: it could not be called. `observe(latency_ms)` counts the time
    between a request to the integration and its answer.
    """

    __slots__ = (
        "client_error",
        "connect_count",
        "execution_error",
        "integration_error",
        "integration_latency",
        "message_count",
        "observe",
    )

    def __init__(self) -> None:
        self.connect_count = 0
        self.message_count = 0
        self.integration_error = 0
        self.client_error = 0
        self.execution_error = 0
        self.integration_latency = Histogram()
        self.observe = self.integration_latency.observe
