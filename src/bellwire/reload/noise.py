"""Files that change by themselves: what a function writes must not restart it for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple


SETTLE_S = 2.0
"""A file that changes again so soon after a reload that it caused may be a program's. Ours."""
_TIMES = 3
"""How often in a row it must do so: somebody may save twice, or go between two branches. Ours."""


class Heard(NamedTuple):
    """Changes that count, and what does not from now on: files, or folders with all in them."""

    changed: frozenset[Path]
    muted: frozenset[Path]


class Noise:
    """Remembers which data files caused a reload, and when. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._caused: dict[Path, float] = {}
        self._times: dict[Path, int] = {}
        self._muted: set[Path] = set()

    def hear(self, changed: Iterable[Path], known: Collection[Path], now_s: float) -> Heard:
        """Sort out changes of data files. `known` are those that were there before.

        For a file that was not there, its folder counts: a program may write one after another.
        """
        sources = {path: _source(path, known) for path in changed if not self._is_muted(path)}
        muted = frozenset(
            source for source in {*sources.values()} if self._count(source, now_s) >= _TIMES
        )
        self._muted |= muted
        return Heard(frozenset(path for path in sources if sources[path] not in muted), muted)

    def reloaded(self, changed: Iterable[Path], known: Collection[Path], now_s: float) -> None:
        """Take that these data files have caused a reload, which has ended now."""
        for path in changed:
            self._caused[_source(path, known)] = now_s

    def _is_muted(self, path: Path) -> bool:
        return not self._muted.isdisjoint((path, *path.parents))

    def _count(self, source: Path, now_s: float) -> int:
        """Count how often in a row a change came right after the reload of the one before."""
        is_soon = now_s - self._caused.get(source, -SETTLE_S) < SETTLE_S
        self._times[source] = self._times.get(source, 0) + 1 if is_soon else 0
        return self._times[source]


def _source(path: Path, known: Collection[Path]) -> Path:
    return path if path in known else path.parent
