"""Whole documents compared, with a few words on what differs."""

from __future__ import annotations

import re
import time
from typing import Any


class Like:
    """Equals every text that the pattern matches whole."""

    def __init__(self, pattern: str, name: str) -> None:
        self._pattern = re.compile(pattern)
        self._name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.fullmatch(other) is not None

    def __hash__(self) -> int:
        return hash(self._pattern)

    def __repr__(self) -> str:
        return self._name


class Now:
    """Equals the time of about now, as epoch milliseconds."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and abs(time.time() * 1000 - other) < 60_000

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "milliseconds of now"


AN_ID = Like(r"[A-Za-z0-9_-]{15}=", "an id of 16 characters")
A_TIME = Like(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", "a time as in CLF")
A_TRACE_ID = Like(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", "a trace id")
AN_ISO_TIME = Like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "an ISO time with milliseconds")
ANYTHING = Like(r"(?s).*", "any text")
NOW_MS = Now()


def expect_error_frame(frame: str, message: str) -> None:
    """Raise AssertionError where a frame is not the gateway's error frame, byte for byte."""
    shape = _ID.sub("…", frame)
    expected = f'{{"message": "{message}", "connectionId":"…", "requestId":"…"}}'
    expect(shape, expected, "the frame")


_ID = re.compile(r"(?<=Id\":\")[A-Za-z0-9_-]{15}=(?=\")")


def expect(actual: object, expected: object, what: str) -> None:
    """Raise AssertionError, saying what differs, where the two are not equal."""
    if actual != expected or type(actual) is bool is not type(expected):
        raise AssertionError(f"{what}: {'; '.join(_differences(actual, expected))}")


def _differences(actual: Any, expected: Any, path: str = "") -> list[str]:
    if not isinstance(actual, dict) or not isinstance(expected, dict):
        place = f"`{path}` " if path else ""
        return [f"{place}{_clipped(actual)} instead of {_clipped(expected)}"]
    found = [f"no `{path}{key}`" for key in expected if key not in actual]
    found += [f"an additional `{path}{key}`" for key in actual if key not in expected]
    for key, value in expected.items():
        if key in actual and actual[key] != value:
            found += _differences(
                actual[key],
                value,
                f"{path}{key}." if _both_maps(actual[key], value) else f"{path}{key}",
            )
    return found


def _both_maps(one: object, other: object) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)


def _clipped(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
