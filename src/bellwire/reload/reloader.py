"""Files were saved: a running node takes over what has changed, and says so.

    saved ──▶ does Python read it? ──▶ does the service load? ──▶ swap functions, change the rest
                    └── no: say where ──────┴── no: say where; all stays as it was

What could not be taken over is tried again with the next change.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

from bellwire.definition.changes import Changes, applicable, compare
from bellwire.definition.model import Service
from bellwire.definition.modules import Imports
from bellwire.definition.sources import concerned, is_code, is_definition
from bellwire.errors import BellwireError, BusError
from bellwire.loading import Loaded, load, with_apis_of
from bellwire.reload.folder import Scope
from bellwire.reload.modules import Modules
from bellwire.reload.noise import Noise
from bellwire.reload.watch import Saved, Watch
from bellwire.settings import Settings


log = logging.getLogger("bellwire.reload")

_RETRY_S = 1.0


class Running(Protocol):
    """What a reloader asks of a node."""

    service: Service

    async def change(
        self, loaded: Loaded, changes: Changes, *, swap: Collection[str]
    ) -> frozenset[str]:
        """Go over to another reading; return the functions that did not start, if any."""


class Voice(NamedTuple):
    """How the reloader speaks: a line of its own, or an error as the command line shows it."""

    tell: Callable[[str], None]
    complain: Callable[[BellwireError], None]


class Reloader:
    """Takes over what is saved for as long as `run` runs. `watch` began before the node's start."""

    def __init__(
        self,
        node: Running,
        watch: Watch,
        settings: Settings,
        environment: Mapping[str, str],
        voice: Voice,
    ) -> None:
        self._node = node
        self._watch = watch
        self._settings = settings
        self._environment = environment
        self._tell, self._complain = voice
        watch.look_at(_scope(node.service, settings))
        self._modules = Modules(settings.directory)
        self._noise = Noise()
        self._pending: set[Path] = set()
        self._failed: frozenset[str] = frozenset()
        self._told: set[str] = {finding.message for finding in node.service.findings}

    async def run(self) -> None:
        """Reload until cancelled, or until the files cannot be watched, which is told."""
        try:
            async with aclosing(self._watch.changes()) as all_saved:
                async for saved in all_saved:
                    await self._take(saved)
        except BellwireError as error:
            self._complain(error)
            self._tell("changes of files are not looked at any more: restart to apply them")

    async def _take(self, saved: Saved) -> None:
        data = {path for path in saved.changed if self._is_data(path)}
        heard = self._noise.hear(data, saved.before, time.monotonic())
        for path in sorted(heard.muted):
            self._tell(f"{path} changes by itself, time and again: it is not looked at any more")
        self._watch.mute(heard.muted)
        self._pending |= (saved.changed - data) | heard.changed
        if not self._pending:
            return
        await asyncio.to_thread(self._read_modules, saved)
        await self._reload_patiently()
        self._noise.reloaded(heard.changed, saved.before, time.monotonic())

    async def _reload_patiently(self) -> None:
        """Reload; wait for a NATS that is away, and keep what runs whatever else goes wrong."""
        said = ""
        while True:
            try:
                await self._reload()
                return
            except BusError as error:
                if error.message != said:
                    self._complain(error)
                said = error.message
                if not error.retryable:
                    break
            except BellwireError as error:
                self._complain(error)
                break
            except Exception:
                log.exception("a reload ended in a bug of Bellwire's")
                break
            await asyncio.sleep(_RETRY_S)
        self._tell("not reloaded: what ran before keeps running")

    def _is_data(self, path: Path) -> bool:
        return not (is_code(path) or is_definition(path, self._node.service))

    def _read_modules(self, saved: Saved) -> None:
        directory = self._node.service.directory
        here, changed = (
            [path.relative_to(directory) for path in paths if path.is_relative_to(directory)]
            for paths in (saved.after, saved.changed)
        )
        self._modules.renew([path for path in here if path.suffix == ".py"], changed)

    async def _reload(self) -> None:
        """Take over what is pending; raises DefinitionError and BusError, and then all of it is."""
        started = time.monotonic()
        code = await asyncio.to_thread(self._concerned)
        loaded = await asyncio.to_thread(load, self._settings, self._environment)
        self._note(loaded)
        running = self._node.service
        changes = compare(running, loaded.service)
        await asyncio.to_thread(self._watch.look_at, _scope(loaded.service, self._settings))
        self._tell_once("restart to apply", changes.restart)
        if changes.is_other:
            return
        swap = self._swappable(code | changes.swap | self._failed, loaded.service)
        if swap or changes.lines or changes.apis or changes.rules:
            loaded = with_apis_of(loaded, applicable(running, loaded.service))
            self._failed = await self._node.change(loaded, changes, swap=swap)
            self._tell_outcome(changes, swap, time.monotonic() - started)
        self._pending.clear()

    def _swappable(self, wanted: frozenset[str], service: Service) -> frozenset[str]:
        """Return those functions of the service that may be swapped: none that is debugged."""
        held = self._settings.debug
        if held in wanted:
            self._tell(f"not reloaded: {held}, which is debugged: restart to apply")
        return (wanted & service.functions.keys()) - {held}

    def _concerned(self) -> frozenset[str]:
        """Return the functions that the pending files concern, if Python can read those it must."""
        service = self._node.service
        imports = Imports(self._modules)
        for path in sorted(self._pending):
            problem = self._modules.problem(path)
            if problem is not None and concerned(service, [path], imports):
                raise problem
        return concerned(service, self._pending, imports)

    def _note(self, loaded: Loaded) -> None:
        for finding in loaded.findings:
            if finding.message not in self._told:
                self._told.add(finding.message)
                self._tell(f"note: {finding}")

    def _tell_once(self, what: str, sentences: Collection[str]) -> None:
        for sentence in sentences:
            if sentence not in self._told:
                self._told.add(sentence)
                self._tell(f"{what}: {sentence}")

    def _tell_outcome(self, changes: Changes, swap: Collection[str], took_s: float) -> None:
        for line in changes.lines:
            self._tell(line)
        done = sorted(set(swap) - self._failed)
        if done or not self._failed:
            what = f"reloaded: {', '.join(done)}" if done else "reloaded"
            self._tell(f"{what} ({took_s:.2f} s)")
        if self._failed:
            names = ", ".join(sorted(self._failed))
            self._tell(
                f"not reloaded: {names}: the start failed, as the log tells; what ran before keeps "
                "running"
            )


def first_scope(settings: Settings) -> Scope:
    """Return what is watched before the service is loaded: its folder."""
    ready = settings.ready_file
    own = [settings.data_dir, *([ready] if ready is not None else [])]
    excluded = frozenset(each.resolve() for each in own)
    return Scope((settings.directory.resolve(),), excluded=excluded)


def _scope(service: Service, settings: Settings) -> Scope:
    layers = {layer for function in service.functions.values() for layer in function.layers}
    elsewhere = (each for each in service.files if not each.is_relative_to(service.directory))
    first = first_scope(settings)
    return replace(first, folders=(*first.folders, *sorted(layers)), files=tuple(elsewhere))
