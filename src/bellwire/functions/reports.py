"""What Lambda itself writes to a function's log: where an invocation starts, ends, what it took.

    Text   START   END + REPORT       INIT_REPORT where an environment did not start
    JSON   platform.start   platform.report   and more at system level DEBUG

In Text a `Report` is passed on and kept as it is, a third as long as its lines, which are made when
somebody reads them.
docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote
from types import MappingProxyType
from typing import Literal, NamedTuple

from bellwire.definition.model import Logging
from bellwire.functions.context import trace_id


Status = Literal["success", "error", "timeout"]
"""How it ended. `error` is the function's: it raised, or its process ended. (AWS has `failure` too,
for faults of Lambda.)"""
InitializationType = Literal["on-demand", "provisioned-concurrency"]
Phase = Literal["init", "invoke"]

_LEVELS: Mapping[str, int] = MappingProxyType({"DEBUG": 10, "INFO": 20, "WARN": 30})
_VERSION = "$LATEST"


class Report(NamedTuple):
    """What one invocation took.

    `started_ms` is in epoch milliseconds. `init_s` is None but for the first invocation of an
    environment. `memory_bytes` is the most that the environment has used so far; None where the
    system does not tell. `says_start` is whether the log does not say yet that it started.
    """

    function: str
    request_id: str
    started_ms: int
    duration_s: float
    init_s: float | None
    memory_bytes: int | None
    memory_mb: int
    status: Status
    error_type: str | None
    says_start: bool

    @property
    def trace_id(self) -> str:
        """The root of its trace."""
        return trace_id(self.request_id, self.started_ms // 1000)

    @property
    def is_news(self) -> bool:
        """Whether it says more than that an invocation went well, as warm ones do."""
        return self.init_s is not None or _status_text(self.status, self.error_type) != ""


class InitReport(NamedTuple):
    """What the start of an environment took; `phase` is `invoke` where it is a second try."""

    duration_s: float
    phase: Phase
    initialization_type: InitializationType
    status: Status
    error_type: str | None


class PlatformLog:
    """The lines of one function, in its format; those below its system level are left out.

    Each method returns the lines to write, possibly none; `now_ms` is in epoch milliseconds.
    """

    __slots__ = ("_arn", "_level", "_name", "_version", "is_json")

    def __init__(self, logging: Logging, *, function_name: str, function_arn: str) -> None:
        self.is_json = logging.format == "JSON"
        self._level = _LEVELS[logging.system_level or "INFO"] if self.is_json else 0
        self._name = quote(function_name)
        self._arn = quote(function_arn)
        self._version = quote(_VERSION)

    def init_start(self, kind: InitializationType, now_ms: int) -> tuple[str, ...]:
        """Say that an environment starts.

        Only in JSON at DEBUG: elsewhere Lambda says it to name the version of its managed runtime,
        and there is none here.
        """
        if not self.is_json or self._level > _LEVELS["DEBUG"]:
            return ()
        record = (
            f'"initializationType":"{kind}","phase":"init",'
            f'"functionName":{self._name},"functionVersion":{self._version}'
        )
        return (_event(now_ms, "initStart", record),)

    def init(self, report: InitReport, now_ms: int) -> tuple[str, ...]:
        """Say what the start of an environment took: in Text where it failed or was provisioned."""
        level = _init_level(report)
        if not self.is_json:
            return (_init_text(report),) if level > _LEVELS["DEBUG"] else ()
        if level < self._level:
            return ()
        if report.status == "success" and self._level > _LEVELS["DEBUG"]:
            return (_init_json(report, now_ms),)
        return (_init_done_json(report, now_ms), _init_json(report, now_ms))

    def start(self, request_id: str, trace_id: str | None, now_ms: int) -> tuple[str, ...]:
        """Say that an invocation starts."""
        if not self.is_json:
            return (start_line(request_id),)
        if self._level > _LEVELS["INFO"]:
            return ()
        record = (
            f'"requestId":"{request_id}","functionArn":{self._arn},"version":{self._version}'
            f"{_tracing(trace_id)}"
        )
        return (_event(now_ms, "start", record),)

    def report(self, report: Report) -> tuple[str, ...]:
        """Say what an invocation took, and that it started, where that was not said."""
        if not self.is_json:
            return report_lines(report)
        ended_ms = report.started_ms + round(report.duration_s * 1000)
        start: tuple[str, ...] = ()
        if report.says_start:
            start = self.start(report.request_id, report.trace_id, report.started_ms)
        if report.status == "success":
            if self._level > _LEVELS["INFO"]:
                return start
            if self._level > _LEVELS["DEBUG"]:
                return (*start, _report_json(report, ended_ms))
        return (*start, _done_json(report, ended_ms), _report_json(report, ended_ms))


def start_line(request_id: str) -> str:
    """Return what says in Text that an invocation starts."""
    return f"START RequestId: {request_id} Version: {_VERSION}"


def report_lines(report: Report) -> tuple[str, ...]:
    """Return what a report says in Text."""
    end = (f"END RequestId: {report.request_id}", _report_text(report))
    return (start_line(report.request_id), *end) if report.says_start else end


def is_news(text: str) -> bool:
    """Tell whether such a line, in JSON or of an init, is worth showing to who runs the node."""
    if text.startswith("START "):
        return False
    if text.startswith('{"time":'):
        is_report = 'Report","record":{' in text or '"platform.report"' in text
        return is_report and ('"initDurationMs":' in text or '"status":"success"' not in text)
    return True


def billed_ms(duration_s: float, init_s: float | None) -> int:
    """Return the whole milliseconds that are billed: the start of the environment is among them.

    aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase
    """
    # By whole microseconds, so that 0.003 s is 3 ms and not 4 for the sake of its last bit.
    us = int((duration_s if init_s is None else duration_s + init_s) * 1e6 + 0.5)
    return -(-us // 1000)


def _report_text(report: Report) -> str:
    _, request_id, _, duration_s, init_s, memory_bytes, memory_mb, status, error_type, _ = report
    text = (
        f"REPORT RequestId: {request_id}\tDuration: {duration_s * 1000:.2f} ms\t"
        f"Billed Duration: {billed_ms(duration_s, init_s)} ms\t"
        f"{_memory_text(memory_mb, memory_bytes)}"
    )
    if init_s is not None:
        text += f"Init Duration: {init_s * 1000:.2f} ms\t"
    return text if status == "success" else text + _status_text(status, error_type)


@lru_cache(maxsize=256)
def _memory_text(size_mb: int, used_bytes: int | None) -> str:
    size = f"Memory Size: {size_mb} MB\t"
    return size if used_bytes is None else f"{size}Max Memory Used: {_megabytes(used_bytes)} MB\t"


def _status_text(status: Status, error_type: str | None) -> str:
    """Return what a REPORT adds for a failure.

    In Text Lambda tells those of the environment: a time-out, without a type, and the `Runtime`
    errors. What a handler raises is in the function's own lines only.
    """
    if status == "timeout":
        return "Status: timeout"
    if error_type is not None and error_type.startswith("Runtime."):
        return f"Status: error\tError Type: {error_type}"
    return ""


def _init_text(report: InitReport) -> str:
    text = f"INIT_REPORT Init Duration: {report.duration_s * 1000:.2f} ms\tPhase: {report.phase}\t"
    if report.status == "success":
        return text
    return text + _status_text(report.status, report.error_type)


def _report_json(report: Report, now_ms: int) -> str:
    _, request_id, _, duration_s, init_s, memory_bytes, memory_mb, status, error_type, _ = report
    init = "" if init_s is None else f',"initDurationMs":{_milliseconds(init_s)}'
    record = (
        f'"requestId":"{request_id}","metrics":{{"durationMs":{_milliseconds(duration_s)},'
        f'"billedDurationMs":{billed_ms(duration_s, init_s)},'
        f"{_memory_json(memory_mb, memory_bytes)}{init}}}{_tracing(report.trace_id)}"
        f"{_status_json(status, error_type)}"
    )
    return _event(now_ms, "report", record)


@lru_cache(maxsize=256)
def _memory_json(size_mb: int, used_bytes: int | None) -> str:
    size = f'"memorySizeMB":{size_mb}'
    return size if used_bytes is None else f'{size},"maxMemoryUsedMB":{_megabytes(used_bytes)}'


def _megabytes(used_bytes: int) -> int:
    return -(-used_bytes // (1024 * 1024))


def _done_json(report: Report, now_ms: int) -> str:
    record = (
        f'"requestId":"{report.request_id}"{_status_json(report.status, report.error_type)}'
        f'{_tracing(report.trace_id)},"metrics":{{"durationMs":{_milliseconds(report.duration_s)}}}'
    )
    return _event(now_ms, "runtimeDone", record)


def _init_done_json(report: InitReport, now_ms: int) -> str:
    return _event(now_ms, "initRuntimeDone", _init_record(report))


def _init_json(report: InitReport, now_ms: int) -> str:
    metrics = f',"metrics":{{"durationMs":{_milliseconds(report.duration_s)}}}'
    return _event(now_ms, "initReport", _init_record(report) + metrics)


def _init_record(report: InitReport) -> str:
    return (
        f'"initializationType":"{report.initialization_type}","phase":"{report.phase}"'
        f"{_status_json(report.status, report.error_type)}"
    )


def _init_level(report: InitReport) -> int:
    if report.status != "success":
        return _LEVELS["WARN"]
    return _LEVELS["DEBUG" if report.initialization_type == "on-demand" else "INFO"]


def _status_json(status: Status, error_type: str | None) -> str:
    text = f',"status":"{status}"'
    return f'{text},"errorType":{quote(error_type)}' if error_type else text


def _tracing(trace_id: str | None) -> str:
    if trace_id is None:
        return ""
    return f',"tracing":{{"type":"X-Amzn-Trace-Id","value":{quote(f"Root={trace_id}")}}}'


def _milliseconds(seconds: float) -> float:
    """Return milliseconds with three decimals, as Lambda's JSON has them."""
    return round(seconds * 1000, 3)


def _event(now_ms: int, name: str, record: str) -> str:
    return (
        f'{{"time":"{_second_text(now_ms // 1000)}.{now_ms % 1000:03d}Z",'
        f'"type":"platform.{name}","record":{{{record}}}}}'
    )


@lru_cache(maxsize=4)
def _second_text(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
