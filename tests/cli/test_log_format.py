"""The lines of `bellwire run`."""

from __future__ import annotations

import logging
import re

import pytest

from bellwire.cli.log_format import LineFormatter


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
