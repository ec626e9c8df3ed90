"""Where the lines of functions go: to who asked for a tail, to the store, to the node's own log."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from bellwire.definition.model import Function, Logging
from bellwire.functions.levels import is_shown
from bellwire.functions.log_line import LogEntry, LogLine
from bellwire.functions.log_store import LogStatistics, LogStore
from bellwire.functions.reports import Report, is_news, report_lines
from bellwire.functions.tail import Tails


log = logging.getLogger("bellwire.functions")


class Journal:
    """The log of one node's functions. Without a `store` nothing is kept."""

    def __init__(self, *, tails: Tails, store: LogStore | None) -> None:
        self._tails = tails
        self._store = store
        self._json: dict[str, Logging] = {}

    def open(self, functions: Mapping[str, Function]) -> None:
        """Begin, in the loop that is to run them; again where there are other functions now."""
        self._json = {
            key: function.logging
            for key, function in functions.items()
            if function.logging.format == "JSON"
        }
        if self._store is not None:
            self._store.open({key: function.name for key, function in functions.items()})

    def take(self, entry: LogEntry) -> None:
        """Pass an entry on. Of Lambda's own lines the node's log has those that are news."""
        if isinstance(entry, Report):
            self._take_report(entry)
        else:
            self._take_line(entry)

    def _take_report(self, report: Report) -> None:
        if self._tails.has(report.request_id):
            self._tails.add(report.request_id, "\n".join(report_lines(report)))
        if self._store is not None:
            self._store.add_report(report)
        if report.is_news:
            self._show(report.function, report.request_id, report_lines(report)[-1])

    def _take_line(self, line: LogLine) -> None:
        function, request_id, stream, text, trace_id = line
        is_platform = stream == "platform"
        if not is_platform and function in self._json and not is_shown(text, self._json[function]):
            return
        self._tails.add(request_id, text)
        if self._store is not None:
            self._store.add(function, request_id, trace_id, stream, text)
        if not is_platform or is_news(text):
            self._show(function, request_id, text)

    def _show(self, function: str, request_id: str | None, text: str) -> None:
        log.info("%s", text, extra={"function": function, "request_id": request_id})

    def statistics(self) -> LogStatistics:
        """Return how many lines were kept and lost."""
        return LogStatistics(0, 0) if self._store is None else self._store.statistics()

    async def close(self) -> None:
        """Write what waits to be kept."""
        if self._store is not None:
            await self._store.close()
