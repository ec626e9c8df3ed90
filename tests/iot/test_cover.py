from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.cover import cover
from bellwire.iot.topics import TopicFilter


LEVELS = st.sampled_from(["a", "b", "c"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=5).map("/".join)
FILTERS = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(LEVELS | st.just("+"), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
) | st.just("#")


def covering(*filters: str, most: int = 8) -> tuple[str, ...]:
    return cover([TopicFilter.parse(each) for each in filters], most)


@pytest.mark.parametrize(
    ("filters", "most", "expected"),
    [
        ([], 8, ()),
        (["a/b", "c/+", "a/b"], 8, ("a/b", "c/+")),
        (["a", "a/#"], 8, ("a", "a/#")),
        (["a/b/c", "a/+/c", "a/#"], 8, ("a/#",)),
        (["a/+", "+/b"], 8, ("+/+",)),
        (["a/+", "+/b/#"], 8, ("+/b/#", "a/+")),
        (["devices/1/p", "devices/2/p", "devices/3/p"], 2, ("devices/+/p",)),
        (
            ["devices/1/p", "devices/2/p", "things/1/q", "things/2/q"],
            2,
            ("devices/+/p", "things/+/q"),
        ),
        (["a", "b", "c/d"], 1, ("#",)),
        (["a/b", "a/c/d", "a/e/f/#"], 1, ("a/#",)),
    ],
)
def test_examples(filters: list[str], most: int, expected: tuple[str, ...]) -> None:
    assert covering(*filters, most=most) == expected


@given(st.lists(FILTERS, max_size=12), st.integers(1, 6), TOPICS)
def test_no_topic_is_missed_and_none_comes_twice(filters: list[str], most: int, topic: str) -> None:
    found = [TopicFilter.parse(each) for each in covering(*filters, most=most)]
    assert len(found) <= most
    matching = sum(each.matches(topic) for each in found)
    assert matching <= 1
    if any(TopicFilter.parse(each).matches(topic) for each in filters):
        assert matching == 1


@given(st.lists(FILTERS, max_size=8))
def test_the_order_of_rules_changes_nothing(filters: list[str]) -> None:
    assert covering(*filters, most=3) == covering(*reversed(filters), most=3)


def test_ten_thousand_are_no_work() -> None:
    many = [f"site-{number % 50}/device-{number}/+" for number in range(10_000)]
    assert len(covering(*many, most=64)) <= 64
    assert len(covering(*many, *(f"x/{n}" for n in range(9)), most=8)) <= 8
    assert all(one != other for one, other in combinations(covering(*many), 2))
