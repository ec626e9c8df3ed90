"""Files that change by themselves: what a function writes must not restart it for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple


SETTLE_S = 2.0
"""A file that changes again so soon after a reload that it caused is written by a program. Ours."""


class Heard(NamedTuple):
    """Changes that count, and what does not from now on: files, or folders with all in them."""

    changed: frozenset[Path]
    muted: frozenset[Path]


class Noise:
    """Remembers which data files caused a reload, and when. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._caused: dict[Path, float] = {}
        self._muted: set[Path] = set()

    def hear(self, changed: Iterable[Path], known: Collection[Path], now_s: float) -> Heard:
        """Sort out changes of data files. `known` are those that were there before.

        For a file that was not there, its folder counts: a program may write one after another.
        """
        kept: set[Path] = set()
        muted: set[Path] = set()
        for path in changed:
            if path in self._muted or any(folder in self._muted for folder in path.parents):
                continue
            source = path if path in known else path.parent
            if now_s - self._caused.get(source, -SETTLE_S) < SETTLE_S:
                muted.add(source)
            else:
                kept.add(path)
        self._muted |= muted
        return Heard(frozenset(kept), frozenset(muted))

    def reloaded(self, changed: Iterable[Path], known: Collection[Path], now_s: float) -> None:
        """Take that these data files have caused a reload, which has ended now."""
        for path in changed:
            self._caused[path if path in known else path.parent] = now_s
