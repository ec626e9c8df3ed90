from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.functions import frames
from bellwire.functions.frames import (
    Call,
    Decoder,
    FrameError,
    decode_call,
    decode_outcome,
    encode,
    encode_call,
    encode_outcome,
)


STREAM = encode(frames.STDOUT, b"a\n") + encode(frames.READY, b"") + encode(frames.RESULT, b"{}")
FRAMES = [(frames.STDOUT, b"a\n"), (frames.READY, b""), (frames.RESULT, b"{}")]


def test_a_frame_is_kind_length_and_payload() -> None:
    assert encode(frames.RESULT, b"null") == b"\x04\x04\x00\x00\x00null"


def test_one_whole_frame_is_returned_at_once() -> None:
    assert Decoder(10).feed(encode(frames.ERROR, b"0123456789")) == [(frames.ERROR, b"0123456789")]


def test_many_frames_in_one_read() -> None:
    assert Decoder(10).feed(STREAM) == FRAMES


def test_a_stream_byte_by_byte_with_the_start_of_another_frame() -> None:
    decoder = Decoder(10)
    found = [frame for byte in STREAM for frame in decoder.feed(bytes([byte]))]
    assert found == FRAMES
    assert decoder.feed(b"\x04") == []
    assert decoder.feed(b"\x00\x00\x00\x00") == [(frames.RESULT, b"")]


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 30), min_size=1))
def test_frames_survive_any_division_of_their_bytes(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(encode(frames.STDERR, payload) for payload in payloads)
    decoder = Decoder(40)
    found: list[tuple[int, bytes]] = []
    turn = 0
    while stream:
        size = cuts[turn % len(cuts)]
        found += decoder.feed(stream[:size])
        stream = stream[size:]
        turn += 1
    assert found == [(frames.STDERR, payload) for payload in payloads]


@pytest.mark.parametrize("kind", [0, 9, 255])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    with pytest.raises(FrameError, match=f"no frame of kind {kind}"):
        Decoder(10).feed(encode(kind, b""))


def test_a_long_payload_is_refused_before_it_is_read() -> None:
    with pytest.raises(FrameError, match="a frame of 11 bytes, where 10 are allowed"):
        Decoder(10).feed(encode(frames.RESULT, b"01234567890")[:5])


def test_text_written_to_the_socket_is_no_frame() -> None:
    with pytest.raises(FrameError):
        Decoder(1_000_000).feed(b"hello, world\n")


def test_an_invocation_carries_all_that_belongs_to_it() -> None:
    call = Call("réq-1", 1_700_000_000, 1_700_000_006_123, b'{"client":{}}', b'{"a":1}')
    ((kind, payload),) = Decoder(100).feed(encode_call(*call))
    assert kind == frames.INVOKE
    assert decode_call(payload) == call


def test_an_outcome_carries_the_memory_used() -> None:
    ((kind, payload),) = Decoder(100).feed(encode_outcome(frames.RESULT, 14_000, b"null"))
    assert kind == frames.RESULT
    assert decode_outcome(payload) == (14_000, b"null")


def test_an_outcome_without_its_memory_is_none() -> None:
    with pytest.raises(FrameError, match="without its memory"):
        decode_outcome(b"abc")
