"""A line of a function's log, as all parts of the node pass it on."""

from __future__ import annotations

from typing import Literal, NamedTuple


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
