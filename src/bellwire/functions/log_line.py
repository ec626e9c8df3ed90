"""The log of a function on its way to the node: its own lines, and what Lambda says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from bellwire.functions.reports import InitializationType, InitReport, PlatformLog, Report


Source = Literal["stdout", "stderr", "platform"]


class LogLine(NamedTuple):
    """One entry of a function's log: of its own, or Lambda's (`platform`, see `reports`).

    `request_id` is None while its module is imported. `text` may have several lines. `trace_id` is
    the root of the trace.
    """

    function: str
    request_id: str | None
    stream: Source
    text: str
    trace_id: str | None = None


LogEntry = LogLine | Report
"""What a function's log is made of; a Report stands for the lines of `reports.report_lines`."""


class FunctionLog:
    """Passes on what is written of one function. Times are in epoch milliseconds."""

    __slots__ = ("_function", "_platform", "_take")

    def __init__(
        self, function: str, platform: PlatformLog, take: Callable[[LogEntry], None]
    ) -> None:
        self._function = function
        self._platform = platform
        self._take = take

    def line(self, stream: Source, text: str, request_id: str | None, trace_id: str | None) -> None:
        """Write an entry."""
        self._take(LogLine(self._function, request_id, stream, text, trace_id))

    def start(self, request_id: str, trace_id: str, started_ms: int) -> None:
        """Write that an invocation has started."""
        for text in self._platform.start(request_id, trace_id, started_ms):
            self._take(LogLine(self._function, request_id, "platform", text, trace_id))

    def report(self, report: Report) -> None:
        """Write what an invocation took."""
        if not self._platform.is_json:
            self._take(report)
            return
        for text in self._platform.report(report):
            line = LogLine(self._function, report.request_id, "platform", text, report.trace_id)
            self._take(line)

    def init_start(self, kind: InitializationType, now_ms: int) -> None:
        """Write that an environment starts."""
        for text in self._platform.init_start(kind, now_ms):
            self._take(LogLine(self._function, None, "platform", text))

    def init(self, report: InitReport, now_ms: int) -> None:
        """Write what the start of an environment took."""
        for text in self._platform.init(report, now_ms):
            self._take(LogLine(self._function, None, "platform", text))
