"""The lines that Lambda itself writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bellwire.definition.model import Logging
from bellwire.functions.reports import InitReport, PlatformLog, Report, billed_ms, is_news


ID = "6f747c00-191b-4aae-a82a-d4b28f3d1a1b"
TRACE = "1-6346078b-191b4aaea82ad4b28f3d1a1b"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-Notify"
NOW_MS = 1_665_533_835_007
MEGABYTE = 1024 * 1024

REPORT = Report("Notify", ID, NOW_MS, 0.00123, None, 31 * MEGABYTE, 128, "success", None, False)
INIT = InitReport(0.12045, "init", "on-demand", "success", None)


def text_log() -> PlatformLog:
    return PlatformLog(Logging(), function_name="shop-dev-Notify", function_arn=ARN)


def json_log(level: str = "INFO") -> PlatformLog:
    logging = Logging("JSON", "INFO", level)
    return PlatformLog(logging, function_name="shop-dev-Notify", function_arn=ARN)


def events(lines: tuple[str, ...]) -> list[Any]:
    return [json.loads(line) for line in lines]


def kinds(lines: tuple[str, ...]) -> list[str]:
    return [event["type"] for event in events(lines)]


class TestText:
    def test_an_invocation_starts_and_ends(self) -> None:
        log = text_log()
        assert log.start(ID, TRACE, NOW_MS) == (f"START RequestId: {ID} Version: $LATEST",)
        assert log.report(REPORT) == (
            f"END RequestId: {ID}",
            f"REPORT RequestId: {ID}\tDuration: 1.23 ms\tBilled Duration: 2 ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 31 MB\t",
        )

    def test_the_first_invocation_tells_what_the_start_took(self) -> None:
        report = REPORT._replace(duration_s=0.00237, init_s=0.42398, memory_mb=1024)
        assert text_log().report(report)[1] == (
            f"REPORT RequestId: {ID}\tDuration: 2.37 ms\tBilled Duration: 427 ms\t"
            "Memory Size: 1024 MB\tMax Memory Used: 31 MB\tInit Duration: 423.98 ms\t"
        )

    def test_memory_is_left_out_where_it_is_not_known(self) -> None:
        line = text_log().report(REPORT._replace(memory_bytes=None))[1]
        assert line.endswith("Memory Size: 128 MB\t")

    def test_memory_is_rounded_up(self) -> None:
        line = text_log().report(REPORT._replace(memory_bytes=31 * MEGABYTE + 1))[1]
        assert "Max Memory Used: 32 MB" in line

    @pytest.mark.parametrize(
        ("status", "error_type", "end"),
        [
            ("timeout", "Sandbox.Timedout", "31 MB\tStatus: timeout"),
            ("error", "Runtime.ExitError", "31 MB\tStatus: error\tError Type: Runtime.ExitError"),
            ("error", "ValueError", "31 MB\t"),
            ("error", None, "31 MB\t"),
        ],
    )
    def test_a_failure_of_the_environment_is_told(
        self, status: Any, error_type: str | None, end: str
    ) -> None:
        report = REPORT._replace(status=status, error_type=error_type)
        assert text_log().report(report)[1].endswith(f"Max Memory Used: {end}")

    def test_a_start_that_failed_has_a_line(self) -> None:
        report = INIT._replace(status="error", error_type="Runtime.ImportModuleError")
        assert text_log().init(report, NOW_MS) == (
            "INIT_REPORT Init Duration: 120.45 ms\tPhase: init\tStatus: error\t"
            "Error Type: Runtime.ImportModuleError",
        )

    def test_a_start_that_took_too_long_has_a_line(self) -> None:
        report = INIT._replace(duration_s=10.0, status="timeout")
        assert text_log().init(report, NOW_MS) == (
            "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout",
        )

    def test_of_good_starts_only_those_of_provisioned_concurrency_have_a_line(self) -> None:
        provisioned = INIT._replace(initialization_type="provisioned-concurrency")
        assert text_log().init(INIT, NOW_MS) == ()
        assert text_log().init(provisioned, NOW_MS) == (
            "INIT_REPORT Init Duration: 120.45 ms\tPhase: init\t",
        )
        assert text_log().init_start("on-demand", NOW_MS) == ()


class TestJson:
    def test_an_invocation_starts(self) -> None:
        assert events(json_log().start(ID, TRACE, NOW_MS)) == [
            {
                "time": "2022-10-12T00:17:15.007Z",
                "type": "platform.start",
                "record": {
                    "requestId": ID,
                    "functionArn": ARN,
                    "version": "$LATEST",
                    "tracing": {"type": "X-Amzn-Trace-Id", "value": f"Root={TRACE}"},
                },
            }
        ]

    def test_an_invocation_ends(self) -> None:
        report = REPORT._replace(duration_s=1.23396, init_s=0.463512)
        (line,) = json_log().report(report)
        assert line == (
            '{"time":"2022-10-12T00:17:16.241Z","type":"platform.report","record":'
            f'{{"requestId":"{ID}","metrics":{{"durationMs":1233.96,"billedDurationMs":1698,'
            '"memorySizeMB":128,"maxMemoryUsedMB":31,"initDurationMs":463.512},'
            f'"tracing":{{"type":"X-Amzn-Trace-Id","value":"Root={TRACE}"}},"status":"success"}}}}'
        )

    def test_what_is_not_known_is_left_out(self) -> None:
        report = REPORT._replace(memory_bytes=None)
        (event,) = events(json_log().report(report))
        assert event["record"] == {
            "requestId": ID,
            "metrics": {"durationMs": 1.23, "billedDurationMs": 2, "memorySizeMB": 128},
            "tracing": {"type": "X-Amzn-Trace-Id", "value": f"Root={TRACE}"},
            "status": "success",
        }

    def test_a_failure_has_its_type(self) -> None:
        report = REPORT._replace(status="error", error_type='Odd"Error')
        assert [event["record"]["errorType"] for event in events(json_log().report(report))] == [
            'Odd"Error',
            'Odd"Error',
        ]

    def test_the_start_of_an_environment(self) -> None:
        log = json_log("DEBUG")
        assert events(log.init_start("on-demand", NOW_MS))[0]["record"] == {
            "initializationType": "on-demand",
            "phase": "init",
            "functionName": "shop-dev-Notify",
            "functionVersion": "$LATEST",
        }
        done, report = events(log.init(INIT, NOW_MS))
        assert done["record"] == {
            "initializationType": "on-demand",
            "phase": "init",
            "status": "success",
        }
        assert report["record"] == {**done["record"], "metrics": {"durationMs": 120.45}}


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("DEBUG", ["initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report"]),
        ("INFO", ["start", "report"]),
        ("WARN", []),
    ],
)
def test_a_good_invocation_by_system_level(level: str, written: list[str]) -> None:
    log = json_log(level)
    lines = (
        *log.init_start("on-demand", NOW_MS),
        *log.init(INIT, NOW_MS),
        *log.start(ID, TRACE, NOW_MS),
        *log.report(REPORT),
    )
    assert kinds(lines) == [f"platform.{name}" for name in written]


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("DEBUG", ["initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report"]),
        ("INFO", ["initRuntimeDone", "initReport", "start", "runtimeDone", "report"]),
        ("WARN", ["initRuntimeDone", "initReport", "runtimeDone", "report"]),
    ],
)
def test_a_failure_by_system_level(level: str, written: list[str]) -> None:
    log = json_log(level)
    lines = (
        *log.init_start("on-demand", NOW_MS),
        *log.init(INIT._replace(status="error", error_type="Runtime.ExitError"), NOW_MS),
        *log.start(ID, TRACE, NOW_MS),
        *log.report(REPORT._replace(status="timeout")),
    )
    assert kinds(lines) == [f"platform.{name}" for name in written]


@pytest.mark.parametrize(("level", "written"), [("INFO", 1), ("WARN", 0)])
def test_a_provisioned_start_is_told_at_info(level: str, written: int) -> None:
    provisioned = INIT._replace(initialization_type="provisioned-concurrency")
    assert len(json_log(level).init(provisioned, NOW_MS)) == written


@pytest.mark.parametrize(
    ("duration_s", "init_s", "billed"),
    [
        (0.0, None, 0),
        (0.003, None, 3),
        (0.003001, None, 4),
        (0.00001, None, 1),
        (600.0, 0.47675, 600_477),
    ],
)
def test_billed_milliseconds(duration_s: float, init_s: float | None, billed: int) -> None:
    assert billed_ms(duration_s, init_s) == billed


FAILURE = REPORT._replace(status="error", error_type="Runtime.ExitError")
TIMEOUT = REPORT._replace(status="timeout")


@pytest.mark.parametrize("log", [text_log(), json_log("DEBUG")])
def test_the_report_says_that_it_started_where_nothing_did(log: PlatformLog) -> None:
    report = REPORT._replace(says_start=True)
    start = log.start(ID, TRACE, NOW_MS)
    assert log.report(report) == (*start, *log.report(REPORT))
    assert len(start) == 1


def test_the_trace_is_that_of_the_start() -> None:
    assert REPORT.trace_id == TRACE


def test_news_are_cold_starts_and_failures() -> None:
    log = json_log("DEBUG")
    quiet = (
        *log.init_start("on-demand", NOW_MS),
        *log.init(INIT, NOW_MS),
        *log.start(ID, TRACE, NOW_MS),
        *log.report(REPORT),
        *text_log().start(ID, TRACE, NOW_MS),
    )
    assert [line for line in quiet if is_news(line)] == []
    assert not REPORT.is_news
    failed = INIT._replace(status="error", error_type="Runtime.ExitError")
    assert list(map(is_news, log.init(failed, NOW_MS))) == [False, True]  # of two that say the same
    assert list(map(is_news, text_log().init(failed, NOW_MS))) == [True]
    for report in (REPORT._replace(init_s=0.08), FAILURE, TIMEOUT):
        assert [is_news(line) for line in log.report(report)] == [False, True]
        assert report.is_news
    assert not REPORT._replace(status="error", error_type="ValueError").is_news  # its own lines say


def test_every_other_line_of_the_platform_is_news() -> None:
    assert is_news("2026-01-01T00:00:00.000Z id Task timed out after 3.00 seconds")
