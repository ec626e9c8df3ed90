"""Lambda's rules for application levels."""

from __future__ import annotations

import pytest

from bellwire.definition.model import Logging
from bellwire.functions.levels import is_shown


@pytest.mark.parametrize(
    ("level", "text", "shown"),
    [
        ("INFO", '{"level": "DEBUG", "message": "m"}', False),
        ("INFO", '{"level":"info","message":"m"}', True),
        ("WARN", '{"message":"m","level":"WARNING"}', True),
        ("ERROR", '{"level":"WARN"}', False),
        ("FATAL", '{"level":"ERROR"}', False),
        ("FATAL", '{"level":"CRITICAL"}', True),
        ("TRACE", '{"level":"TRACE"}', True),
        ("DEBUG", '{"level":"TRACE"}', False),
        (None, '{"level":"DEBUG"}', False),
        ("INFO", "printed", True),
        ("WARN", "printed", False),
        ("WARN", '{"level":"NOTICE"}', False),
        ("WARN", '{"level":3}', False),
        ("WARN", '{"level":"ERROR"', False),
        ("WARN", '["level"]', False),
        ("WARN", '{"a":["level"],"b":"level"}', False),
        ("WARN", "", False),
        ("WARN", '{"level":' + "[" * 100_000, False),
    ],
)
def test_what_is_below_the_level_is_dropped(level: str | None, text: str, shown: bool) -> None:
    assert is_shown(text, Logging("JSON", level, "INFO")) is shown


def test_nothing_is_dropped_in_text() -> None:
    assert is_shown('{"level":"TRACE"}', Logging())
