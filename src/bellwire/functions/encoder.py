"""JSON as Lambda's Python runtime reads events and writes results.

docs.aws.amazon.com/lambda/latest/dg/python-handler.html
"""

from __future__ import annotations

import json
import re

from bellwire.functions.handler import HandlerFault


class ResultEncoder(json.JSONEncoder):
    """Writes what a handler returned.

    As on Lambda a Decimal is a number with all its digits, bytes inside the result are text, NaN is
    allowed, and a result that is itself bytes goes out unchanged. Unlike there, a named tuple
    is an array. `token` must not occur in any result: it marks the place of a Decimal, for which
    the standard library's encoder has no way.
    """

    def __init__(self, *, token: str) -> None:
        super().__init__(ensure_ascii=False)
        self._token = token
        self._marks = re.compile(f'"{re.escape(token)}([0-9]+)"')
        self._numbers: list[str] = []

    def encode_result(self, value: object) -> bytes:
        """Return the payload; raises HandlerFault where it cannot be written as JSON."""
        if isinstance(value, bytes):
            return value
        try:
            text = self.encode(value)
            if self._numbers:
                text = self._marks.sub(lambda mark: self._numbers[int(mark[1])], text)
            return text.encode()
        except Exception as error:  # a key, a value or the depth of it: any kind
            raise HandlerFault(
                "Runtime.MarshalError", f"Unable to marshal response: {error}"
            ) from None
        finally:
            self._numbers.clear()

    def default(self, o: object) -> object:
        """Write what JSON has no type for."""
        from decimal import Decimal  # only where a handler uses it: the start must be quick

        if isinstance(o, Decimal):
            self._numbers.append("NaN" if o.is_nan() else str(o))
            return f"{self._token}{len(self._numbers) - 1}"
        if isinstance(o, bytes):
            return o.decode()
        raise TypeError(f"Object of type {type(o).__name__} is not JSON serializable")


class EventDecoder:
    """Reads events. Holds its own decoder, so that a handler that patches `json` breaks nothing."""

    def __init__(self) -> None:
        self._decode = json.JSONDecoder().decode

    def decode_event(self, event: bytes) -> object:
        """Return the event; raises HandlerFault where it is not JSON."""
        try:
            return self._decode(event.decode())
        except (ValueError, RecursionError) as error:
            raise HandlerFault(
                "Runtime.UnmarshalError", f"Unable to unmarshal input: {error}"
            ) from None
