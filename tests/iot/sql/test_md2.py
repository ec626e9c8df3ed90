"""MD2: the test suite of RFC 1319, and any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.sql.md2 import md2


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("", "8350e5a3e24c153df2275c9f80692773"),
        ("a", "32ec01ec4a6dac72c0ab96fb34c0b5d1"),
        ("abc", "da853b0d3f88d99b30283a69e6ded6bb"),
        ("message digest", "ab4f496bfb2a530b219ff33031fe06b0"),
        ("abcdefghijklmnopqrstuvwxyz", "4e8ddff3650292ab5a4108c3aa47940b"),
        ("1234567890" * 8, "d5976f79d83d3a0dc9806c3c66f3efd8"),
    ],
)
def test_the_suite_of_the_rfc(text: str, digest: str) -> None:
    assert md2(text.encode()) == digest


@given(st.binary(max_size=100))
def test_any_bytes_have_a_digest_of_their_own(data: bytes) -> None:
    assert len(md2(data)) == 32
    assert md2(data) != md2(data + b"\0")
