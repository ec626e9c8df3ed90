"""How long things took: counted in buckets as it happens, at the cost of a binary search.

Nothing is kept of a single duration, so that a million of them take as much memory as one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple


BOUNDS_MS = (
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0,
    10_000.0, 30_000.0,
)  # fmt: skip
"""Upper bounds of the buckets in milliseconds, where no others are named. Ours: a warm function
answers in less than one, and no integration takes longer than 29 seconds."""


class Distribution(NamedTuple):
    """What a histogram held at one moment. `counts` has one more than `bounds_ms`: all above."""

    bounds_ms: tuple[float, ...]
    counts: tuple[int, ...]
    sum_ms: float
    max_ms: float

    @property
    def total(self) -> int:
        """How many durations were counted."""
        return sum(self.counts)

    @property
    def mean_ms(self) -> float:
        """The mean; 0 of none."""
        return self.sum_ms / self.total if self.total else 0.0

    def buckets(self) -> Iterator[tuple[float | None, int]]:
        """Yield each bound and how many were not above it; the last has no bound: all."""
        return zip((*self.bounds_ms, None), accumulate(self.counts), strict=True)

    def quantile_ms(self, share: float) -> float:
        """Estimate what a share (0 to 1) of the durations were not above; 0 of none.

        Within a bucket they are taken to lie evenly, so this is as exact as the buckets are fine.
        """
        rank = share * self.total
        low, below = 0.0, 0
        for bound, upto in self.buckets():
            high = self.max_ms if bound is None else min(bound, self.max_ms)
            if upto >= rank and upto > below:
                return low + (high - low) * (rank - below) / (upto - below)
            low, below = high, upto
        return 0.0


class Histogram:
    """Durations in milliseconds, each counted in the bucket of the first bound it is not above."""

    __slots__ = ("_bounds_ms", "_counts", "_max_ms", "_sum_ms")

    def __init__(self, bounds_ms: tuple[float, ...] = BOUNDS_MS) -> None:
        self._bounds_ms = bounds_ms
        self._counts = [0] * (len(bounds_ms) + 1)
        self._sum_ms = self._max_ms = 0.0

    def observe(self, duration_ms: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(self._bounds_ms, duration_ms)] += 1
        self._sum_ms += duration_ms
        if duration_ms > self._max_ms:
            self._max_ms = duration_ms

    def view(self) -> Distribution:
        """Return what was counted up to now."""
        return Distribution(self._bounds_ms, tuple(self._counts), self._sum_ms, self._max_ms)
