from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from decimal import Decimal
from typing import NamedTuple

import pytest

from bellwire.functions.encoder import EventDecoder, ResultEncoder, escapes_text
from bellwire.functions.handler import HandlerFault


class Point(NamedTuple):
    x: int
    y: object


@pytest.fixture
def encoder() -> ResultEncoder:
    return ResultEncoder(token="mark-")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({"statusCode": 200, "body": 'é"'}, '{"statusCode": 200, "body": "é\\""}'),
        ([1, 2.5, True, (3,)], "[1, 2.5, true, [3]]"),
        ({1: "a", None: "b"}, '{"1": "a", "null": "b"}'),
        (Decimal("1.10"), "1.10"),
        ({"a": [Decimal("1E+400"), Decimal(7)]}, '{"a": [1E+400, 7]}'),
        (Decimal("NaN"), "NaN"),
        (float("inf"), "Infinity"),
        ({"a": "é".encode()}, '{"a": "é"}'),
        ("mark-", '"mark-"'),
        (Point(1, (Point(2, 3),)), '{"x": 1, "y": [{"x": 2, "y": 3}]}'),
        ({"d": Decimal(1), "p": [Point(1, 2)]}, '{"d": 1, "p": [{"x": 1, "y": 2}]}'),
        ({"é".encode(): {1: {b"": 2}}}, '{"é": {"1": {"": 2}}}'),
    ],
)
def test_results_are_written_as_lambda_writes_them(
    encoder: ResultEncoder, value: object, text: str
) -> None:
    assert encoder.encode_result(value) == text.encode()


def test_bytes_are_passed_on_as_they_are(encoder: ResultEncoder) -> None:
    assert encoder.encode_result(b"\xff\x00") == b"\xff\x00"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1, 2}, "Object of type set is not JSON serializable"),
        ({"a": object()}, "Object of type object is not JSON serializable"),
        ({(1,): 2}, "keys must be str, int, float, bool or None, not tuple"),
        ([b"\xff"], "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ({Decimal(1): 2}, "keys must be str, int, float, bool or None, not Decimal"),
        ("\ud800", "'utf-8' codec can't encode character '\\ud800'"),
    ],
)
def test_what_is_not_json_is_a_marshal_error(
    encoder: ResultEncoder, value: object, message: str
) -> None:
    with pytest.raises(HandlerFault) as caught:
        encoder.encode_result(value)
    assert caught.value.error_type == "Runtime.MarshalError"
    assert caught.value.message.startswith(f"Unable to marshal response: {message}")
    assert caught.value.trace == ()


def test_the_result_of_an_async_handler_is_a_marshal_error(encoder: ResultEncoder) -> None:
    work = asyncio.sleep(0)  # closed by the encoder: else a warning would fail this test
    with pytest.raises(HandlerFault, match="Object of type coroutine is not JSON serializable"):
        encoder.encode_result({"work": work})
    del work
    gc.collect()


def test_text_is_escaped_for_runtimes_that_do_so() -> None:
    encoder = ResultEncoder(token="mark-", escapes=True)
    assert encoder.encode_result(["ä\ud800", Decimal("1.0")]) == b'["\\u00e4\\ud800", 1.0]'
    runtimes = ["AWS_Lambda_python3.9", "AWS_Lambda_python3.11", "AWS_Lambda_python3.12", "", "x"]
    assert [escapes_text(runtime) for runtime in runtimes] == [True, True, False, False, False]


def test_a_circle_of_other_types_is_still_named(encoder: ResultEncoder) -> None:
    ring: list[object] = [Counter("a")]
    ring.append(ring)
    with pytest.raises(HandlerFault, match="Circular reference detected"):
        encoder.encode_result(ring)


def test_a_circle_and_a_depth_without_end_are_marshal_errors(encoder: ResultEncoder) -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(HandlerFault, match="Circular reference detected"):
        encoder.encode_result(circle)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(HandlerFault, match="maximum recursion depth exceeded"):
        encoder.encode_result(deep)
    while deep:  # taken apart by hand: the interpreter would recurse
        deep = deep.pop()  # type: ignore[assignment]


def test_a_failed_result_leaves_no_number_behind(encoder: ResultEncoder) -> None:
    with pytest.raises(HandlerFault):
        encoder.encode_result([Decimal(1), object()])
    assert encoder.encode_result([Decimal(2)]) == b"[2]"


def test_events_are_read() -> None:
    assert EventDecoder().decode_event('{"a": "é"}'.encode()) == {"a": "é"}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_an_event_that_is_not_json_is_an_unmarshal_error(event: bytes, message: str) -> None:
    with pytest.raises(HandlerFault) as caught:
        EventDecoder().decode_event(event)
    assert caught.value.error_type == "Runtime.UnmarshalError"
    assert caught.value.message == f"Unable to unmarshal input: {message}"


def test_a_handler_that_replaces_json_loads_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoder, encoder = EventDecoder(), ResultEncoder(token="t")
    monkeypatch.setattr(json, "loads", None)
    monkeypatch.setattr(json, "dumps", None)
    monkeypatch.setattr(json.JSONEncoder, "default", lambda self, o: "patched")
    for name in ("encode", "iterencode"):
        monkeypatch.setattr(json.JSONEncoder, name, None)
    for name in ("decode", "raw_decode"):
        monkeypatch.setattr(json.JSONDecoder, name, None)
    assert decoder.decode_event(b"[1]") == [1]
    with pytest.raises(HandlerFault):
        encoder.encode_result(object())
