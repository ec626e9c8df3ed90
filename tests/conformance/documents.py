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
    """Raise AssertionError where the two are not equal: in a few words, with more in a note."""
    if actual == expected and not (type(actual) is bool) ^ (type(expected) is bool):
        return
    if not isinstance(actual, dict) or not isinstance(expected, dict):
        raise AssertionError(f"{what}: {_shown(actual)}, not {_shown(expected)}")
    lacks, adds, others = _differences(actual, expected)
    kinds = (("lacks", lacks), ("adds", adds), ("has another", others))
    words = "; ".join(f"{kind} {_listed(paths)}" for kind, paths in kinds if paths)
    error = AssertionError(f"{what} {words}")
    error.add_note(f"{actual!r}\ninstead of\n{expected!r}")
    raise error


def _differences(
    actual: dict[str, Any], expected: dict[str, Any], path: str = ""
) -> tuple[list[str], list[str], list[str]]:
    lacks = [path + key for key in expected if key not in actual]
    adds = [path + key for key in actual if key not in expected]
    others: list[str] = []
    for key in expected:
        if key not in actual or actual[key] == expected[key]:
            continue
        if isinstance(actual[key], dict) and isinstance(expected[key], dict):
            below = _differences(actual[key], expected[key], f"{path}{key}.")
            for found, more in zip((lacks, adds, others), below, strict=True):
                found += more
        else:
            others.append(path + key)
    return lacks, adds, others


def _listed(paths: list[str]) -> str:
    shown = ", ".join(f"`{path}`" for path in paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Like):
        return repr(value)
    text = _UUID.sub("…", value if isinstance(value, str) else repr(value))
    if not text:
        return "an empty text"
    return f"`{text}`" if len(text) <= 60 else f"`{text[:59]}…`"


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
