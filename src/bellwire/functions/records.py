"""What Lambda's Python runtime writes to a function's log: log records and errors, Text or JSON.

Used by the worker: standard library only, and little of it.
docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence

from bellwire.functions.documents import Encoder


LEVEL = "AWS_LAMBDA_LOG_LEVEL"
FORMAT = "AWS_LAMBDA_LOG_FORMAT"

_SECOND = "%Y-%m-%dT%H:%M:%S"
_NO_BREAK_SPACE = "\u00a0"
# Of a record's attributes those that are the record's own; all others come from `extra=`.
_OWN = frozenset(logging.makeLogRecord({}).__dict__) - {"taskName"} | {
    "aws_request_id",
    "tenant_id",
}
# A handler may have patched json. A value that JSON has not is written as text: no record is lost.
_encode_json = Encoder(ensure_ascii=False, default=str).encode


class TextFormatter(logging.Formatter):
    """`[LEVEL]`, time, request id and message, between tabs."""

    def __init__(self) -> None:
        super().__init__(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", _SECOND
        )


class JsonFormatter(logging.Formatter):
    """One JSON object: what is None is left out; attributes given with `extra=` come last."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object of a record; a dict that is logged is not made a text."""
        is_object = isinstance(record.msg, dict) and not record.args
        fields: dict[str, object] = {
            "timestamp": self.formatTime(record, f"{_SECOND}Z"),
            # A level in between counts as the next lower one that has a name.
            "level": logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10),
            "message": record.msg if is_object else record.getMessage(),
            "logger": record.name,
            **_describe_exception(record),
            "tenantId": getattr(record, "tenant_id", None),
        }
        extra = {
            name: value
            for name, value in record.__dict__.items()
            if name not in _OWN and name not in fields
        }
        given = (fields | extra).items()
        return _encode_json({name: value for name, value in given if value is not None})


def _describe_exception(record: logging.LogRecord) -> dict[str, object]:
    request_id = getattr(record, "aws_request_id", None)
    if not record.exc_info or record.exc_info[0] is None:
        return dict.fromkeys(("stackTrace", "errorType", "errorMessage")) | {
            "requestId": request_id,
            "location": None,
        }
    kind, error, trace = record.exc_info
    return {
        "stackTrace": traceback.format_tb(trace),
        "errorType": kind.__name__,
        "errorMessage": str(error),
        "requestId": request_id,
        "location": f"{record.pathname}:{record.funcName}:{record.lineno}",
    }


class LambdaLogHandler(logging.Handler):
    """The handler that Lambda gives the root logger.

    Every record passing it has `aws_request_id` and `tenant_id`, for formats that name them.
    """

    def __init__(self, write: Callable[[str], None], formatter: logging.Formatter) -> None:
        super().__init__()
        self._write = write
        self.request_id = ""
        self.tenant_id: str | None = None
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; raises what formatting it raises, which on Lambda fails the handler."""
        record.aws_request_id = self.request_id
        record.tenant_id = self.tenant_id
        self._write(self.format(record))


class RuntimeLog:
    """What the runtime writes, in the format that the environment's variables ask for.

    `write` takes one message, of any number of lines. Times are those that logging's formatters
    show: as on Lambda they are to be UTC, by `logging.Formatter.converter`.
    """

    def __init__(self, write: Callable[[str], None], environment: Mapping[str, str]) -> None:
        self._write = write
        self._is_json = environment.get(FORMAT, "").upper() == "JSON"
        level = environment.get(LEVEL, "").upper()
        level = "DEBUG" if level == "TRACE" else level
        # getLevelName gives the number of a name; getLevelNamesMapping is not in Python 3.10.
        self.level = level if isinstance(logging.getLevelName(level), int) else None
        """For the root logger; None leaves it as it is."""
        self._formatter = JsonFormatter() if self._is_json else TextFormatter()
        self.handler = LambdaLogHandler(write, self._formatter)

    def report(
        self,
        error_type: str,
        message: str,
        trace: Sequence[str],
        *,
        request_id: str,
        epoch_s: float,
    ) -> None:
        """Write what ended an invocation, or the import of the handler's module.

        `trace` has one text for each frame; `request_id` is empty where there is no invocation.
        """
        if self._is_json:
            moment = logging.makeLogRecord({"created": epoch_s})
            document = {
                "timestamp": self._formatter.formatTime(moment, f"{_SECOND}Z"),
                "level": "ERROR",
                "errorMessage": message,
                "errorType": error_type,
                "requestId": request_id,
                "stackTrace": list(trace),
            }
            self._write(_encode_json(document))
        else:
            self._write(_format_error(error_type, message, trace))


def _format_error(error_type: str, message: str, trace: Sequence[str]) -> str:
    head = f"[ERROR] {error_type}: {message}" if message else f"[ERROR] {error_type}"
    lines = [_indent(line) for frame in trace for line in frame.splitlines() or [""]]
    return "\n".join([head, "Traceback (most recent call last):", *lines])


def _indent(line: str) -> str:
    """Return a line whose leading spaces are of the kind that no log viewer takes away."""
    text = line.lstrip(" ")
    return _NO_BREAK_SPACE * (len(line) - len(text)) + text
