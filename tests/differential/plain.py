"""Texts without what differs from run to run, or between two processes that do the same."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator


_MASKS = [
    (re.compile(re.escape(sysconfig.get_path("purelib"))), "…"),
    (re.compile(re.escape(sys.base_prefix)), "…"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"), "TIME"),
    (re.compile(r"\[\d{13}\]"), "[MILLISECONDS]"),
    (re.compile(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}"), "LOG-STREAM"),
    (re.compile(r"Root=1-[0-9a-f]{8}-"), "Root=1-EPOCH-"),
    (re.compile(r" at 0x[0-9a-f]+"), " at ADDRESS"),
    (re.compile(r"\d+ MB of memory used"), "N MB of memory used"),
    (re.compile(r"repeated \d+ more times"), "repeated N more times"),
]
_RUNTIME_FRAME = re.compile(
    r'"  File \\"[^"]*(/awslambdaric/|/bellwire/functions/)[^"]*\\", line \d+, in ([^"\\]|\\.)*"'
)
"""In a document: a frame of the runtime, which is left there if it is the only one."""
_MASK = '"FRAME-OF-RUNTIME"'
_SEVERAL = re.compile(f"{_MASK}(, {_MASK})+")
_RUNTIME_LINE = re.compile(r'\s*File "[^"]*(/awslambdaric/|/bellwire/functions/|<frozen runpy>)')


def document(value: str) -> str:
    """Return a result or error document as `text` does, and the frame of a runtime masked."""
    return _SEVERAL.sub(_MASK, _RUNTIME_FRAME.sub(_MASK, text(value)))


def text(value: str) -> str:
    """Return a text with times, addresses and the like masked."""
    for pattern, name in _MASKS:
        value = pattern.sub(name, value)
    return value


def messages(written: Iterable[str]) -> Iterator[str]:
    """Yield messages masked, and without the frames of the runtime that called the handler."""
    is_runtime = False
    for message in map(text, written):
        kept = []
        for line in message.split("\n"):
            bare = line.removeprefix("  | ")  # of a group of exceptions
            if _RUNTIME_LINE.match(bare):
                is_runtime = True
            elif is_runtime and not bare.replace("\xa0", " ").startswith("    "):
                is_runtime = False
            if not is_runtime:
                kept.append(line)
        if kept:
            yield "\n".join(kept)
