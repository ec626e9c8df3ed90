"""What Lambda's Python runtime writes; each format beside awslambdaric's own."""

from __future__ import annotations

import copy
import json
import logging
import time
from typing import Any

import pytest
from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_log_utils import JsonFormatter as TheirFormatter

from bellwire.functions.records import FORMAT, LEVEL, JsonFormatter, RuntimeLog


ID = "6f747c00-191b-4aae-a82a-d4b28f3d1a1b"
JSON = {FORMAT: "JSON", LEVEL: "INFO"}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the worker has it."""
    monkeypatch.setattr(logging.Formatter, "converter", time.gmtime)


class Written(list[str]):
    """The messages of a runtime, and a logger that goes to it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.log = RuntimeLog(self.append, environment)
        self.log.handler.request_id = ID
        self.logger = logging.Logger("shop.orders")
        self.logger.addHandler(self.log.handler)

    def objects(self) -> list[Any]:
        return [json.loads(text) for text in self]


def failure() -> BaseException:
    try:
        raise KeyError("k")
    except KeyError as error:
        return error


def record(message: object, *args: object, **more: Any) -> logging.LogRecord:
    made = logging.Logger("shop.orders").makeRecord(
        more.pop("name", "shop.orders"),
        more.pop("level", logging.INFO),
        "/var/task/orders.py",
        12,
        message,
        args,
        more.pop("exc_info", None),
        func="handler",
        extra=more,
    )
    made.aws_request_id = ID
    made.tenant_id = getattr(made, "tenant_id", None)
    return made


def with_error() -> logging.LogRecord:
    error = failure()
    return record("no", level=40, exc_info=(type(error), error, error.__traceback__))


@pytest.mark.parametrize(
    "given",
    [
        record("got %s", "a"),
        record({"a": 1}),
        record({"a": 1}, level=logging.INFO + 7),
        record("100%", level=7),
        record("loud", level=90),
        record("é\nü", none=None, kind=object, logger="not mine"),
        record("x", tenant_id="blue"),
        record("x", taskName="Task-1"),
        record(""),
        with_error(),
    ],
    ids=lambda given: given.getMessage()[:8],
)
def test_a_json_record_is_as_that_of_awslambdaric(given: logging.LogRecord) -> None:
    ours = JsonFormatter().format(copy.copy(given))
    assert f"{ours}\n" == TheirFormatter().format(copy.copy(given))


def test_a_record_leaves_its_level_as_it_was() -> None:
    given = record("x", level=27)
    JsonFormatter().format(given)
    assert (given.levelno, given.levelname) == (27, "Level 27")


def test_json_has_what_the_call_gave() -> None:
    written = Written(JSON)
    written.logger.warning("order %d", 7, extra={"shop": "blue", "seen": {1}})
    (entry,) = written.objects()
    assert list(entry) == [
        "timestamp",
        "level",
        "message",
        "logger",
        "requestId",
        "shop",
        "seen",
    ]
    assert time.strptime(entry.pop("timestamp"), "%Y-%m-%dT%H:%M:%SZ")
    assert entry == {
        "level": "WARNING",
        "message": "order 7",
        "logger": "shop.orders",
        "requestId": ID,
        "shop": "blue",
        "seen": "{1}",
    }


def test_json_tells_of_an_exception() -> None:
    written = Written(JSON)
    try:
        raise KeyError("k")
    except KeyError:
        written.logger.exception("no")
    (entry,) = written.objects()
    assert (entry["errorType"], entry["errorMessage"]) == ("KeyError", "'k'")
    assert 'raise KeyError("k")' in entry["stackTrace"][0]
    file, function, _ = entry["location"].rsplit(":", 2)
    assert (file, function) == (__file__, "test_json_tells_of_an_exception")


def test_exc_info_where_there_is_no_exception_is_nothing() -> None:
    written = Written(JSON)
    written.logger.exception("no")
    (entry,) = written.objects()
    assert "errorType" not in entry


def test_text_has_level_time_and_request_id() -> None:
    written = Written({FORMAT: "Text"})
    written.logger.info("a\nb")
    level, at, request_id, message = written[0].split("\t")
    assert (level, request_id, message) == ("[INFO]", ID, "a\nb")
    assert time.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ")


def test_formats_of_a_handler_may_name_the_request() -> None:
    written = Written({})
    written.log.handler.setFormatter(logging.Formatter("%(aws_request_id)s %(message)s"))
    written.logger.info("hi")
    assert written == [f"{ID} hi"]


@pytest.mark.parametrize("environment", [{}, JSON])
def test_a_record_that_cannot_be_formatted_fails_who_logs_it(environment: dict[str, str]) -> None:
    written = Written(environment)
    with pytest.raises(TypeError, match="a real number is required"):
        written.logger.info("%d", "no number")
    assert written == []


@pytest.mark.parametrize(
    ("environment", "level"),
    [
        ({}, None),
        ({FORMAT: "JSON", LEVEL: "INFO"}, "INFO"),
        ({FORMAT: "JSON", LEVEL: "TRACE"}, "DEBUG"),
        ({FORMAT: "JSON", LEVEL: "fatal"}, "FATAL"),
        ({LEVEL: "WARN"}, "WARN"),
        ({LEVEL: "LOUD"}, None),
    ],
)
def test_the_level_is_that_of_the_environment(
    environment: dict[str, str], level: str | None
) -> None:
    assert RuntimeLog(print, environment).level == level


@pytest.mark.parametrize(
    ("error_type", "message", "trace"),
    [
        ("ValueError", "no", ["  File 'h', line 3\n    f()\n", "  File 'g'\n"]),
        ("Runtime.HandlerNotFound", "Handler 'f' missing", []),
        ("Runtime.MarshalError", "", []),
        ("ValueError", "two\nlines", [""]),
    ],
)
def test_an_error_is_told_as_by_awslambdaric(
    error_type: str, message: str, trace: list[str]
) -> None:
    theirs: list[str] = []

    class Sink:
        def log_error(self, lines: list[str]) -> None:
            theirs.append("\n".join(lines))

    bootstrap.log_error(bootstrap.make_error(message, error_type, trace, ID), Sink())
    written = Written({})
    written.log.report(error_type, message, trace, request_id=ID, epoch_s=0.0)
    assert list(written) == theirs


def test_an_error_in_json_is_one_object() -> None:
    written = Written(JSON)
    written.log.report("ValueError", "no", ["  File 'h'\n"], request_id=ID, epoch_s=1.5)
    assert written == [
        '{"timestamp": "1970-01-01T00:00:01Z", "level": "ERROR", "errorMessage": "no", '
        f'"errorType": "ValueError", "requestId": "{ID}", "stackTrace": ["  File \'h\'\\n"]}}'
    ]
