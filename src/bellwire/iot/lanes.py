"""Order per key, parallel over keys: one job of a key at a time, many keys at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar


Job = TypeVar("Job")


class Lanes(Generic[Job]):
    """Says which job may start. Pure: it starts nothing itself.

    The owner calls `enter` with a job, and `leave` when one has ended; both may return a job to
    start now.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[Job] | None] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how many jobs wait for their turn."""
        return self._count

    def enter(self, key: Hashable, job: Job) -> Job | None:
        """Take a job in; return it if its lane is free, else None: it waits."""
        if key not in self._waiting:
            self._waiting[key] = None
            return job
        lane = self._waiting[key]
        if lane is None:
            lane = self._waiting[key] = deque()
        lane.append(job)
        self._count += 1
        return None

    def leave(self, key: Hashable) -> Job | None:
        """Take the end of the lane's running job; return the one that may start now."""
        lane = self._waiting[key]
        if not lane:
            del self._waiting[key]
            return None
        self._count -= 1
        return lane.popleft()

    def drain(self) -> list[Job]:
        """Take out every job that waits, and return them; running ones keep their lanes."""
        waiting = [job for lane in self._waiting.values() for job in lane or ()]
        self._waiting = dict.fromkeys(self._waiting)
        self._count = 0
        return waiting
