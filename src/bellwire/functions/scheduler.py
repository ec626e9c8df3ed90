"""Who runs what: the decisions of one function's pool of environments.

    submit ──▶ an idle environment, the last used first (its caches are warm)
          └──▶ the queue, first in first out ──▶ the next environment that is free
    starts ──▶ how many environments to start now

Rules of this file. An environment runs one invocation at a time. Another is started when an
invocation has waited `GROWTH_DELAY_S`, and again as many as there are after each further delay, up
to the limit: a burst of quick invocations drains before that, and slow ones soon have their own.
With none left, one is started at once. An init that fails answers the invocation that waited for
it; after `FREE_FAILURES` in a row it answers all that wait, and the next start is delayed, twice as
long each time. A completed invocation ends that.

As many as `kept` are started before anybody asks, and stay. Of the others those go that were idle
for the whole time between two calls of `surplus`: the last used runs first, so it is always the
same ones that have nothing to do.

Times are seconds of a clock that only goes forward.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar


GROWTH_DELAY_S = 0.01
FREE_FAILURES = 3
BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 2.0

E = TypeVar("E")
"""An environment."""
I = TypeVar("I")  # noqa: E741  # an invocation
"""An invocation."""


class Scheduler(Generic[E, I]):
    """The environments of one function by state, and its queue."""

    def __init__(self, *, limit: int, queue_limit: int, kept: int = 1) -> None:
        """Allow `limit` environments and `queue_limit` invocations that wait for one."""
        self.limit = limit
        self.kept = min(kept, limit)
        self.idle: list[E] = []
        self.waiting: deque[tuple[float, I]] = deque()
        self.starting = 0
        self.busy = 0
        self._queue_limit = queue_limit
        self._least_idle = 0
        self._failures = 0
        self._not_before = float("-inf")
        self._grown_at = float("-inf")

    # Invocations

    @property
    def is_full(self) -> bool:
        """Tell whether a further invocation must be refused."""
        return not self.idle and (len(self.waiting) >= self._queue_limit or not self.limit)

    def submit(self, invocation: I, now: float) -> E | None:
        """Return the environment that runs the invocation, or None: it waits."""
        idle = self.idle
        if idle:
            self.busy += 1
            environment = idle.pop()
            if len(idle) < self._least_idle:
                self._least_idle = len(idle)
            return environment
        self.waiting.append((now, invocation))
        return None

    def release(self, environment: E) -> I | None:
        """Return what a free environment runs next, or None: it is idle."""
        self._failures = 0
        return self._next(environment)

    def drain(self) -> list[I]:
        """Empty the queue and return what waited."""
        invocations = [invocation for _, invocation in self.waiting]
        self.waiting.clear()
        return invocations

    def _next(self, environment: E) -> I | None:
        if self.waiting:
            return self.waiting.popleft()[1]
        self.busy -= 1
        self.idle.append(environment)
        return None

    # Environments

    def ready(self, environment: E) -> I | None:
        """Return what a started environment runs first, or None: it is idle."""
        self.starting -= 1
        self.busy += 1
        return self._next(environment)

    def init_failed(self, now: float) -> list[I]:
        """Count a start that came to nothing; return the invocations that it answers."""
        self.starting -= 1
        self._fail(now)
        if self.idle or self.busy or not self.waiting:
            return []
        if self._is_failing:
            return self.drain()
        return [self.waiting.popleft()[1]]

    def lost_idle(self, environment: E, now: float, *, was_used: bool) -> None:
        """Forget an idle environment that ended; one that never ran anything is a failed start."""
        self.idle.remove(environment)
        self._least_idle = min(self._least_idle, len(self.idle))
        if not was_used:
            self._fail(now)

    def lost_busy(self) -> None:
        """Forget an environment that ended, or was ended, while it ran an invocation."""
        self.busy -= 1

    def surplus(self) -> list[E]:
        """Take out and return those that were idle since the last call and need not stay."""
        count = max(0, min(self._least_idle, self.total - self.kept))
        environments = self.idle[:count]
        del self.idle[:count]
        self._least_idle = len(self.idle)
        return environments

    def starts(self, now: float) -> int:
        """Return how many environments to start now; they count as starting from here on."""
        at = self.next_start_at
        if at is None or now < at:
            return 0
        alive = self.total
        missing = self.kept - alive
        wanted = max(1, len(self.waiting) - self.starting, missing)
        count = min(wanted, max(1, alive, missing), self.limit - alive)
        if self._is_failing:
            count = 1
        self.starting += count
        self._grown_at = now
        return count

    @property
    def next_start_at(self) -> float | None:
        """Return when to ask `starts` again, if nothing else happens before; None: no need."""
        alive = self.total
        if alive >= self.limit:
            return None
        if not alive or (alive < self.kept and not self._failures):
            return self._not_before if self.waiting or not self._failures else None
        if len(self.waiting) <= self.starting or (self._is_failing and self.starting):
            return None
        return max(self._not_before, max(self.waiting[0][0], self._grown_at) + GROWTH_DELAY_S)

    @property
    def total(self) -> int:
        """Return how many environments there are, those that start included."""
        return len(self.idle) + self.busy + self.starting

    @property
    def _is_failing(self) -> bool:
        return self._failures > FREE_FAILURES

    def _fail(self, now: float) -> None:
        self._failures += 1
        if self._is_failing:
            doublings = min(self._failures - FREE_FAILURES - 1, 10)
            delay = BACKOFF_S * 2.0**doublings
            self._not_before = now + min(delay, LONGEST_BACKOFF_S)
