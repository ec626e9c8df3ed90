from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.functions.tail import Tail, Tails


def decoded(tail: Tail) -> str:
    return b64decode(tail.encoded()).decode()


def test_each_invocation_has_its_own_lines() -> None:
    tails = Tails(4096)
    with tails.follow("one") as one, tails.follow("two") as two:
        tails.add("one", "a")
        tails.add("two", "b")
        tails.add(None, "of the init")
        tails.add("three", "nobody asked")
        tails.add("one", "c")
        assert (decoded(one), decoded(two)) == ("a\nc\n", "b\n")


def test_nothing_is_kept_of_what_ended_in_an_error() -> None:
    tails = Tails(4096)
    with pytest.raises(ZeroDivisionError), tails.follow("one") as tail:
        raise ZeroDivisionError
    tails.add("one", "late")
    assert decoded(tail) == ""


@given(st.lists(st.text()), st.integers(4, 30))
def test_it_is_the_end_of_the_log_within_its_bound(lines: list[str], limit: int) -> None:
    tail = Tail(limit)
    for line in lines:
        tail.add(line)
    log = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    kept = b64decode(tail.encoded())
    assert log.endswith(kept)
    assert kept.decode("utf-8") is not None
    assert min(len(log), limit - 3) <= len(kept) <= limit


def test_a_lone_surrogate_does_no_harm() -> None:
    tail = Tail(100)
    tail.add("a\udc80b")
    assert decoded(tail) == "a?b\n"
