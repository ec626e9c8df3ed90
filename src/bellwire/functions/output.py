"""The output of a function: bounded, cut into lines, as text.

Used by the worker too: standard library only.
"""

from __future__ import annotations

import io
from collections.abc import Callable


WRITE_COST_BYTES = 100
"""A write counts as at least this much: many tiny lines cost the node more than one long one."""


class Budget:
    """How much output may pass in a second; what is over is dropped and told.

    Times are seconds of any clock that only goes forward.
    """

    __slots__ = ("_bytes_per_s", "_left", "_until", "dropped")

    def __init__(self, bytes_per_s: int) -> None:
        self._bytes_per_s = bytes_per_s
        self._left = 0
        self._until = float("-inf")
        self.dropped = 0
        """Bytes dropped and not yet told by `note`."""

    def take(self, size: int, now: float) -> int:
        """Return how many of `size` bytes may pass."""
        if now >= self._until:
            self._until = now + 1.0
            self._left = self._bytes_per_s
        passes = min(size, self._left)
        self._left = max(0, self._left - max(passes, WRITE_COST_BYTES))
        self.dropped += size - passes
        return passes

    def is_refilled(self, now: float) -> bool:
        """Tell whether output may pass again."""
        return now >= self._until

    def note(self) -> str:
        """Return a line that tells what was dropped, and forget it."""
        dropped, self.dropped = self.dropped, 0
        return (
            f"[bellwire] {dropped} bytes of output dropped: more than {self._bytes_per_s} in a "
            "second (custom.bellwire.limits.logBytesPerS)"
        )


class Lines:
    """Cuts a stream of bytes into messages; holds at most one unfinished one.

    A message ends at a newline. A carriage return in it divides its lines: that is how the runtimes
    write a message of several lines, which stays one event in the log, as on Lambda.
    """

    __slots__ = ("_cut", "_limit", "_rest")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._rest = bytearray()  # bytes would be copied for each of many tiny writes
        self._cut = 0

    def feed(self, data: bytes) -> list[str]:
        """Return the messages that end in `data`; lines in them are divided by newlines."""
        first, newline, after = data.partition(b"\n")
        self._extend(first)
        if not newline:
            return []
        lines = self.finish() or [""]
        *whole, last = after.split(b"\n")
        for line in whole:
            self._extend(line)
            lines += self.finish() or [""]
        self._extend(last)
        return lines

    def finish(self) -> list[str]:
        """Return the unfinished message, if there is one, as if it had ended."""
        if not self._rest:
            return []
        text = self._rest.decode(errors="replace").removesuffix("\r").replace("\r", "\n")
        if self._cut:
            text += f" … [bellwire: {self._cut} more bytes cut]"
        self._rest.clear()
        self._cut = 0
        return [text]

    def _extend(self, data: bytes) -> None:
        room = self._limit - len(self._rest)
        self._rest += data[:room]
        self._cut += max(0, len(data) - room)


class Sink(io.RawIOBase):
    """Where `sys.stdout` or `sys.stderr` of a worker ends: sends what is written to the node.

    `fileno()` is that of the true stream, so that children may inherit it.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        fd: int,
        budget: Budget,
        clock: Callable[[], float],
    ) -> None:
        self._send = send
        self._fd = fd
        self._budget = budget
        self._clock = clock

    def writable(self) -> bool:
        """Tell the text layer that it may write."""
        return True

    def fileno(self) -> int:
        """Return the number of the true stream."""
        return self._fd

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Send what the budget lets through; the rest is dropped."""
        now = self._clock()
        if self._budget.dropped and self._budget.is_refilled(now):
            self.tell_dropped()
        size = len(data)
        passes = self._budget.take(size, now)
        if passes:
            self._send(bytes(data[:passes]))
        return size

    def tell_dropped(self) -> None:
        """Say how much was dropped since it was last said."""
        if self._budget.dropped:
            self._send(f"\n{self._budget.note()}\n".encode())


class Console(io.TextIOWrapper):
    """`sys.stdout` or `sys.stderr` of a worker: a line at a time, whatever the locale.

    As Python's own, `errors` is `strict` for the first and `backslashreplace` for the second.
    """

    def __init__(self, sink: Sink, *, errors: str = "backslashreplace") -> None:
        super().__init__(
            sink,  # type: ignore[arg-type]  # as with python -u, the raw stream is the buffer
            encoding="utf-8",
            errors=errors,
            newline="\n",
            line_buffering=True,
        )
        self._sink = sink

    def write_line(self, text: str) -> None:
        """Write one message, of any number of lines (see `Lines`)."""
        one = text.removesuffix("\n").replace("\r\n", "\n").replace("\n", "\r")
        self.write(f"{one}\n")

    def settle(self) -> None:
        """Send all that is held back: before the result of an invocation."""
        if not self.closed:  # by the handler
            self.flush()
            self._sink.tell_dropped()
