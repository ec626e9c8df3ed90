"""Throttling by a token bucket, as stages, routes and usage plans have it.

docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil


_SET_BACK_MS = 1000
"""A clock that steps back further than this was set. Ours: less is jitter, and waited out."""


class TokenBucket:
    """A bucket that holds `burst` requests and is refilled with `rate_per_s`; it starts full.

    No rate means no bound. No burst means what one second brings; 0 of either, as on AWS, refuses
    all. Counts in whole numbers, so that no rounding ever grants a request too many.
    """

    __slots__ = ("_at_ms", "_bounded", "_full", "_gain", "_level", "_token")

    def __init__(self, rate_per_s: float | None, burst: int | None) -> None:
        self._bounded = rate_per_s is not None
        rate = Fraction(str(rate_per_s or 0))  # as written: 0.29 is 29/100, not the float near it
        size = burst if burst is not None and rate else ceil(rate)
        # The level is in units that a request costs `_token` of and a millisecond brings `_gain`.
        self._token = rate.denominator * 1000
        self._gain = rate.numerator
        self._level = self._full = size * self._token
        self._at_ms = 0

    def has_bound_of(self, other: TokenBucket) -> bool:
        """Tell whether another bucket has the same rate and size."""
        return (self._bounded, self._gain, self._token, self._full) == (
            other._bounded,
            other._gain,
            other._token,
            other._full,
        )

    def take(self, now_ms: int) -> bool:
        """Take one request out; False where there is none left.

        `now_ms` may go backwards: that grants nothing, and time counts again once it passes where
        it was or, where the clock was set back by more than a second, at once.
        """
        if not self._bounded:
            return True
        elapsed = now_ms - self._at_ms
        if elapsed > 0:
            self._level = min(self._full, self._level + elapsed * self._gain)
            self._at_ms = now_ms
        elif elapsed < -_SET_BACK_MS:
            self._at_ms = now_ms
        if self._level < self._token:
            return False
        self._level -= self._token
        return True
