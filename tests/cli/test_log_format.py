"""The lines of `bellwire run`."""

from __future__ import annotations

import logging
import re

import pytest

from bellwire.cli.log_format import LineFormatter, readable


@pytest.mark.parametrize(
    ("request_id", "text", "line"),
    [
        ("6f747c00-191b-4aae-a82a-d4b28f3d1a1b", "hi", "notify 6f747c00 hi"),
        (None, "at init", "notify - at init"),
        ("6f747c00", "[ERROR] no\nTraceback", "notify 6f747c00 [ERROR] no\n    Traceback"),
    ],
)
def test_an_entry_of_a_function(request_id: str | None, text: str, line: str) -> None:
    record = logging.makeLogRecord({"msg": "%s", "args": (text,)})
    record.function, record.request_id = "notify", request_id
    at, rest = LineFormatter().format(record).split(" ", 1)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", at)
    assert rest == line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb é \u00a0 💡", "a\tb é \u00a0 💡"),
        ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x00\r\x7f\x9b", r"\x00\r\x7f\x9b"),
        ("a\u202eb\u2066 \u200fc", "a\\u202eb\\u2066 \u200fc"),
    ],
)
def test_what_steers_a_terminal_is_shown_and_not_done(text: str, shown: str) -> None:
    assert readable(text) == shown


def test_a_line_of_the_node_itself_steers_no_terminal_either() -> None:
    record = logging.makeLogRecord(
        {"name": "bellwire.http", "levelname": "ERROR", "msg": "a\x1b[2J\nb"}
    )
    _, line = LineFormatter().format(record).split(" ", 1)
    assert line == "ERROR bellwire.http: a\\x1b[2J\n    b"
