"""How `bellwire run` logs: one line each, to stderr, functions' output with its function."""

from __future__ import annotations

import logging
import sys


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
            return f"{at} {function} {request_id[:8]} {indented(record.getMessage())}"
        text = f"{at} {record.levelname} {record.name}: {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def indented(text: str) -> str:
    """Return a message of a function so that its further lines are seen to belong to it."""
    return text.replace("\n", "\n    ")


def configure_logging() -> None:
    """Send the log to stderr; only the command line does this, never the library."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("bellwire").setLevel(logging.INFO)
