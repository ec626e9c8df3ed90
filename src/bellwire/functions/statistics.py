"""What one function has done: counted by its pool as it happens, read by whoever asks.

    throttled                           refused: no invocation
    refused                             taken, answered with an error, never ran
    started ──▶ completed                ran, and its environment lives
          └──▶ lost (timeout, crash, …)  ran, and its environment with it

An invocation counts when it starts to run, or is answered without; an error when it is answered. So
what waits is in neither, and errors are never more than invocations.
docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from bellwire.histogram import BOUNDS_MS, Distribution, Histogram


DURATION_BOUNDS_MS = (0.05, 0.1, *BOUNDS_MS, 60_000.0, 300_000.0, 900_000.0)
"""Upper bounds of the buckets of durations. Ours: the smallest handler takes 0.04 ms here; the
longest `timeout` is 15 minutes."""


class Loss(Enum):
    """Why an environment ended that nobody had told to end."""

    TIMEOUT = auto()
    CRASH = auto()
    OUT_OF_MEMORY = auto()


@dataclass(frozen=True, slots=True)
class FunctionStatistics:
    """What one function has done since the start, and the state of its environments.

    `errors` are results with an error of any kind; `throttles` are no invocations. `durations` are
    of the handler, without waits and inits. `cold_starts` are environments whose init finished,
    `init_durations` are theirs; `init_failures` did not finish it. `timeouts`, `crashes` and
    `out_of_memory` are environments that ended, each for one of the reasons; idle ones crash, too,
    so crashes may be more than errors. `provisioned_invocations` ran while no more than
    `provisioned_concurrency` ran at once, `spillovers` are those above; both 0 without it.

    Of this moment are `starting`, `idle`, `busy` (environments), `provisioned` (those of idle and
    busy that provisionedConcurrency keeps), `waiting` (invocations). `concurrent_max` is the most
    that ever ran at once.
    """

    invocations: int
    errors: int
    throttles: int
    timeouts: int
    crashes: int
    out_of_memory: int
    init_failures: int
    cold_starts: int
    durations: Distribution
    init_durations: Distribution
    provisioned_invocations: int
    spillovers: int
    concurrent_max: int
    starting: int
    idle: int
    busy: int
    provisioned: int
    provisioned_concurrency: int
    waiting: int


class Recorder:
    """Counts what happens to one function. `started` and `completed` are for every invocation.

    `provisioned_concurrency` may be set anew where the function is exchanged for another version.
    """

    __slots__ = (
        "_concurrent_max",
        "_durations",
        "_errors",
        "_init_durations",
        "_init_failures",
        "_invocations",
        "_losses",
        "_observe",
        "_refused",
        "_spillovers",
        "_throttles",
        "provisioned_concurrency",
    )

    def __init__(self, *, provisioned_concurrency: int = 0) -> None:
        self._invocations = self._errors = self._throttles = self._refused = 0
        self._spillovers = self._concurrent_max = self._init_failures = 0
        self._losses = dict.fromkeys(Loss, 0)
        self._durations = Histogram(DURATION_BOUNDS_MS)
        self._init_durations = Histogram(DURATION_BOUNDS_MS)
        self._observe = self._durations.observe
        self.provisioned_concurrency = provisioned_concurrency

    # Invocations

    def started(self, concurrent: int) -> None:
        """Count one that starts to run, the last of `concurrent` that run now."""
        self._invocations += 1
        if concurrent > self._concurrent_max:
            self._concurrent_max = concurrent
        if concurrent > self.provisioned_concurrency > 0:
            self._spillovers += 1

    def completed(self, duration_ms: float, *, is_error: bool) -> None:
        """Count what the function answered, and how long it took."""
        if is_error:
            self._errors += 1
        self._observe(duration_ms)

    def refused(self) -> None:
        """Count one that was taken and never ran: the init failed, or the node stopped."""
        self._invocations += 1
        self._refused += 1
        self._errors += 1

    def throttled(self) -> None:
        """Count one that was not taken."""
        self._throttles += 1

    # Environments

    def ready(self, init_ms: float) -> None:
        """Count an environment whose init finished, after so long."""
        self._init_durations.observe(init_ms)

    def init_failed(self) -> None:
        """Count an environment that never became ready."""
        self._init_failures += 1

    def lost(self, reason: Loss | None, *, duration_ms: float | None) -> None:
        """Count an environment that ended, and the invocation that it ran for so long, if any.

        `reason` is None where the node ended it.
        """
        if reason is not None:
            self._losses[reason] += 1
        if duration_ms is not None:
            self._errors += 1
            self._observe(duration_ms)

    def view(
        self, *, starting: int, idle: int, busy: int, provisioned: int, waiting: int
    ) -> FunctionStatistics:
        """Return the figures of this moment, with the states that the pool knows."""
        init_durations = self._init_durations.view()
        ran = self._invocations - self._refused
        return FunctionStatistics(
            invocations=self._invocations,
            errors=self._errors,
            throttles=self._throttles,
            timeouts=self._losses[Loss.TIMEOUT],
            crashes=self._losses[Loss.CRASH],
            out_of_memory=self._losses[Loss.OUT_OF_MEMORY],
            init_failures=self._init_failures,
            cold_starts=init_durations.total,
            durations=self._durations.view(),
            init_durations=init_durations,
            provisioned_invocations=ran - self._spillovers if self.provisioned_concurrency else 0,
            spillovers=self._spillovers,
            concurrent_max=self._concurrent_max,
            starting=starting,
            idle=idle,
            busy=busy,
            provisioned=provisioned,
            provisioned_concurrency=self.provisioned_concurrency,
            waiting=waiting,
        )
