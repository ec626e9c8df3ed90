from __future__ import annotations

import pytest

from bellwire.cli.payload import is_json, shown


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"", "(empty)"),
        (b"on", "on"),
        ("warm ü".encode(), "warm ü"),
        (b'{"a":1}', '{"a": 1}'),
        (b'{\n  "a" : 1.00,\n  "b c" :[ 1e400,2 ] }\n', '{"a": 1.00, "b c": [1e400, 2]}'),
        (b'{"a":"x , y:\\" z"}', '{"a": "x , y:\\" z"}'),
        (b'{"a": 1', '{"a": 1'),
        (b"two\nlines", "two\\nlines"),
        (b"\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        (b"\xff\x00\x01", "(3 bytes) ff 00 01"),
        (b"text\x00", "(5 bytes) 74 65 78 74 00"),
        (b"\xff" * 40, "(40 bytes) " + " ".join(["ff"] * 32) + " …"),
        (b"[" * 100_000, "[" * 100_000),
    ],
)
def test_a_payload_is_one_line_that_steers_no_terminal(payload: bytes, text: str) -> None:
    assert shown(payload) == text


def test_what_is_json() -> None:
    assert is_json("[1]")
    assert not is_json("on")
    assert not is_json("[" * 100_000)
