"""Keeps what functions wrote: collected in memory, written in batches by a thread.

A line costs the event loop its encoding, and no system call. What comes faster than the disk takes
it is dropped, and told; a disk that is full stops nothing but the keeping.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bellwire.functions.log_files import SEGMENTS, LogWriter, encode, encode_report
from bellwire.functions.reports import Report


log = logging.getLogger("bellwire.functions")

BATCH_S = 0.2
"""How long a line waits for others, in seconds."""
WAITING_BYTES = 8 * 1024 * 1024
"""Most that waits for the disk; 40 000 lines a second are twice that."""


class LogStatistics(NamedTuple):
    """How many lines were written to the files since the start, and how many were lost."""

    kept: int
    lost: int


class _Batch(NamedTuple):
    """Lines to write at once; the remark on what was lost before is among the data."""

    data: bytearray
    lines: int
    lost_before: int


class LogStore:
    """The logs of one node's functions. To be used in one event loop; `close` once."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._folder = folder
        self._writer = LogWriter(folder, size_bytes)
        self._limit = min(WAITING_BYTES, size_bytes // SEGMENTS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[OSError | None] | None = None
        # One buffer: to keep many small objects costs several times their encoding.
        self._waiting = bytearray()
        self._count = 0
        self._lost = 0
        """Lines lost and not yet told in the log."""
        self._kept_lines = self._lost_lines = 0
        self._is_failing = self._is_losing = False

    def open(self, functions: Mapping[str, str]) -> None:
        """Begin, and keep the deployed names of the functions by key; call it again to change them.

        A folder that cannot be written is told in the node's log.
        """
        self._loop = asyncio.get_running_loop()
        try:
            self._writer.name_functions(functions)
        except OSError as error:
            self._note(error, _Batch(bytearray(), 0, 0))

    def add(
        self,
        function: str,
        request_id: str | None,
        trace_id: str | None,
        stream: str,
        text: str,
    ) -> None:
        """Keep an entry."""
        self._keep(encode(_now_ms(), function, request_id, trace_id, stream, text))

    def add_report(self, report: Report) -> None:
        """Keep what an invocation took."""
        self._keep(encode_report(_now_ms(), report))

    def _keep(self, line: bytes) -> None:
        if len(self._waiting) + len(line) > self._limit:
            self._lost += 1
            self._lost_lines += 1
        else:
            self._waiting += line
            self._count += 1
        if self._timer is None:
            self._wait_for_more()

    def statistics(self) -> LogStatistics:
        """Return the figures of this moment."""
        return LogStatistics(self._kept_lines, self._lost_lines)

    async def close(self) -> None:
        """Write what waits, and close the file."""
        self._loop = None  # what comes later is not kept
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await asyncio.wait([self._writing])
        batch = self._take()
        if batch.data:
            self._note(self._write(batch.data), batch)
        self._writer.close()

    def _wait_for_more(self) -> None:
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(BATCH_S, self._flush)

    def _flush(self) -> None:
        self._timer = None
        if self._loop is not None and self._writing is None:
            batch = self._take()
            # A thread, since a disk may take its time; bytes are written without the interpreter.
            self._writing = self._loop.run_in_executor(None, self._write, batch.data)
            self._writing.add_done_callback(partial(self._written, batch=batch))

    def _take(self) -> _Batch:
        batch = _Batch(self._waiting, self._count, lost := self._lost)
        if lost:
            batch.data.extend(_remark(lost))
        self._waiting = bytearray()
        self._count = self._lost = 0
        if lost and not self._is_losing:
            log.warning(
                "functions wrote faster than the disk: %d lines are not in %s", lost, self._folder
            )
        self._is_losing = lost > 0
        return batch

    def _write(self, data: bytearray) -> OSError | None:
        try:
            self._writer.write(data)
        except OSError as error:
            return error
        return None

    def _written(self, work: asyncio.Future[OSError | None], *, batch: _Batch) -> None:
        self._writing = None
        self._note(work.result(), batch)
        if self._count or self._lost:
            self._wait_for_more()

    def _note(self, error: OSError | None, batch: _Batch) -> None:
        """See how the writing of a batch ended."""
        if error is None:
            self._is_failing = False
            self._kept_lines += batch.lines
            return
        self._lost += batch.lines + batch.lost_before
        self._lost_lines += batch.lines
        self._is_losing = True
        if not self._is_failing:
            self._is_failing = True
            log.warning(
                "the logs of functions are not kept in %s: %s", self._folder, error.strerror
            )


def _remark(lost: int) -> bytes:
    text = f"[bellwire] {lost} lines of functions' logs were lost here"
    return encode(_now_ms(), None, None, None, "platform", text)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
