"""Tells when files of a service have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Set
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from bellwire.errors import StartError
from bellwire.reload.folder import Scope, Snapshot, take_snapshot


_QUIET_MS = 40
"""A burst of saves has ended when nothing more came for this long."""
_BURST_MS = 400
"""Longest that the end of a burst is waited for."""
_LOOK_MS = 1000
_AGAIN_S = 0.1


class Saved(NamedTuple):
    """Files that were added, changed or removed, among all that were there before and after."""

    changed: frozenset[Path]
    before: Collection[Path]
    after: Collection[Path]


class Watch:
    """Watches a scope: what changes from here on. Raises StartError for more files than may be.

    The system tells that something happened; what it was is looked up.

    Folders are watched one by one, not trees: the data folder of the node and `node_modules` may
    be in them, and never rest.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._before = take_snapshot(scope)
        self._muted: set[Path] = set()

    def mute(self, paths: Iterable[Path]) -> None:
        """Look no more because of these files alone: they change all the time."""
        self._muted.update(paths)

    def look_at(self, scope: Scope) -> None:
        """Watch another scope from now on: what is new in it has not changed. It reads the disk.

        Not to be called while the next of `changes` is waited for.
        """
        if scope == self._scope:
            return
        was, before, now = self._scope, self._before, take_snapshot(scope)
        files = {path: each for path, each in now.files.items() if not was.covers(path)}
        files |= {path: each for path, each in before.files.items() if scope.covers(path)}
        self._scope, self._before = scope, Snapshot(files, now.folders)

    async def changes(self) -> AsyncGenerator[Saved, None]:
        """Yield the files that have changed, for each burst of changes, without end.

        Raises StartError where they cannot be watched.
        """
        while True:
            folders = self._before.folders
            try:
                async with aclosing(self._moments(folders)) as moments:
                    async for is_stale in moments:
                        before = self._before
                        if changed := await self._look():
                            yield Saved(changed, before.files.keys(), self._before.files.keys())
                        if is_stale or self._before.folders != folders:
                            break
            except (OSError, RuntimeError) as error:
                if all(folder.is_dir() for folder in folders):
                    raise StartError(
                        f"the files of the service cannot be watched: {error}",
                        hint="the system's bound may be too low: fs.inotify.max_user_watches",
                    ) from None
                await asyncio.sleep(_AGAIN_S)  # a folder has gone: the next look shows it
                now = await asyncio.to_thread(take_snapshot, self._scope)
                self._before = self._before._replace(folders=now.folders)

    async def _look(self) -> frozenset[Path]:
        before = self._before
        self._before = await asyncio.to_thread(take_snapshot, self._scope)
        return before.changed(self._before)

    async def _moments(self, folders: Set[Path]) -> AsyncGenerator[bool, None]:
        """Yield when something may have happened, and once without: it may have been before.

        True where a folder was removed, or replaced by another: nothing is heard of that one.
        """
        import watchfiles  # takes a moment, and not every run needs it

        has_looked = False
        notices = watchfiles.awatch(
            *sorted(folders),
            recursive=False,
            watch_filter=None,
            step=_QUIET_MS,
            debounce=_BURST_MS,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        async with aclosing(notices):
            async for events in notices:
                paths = [(change, Path(path)) for change, path in events]
                is_stale = any(
                    path in folders and change is not watchfiles.Change.modified
                    for change, path in paths
                )
                is_due = is_stale or any(
                    self._scope.may_concern(path) and path not in self._muted for _, path in paths
                )
                if is_due or not has_looked or self._before.folders != folders:
                    has_looked = True
                    yield is_stale
