from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bellwire.bus.filters import Copies, holds, matches, outermost, overlap


LEVELS = some.sampled_from(["a", "b", "+", ""])
TOPICS = some.lists(some.sampled_from(["a", "b", "$c", ""]), min_size=1, max_size=4).map("/".join)


@some.composite
def filters(draw: some.DrawFn) -> str:
    levels = draw(some.lists(LEVELS, min_size=1, max_size=3))
    return "/".join([*levels, "#"] if draw(some.booleans()) else levels)


@pytest.mark.parametrize(
    ("wanted", "subscribed"),
    [
        (["a/b", "a/+", "a/#"], ["a/#"]),
        (["a/+/c", "a/b/+"], ["a/+/c", "a/b/+"]),
        (["#", "$aws/rules/x"], ["#", "$aws/rules/x"]),
        (["a", "a/#"], ["a", "a/#"]),  # on AWS the second does not match `a`
        (["+/#", "#", "x"], ["#"]),
        (["a/b", "a/b"], ["a/b"]),
    ],
)
def test_a_filter_that_another_one_holds_is_not_subscribed_to(
    wanted: list[str], subscribed: list[str]
) -> None:
    assert outermost(wanted) == subscribed


@settings(deadline=None)
@given(filters(), filters(), TOPICS)
def test_what_holds_and_what_overlaps_agrees_with_what_matches(
    one: str, other: str, topic: str
) -> None:
    if holds(one, other) and matches(other, topic):
        assert matches(one, topic)
    if matches(one, topic) and matches(other, topic):
        assert overlap(one, other)
        assert overlap(other, one)


@settings(deadline=None)
@given(some.sets(filters(), max_size=5), TOPICS)
def test_the_outermost_filters_match_what_all_do(wanted: set[str], topic: str) -> None:
    assert any(matches(each, topic) for each in outermost(wanted)) == any(
        matches(each, topic) for each in wanted
    )


@settings(deadline=None)
@given(some.sets(filters(), min_size=1, max_size=5), TOPICS)
def test_of_all_copies_of_a_message_exactly_one_is_taken(wanted: set[str], topic: str) -> None:
    numbers = {text: number for number, text in enumerate(sorted(wanted), start=1)}
    copies = Copies()
    copies.replace(numbers)
    brought = [number for text, number in numbers.items() if matches(text, topic)]
    taken = [number for number in brought if not copies.is_copy(topic, (number,))]
    assert len(taken) == bool(brought)
    if brought:  # a broker may also send it once, with all identifiers
        assert not copies.is_copy(topic, brought)


def test_a_message_of_a_subscription_that_is_not_known_is_no_copy() -> None:
    copies = Copies()
    assert not copies.is_copy("a/b", ())
    copies.replace({"a/+": 3, "+/b": 4})
    assert copies.is_copy("a/b", (4,))
    assert not copies.is_copy("a/b", (9,)), "of before a change"
    copies.replace({"+/b": 4})
    assert not copies.is_copy("a/b", (4,))
