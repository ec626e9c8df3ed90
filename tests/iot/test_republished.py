"""How a message that goes round is recognised."""

from __future__ import annotations

import pytest

from bellwire.iot.republished import Republished, RepublishLoopError, check_depth


def test_what_is_republished_is_known_by_topic_and_payload() -> None:
    known = Republished(most=10, age_s=60)
    known.note("a", b"1", ("r",), 0)
    assert known.trail("a", b"1", 1) == ("r",)
    assert known.trail("a", b"2", 1) == known.trail("b", b"1", 1) == ()
    known.note("a", b"1", ("r", "s"), 2)
    assert known.trail("a", b"1", 3) == ("r", "s")
    assert len(known) == 1


def test_it_is_forgotten_in_time_and_for_newer_ones() -> None:
    known = Republished(most=2, age_s=60)
    for number in range(3):
        known.note("a", b"%d" % number, ("r",), number)
    assert known.trail("a", b"0", 3) == ()
    assert known.trail("a", b"1", 61) == ("r",)
    assert known.trail("a", b"1", 61.1) == ()


def test_a_message_for_one_rule_is_known_by_the_topic_that_the_rule_sees() -> None:
    known = Republished(most=2, age_s=60)
    known.note("$aws/rules/other/a/b", b"1", ("r",), 0)
    assert known.trail("a/b", b"1", 0) == ("r",)


def test_the_ninth_time_is_refused() -> None:
    check_depth(("a", "b") * 3 + ("a",), "b")
    with pytest.raises(RepublishLoopError) as refused:
        check_depth(("a", "b") * 4, "a")
    assert refused.value.message.startswith(
        "a message was republished 8 times in a row, by the rules a → b → "
    )
