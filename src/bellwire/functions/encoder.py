"""JSON as Lambda's Python runtime reads events and writes results.

docs.aws.amazon.com/lambda/latest/dg/python-handler.html
"""

from __future__ import annotations

import json
import marshal
import re
from types import CoroutineType

from bellwire.functions.documents import Encoder
from bellwire.functions.handler import HandlerFault


def escapes_text(execution_environment: str) -> bool:
    """Tell whether a runtime writes what is not ASCII as `\\u` escapes: up to Python 3.11.

    The argument is AWS_EXECUTION_ENV: `AWS_Lambda_python3.12`.
    """
    version = _VERSION.fullmatch(execution_environment)
    return version is not None and int(version[1]) < 12


_VERSION = re.compile(r"AWS_Lambda_python3\.(\d+)")


class ResultEncoder(Encoder):
    """Writes what a handler returned.

    As on Lambda a Decimal is a number with all its digits, a named tuple is an object, bytes inside
    the result are text, NaN is allowed, and a result that is itself bytes goes out unchanged.
    `token` must not occur in any result: it marks the place of a Decimal, for which the standard
    library's encoder has no way.
    """

    def __init__(self, *, token: str, escapes: bool = False) -> None:
        """Write text as it is, or with `escapes` as ASCII (see `escapes_text`)."""
        super().__init__(ensure_ascii=escapes)
        self._token = token
        self._marks = re.compile(f'"{re.escape(token)}([0-9]+)"')
        self._numbers: list[str] = []

    def encode_result(self, value: object) -> bytes:
        """Return the payload; raises HandlerFault where it cannot be written as JSON."""
        if isinstance(value, bytes):
            return value
        try:
            text = self._encode(value)
            if self._numbers:
                text = self._marks.sub(lambda mark: self._numbers[int(mark[1])], text)
            return text.encode()
        except Exception as error:  # a key, a value or the depth of it: any kind
            raise HandlerFault(
                "Runtime.MarshalError", f"Unable to marshal response: {error}"
            ) from None
        finally:
            self._numbers.clear()

    def _encode(self, value: object) -> str:
        try:  # the quickest way to see that all of it is of the plain types
            marshal.dumps(value)  # type: ignore[arg-type]
        except ValueError:
            return self.encode(_without_recursion_error(value))
        try:
            return self.encode(value)
        except TypeError:  # a key may be bytes
            return self.encode(_without_recursion_error(value))

    def default(self, o: object) -> object:
        """Write what JSON has no type for."""
        from decimal import Decimal  # only where a handler uses it: the start must be quick

        if isinstance(o, Decimal):
            self._numbers.append("NaN" if o.is_nan() else str(o))
            return f"{self._token}{len(self._numbers) - 1}"
        if isinstance(o, bytes):
            return o.decode()
        if isinstance(o, CoroutineType):
            o.close()  # else Python remarks in the log that nobody awaited it
        raise TypeError(f"Object of type {type(o).__name__} is not JSON serializable")


def _without_recursion_error(value: object) -> object:
    """Return what `_simplified` does; a circle as it is, for the encoder to name."""
    try:
        return _simplified(value)
    except RecursionError:
        return value


def _simplified(value: object) -> object:
    """Return the same with named tuples as dicts, and keys that are bytes as text."""
    as_dict = getattr(value, "_asdict", None)
    if callable(as_dict):
        value = as_dict()
    if isinstance(value, dict):
        return {_key(key): _simplified(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_simplified(item) for item in value]
    return value


def _key(key: object) -> object:
    if isinstance(key, bytes):
        return key.decode()
    if key is None or isinstance(key, str | int | float):
        return key
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


class Decoder(json.JSONDecoder):
    """The decoder of `json` with its methods as they are now: a handler may patch them."""

    decode = json.JSONDecoder.decode
    raw_decode = json.JSONDecoder.raw_decode


class EventDecoder:
    """Reads events. Holds its own decoder, so that a handler that patches `json` breaks nothing."""

    def __init__(self) -> None:
        self._decode = Decoder().decode

    def decode_event(self, event: bytes) -> object:
        """Return the event; raises HandlerFault where it is not JSON."""
        try:
            return self._decode(event.decode())
        except (ValueError, RecursionError) as error:
            raise HandlerFault(
                "Runtime.UnmarshalError", f"Unable to unmarshal input: {error}"
            ) from None
