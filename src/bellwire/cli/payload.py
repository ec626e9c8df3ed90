"""A payload as a person reads it: JSON on one line, text without control characters, else hex."""

from __future__ import annotations

import json
import re

from bellwire.cli.log_format import readable


_BYTES = 32
"""Bytes of what is no text that are shown."""
_SPACES = re.compile(r'("(?:[^"\\]|\\.)*")|\s*([,:])\s*|\s+')


def shown(payload: bytes) -> str:
    """Return a payload on one line; JSON as it came, its digits and names untouched."""
    if not payload:
        return "(empty)"
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return _hex(payload)
    if is_json(text):
        text = _SPACES.sub(_tidy, text.strip())
    elif "\0" in text:
        return _hex(payload)
    text = text.replace("\x1b", "\\x1b")  # not even colours, which a log may have
    return readable(text).replace("\n    ", "\\n")


def is_json(text: str) -> bool:
    """Tell whether a text is a JSON document."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _tidy(match: re.Match[str]) -> str:
    string, mark = match.groups()
    return string or (f"{mark} " if mark else "")


def _hex(payload: bytes) -> str:
    more = " …" if len(payload) > _BYTES else ""
    return f"({len(payload)} bytes) {payload[:_BYTES].hex(' ')}{more}"
