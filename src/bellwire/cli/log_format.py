"""How `bellwire run` logs: one line each, to stderr, functions' output with its function."""

from __future__ import annotations

import logging
import re
import sys


_CONTROL = re.compile(r"\x1b\[[\d;]*m|[^\t\n\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\U0010ffff]")
"""Colours, and what is not shown: control characters, and those that turn the direction of text."""


class LineFormatter(logging.Formatter):
    """`12:00:01 WARNING bellwire.gateway: text`, or `12:00:01 Function 1f0c9a2e text`.

    Of a request id the first eight characters are shown; that is enough to tell lines apart. The
    further lines of a message are indented.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        at = self.formatTime(record, "%H:%M:%S")
        function = getattr(record, "function", None)
        if function is not None:
            request_id = getattr(record, "request_id", None) or "-"
            return f"{at} {function} {request_id[:8]} {readable(record.getMessage())}"
        text = f"{at} {record.levelname} {record.name}: {readable(record.getMessage())}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def readable(text: str) -> str:
    """Return an entry of a log so that its further lines are seen to belong to it.

    Of what steers a terminal colours are left; the rest, which may have come from anywhere, is
    shown and not done.
    """
    return _CONTROL.sub(_escape, text).replace("\n", "\n    ")


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    return found if len(found) > 1 else repr(found)[1:-1]


def configure_logging() -> None:
    """Send the log to stderr; only the command line does this, never the library."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("bellwire").setLevel(logging.INFO)
