"""The last of an invocation's log, for callers that ask for it with `LogType: Tail`.

docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager


class Tail:
    """The last lines of one invocation, at most `limit` bytes of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._text = bytearray()

    def add(self, line: str) -> None:
        """Take a further line."""
        self._text += line.encode("utf-8", "replace") + b"\n"
        if len(self._text) > 2 * self._limit:
            del self._text[: -self._limit]

    def encoded(self) -> str:
        """Return the text in base64; it starts with a whole character."""
        text = bytes(self._text[-self._limit :])
        while text and text[0] & 0xC0 == 0x80:
            text = text[1:]
        return b64encode(text).decode()


class Tails:
    """The invocations whose log somebody waits for."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tails: dict[str, Tail] = {}

    @contextmanager
    def follow(self, request_id: str) -> Iterator[Tail]:
        """Collect the lines of an invocation while the block runs."""
        tail = self._tails[request_id] = Tail(self._limit)
        try:
            yield tail
        finally:
            del self._tails[request_id]

    def has(self, request_id: str) -> bool:
        """Tell whether somebody waits for the lines of an invocation."""
        return request_id in self._tails

    def add(self, request_id: str | None, line: str) -> None:
        """Take a line of any invocation."""
        if request_id in self._tails:
            self._tails[request_id].add(line)
