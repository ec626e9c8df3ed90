"""Topic filters, and the tree of them, against one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import BadRequestError
from bellwire.iot.topics import TopicFilter, TopicTree


LEVELS = st.sampled_from(["a", "b", "", "$aws"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = (
    st.tuples(st.lists(LEVELS | st.just("+"), min_size=1, max_size=4), st.sampled_from([[], ["#"]]))
    .map(lambda parts: "/".join(parts[0] + parts[1]))
    .filter(bool)
)


@pytest.mark.parametrize(
    ("text", "topic", "expected"),
    [
        ("sensor/#", "sensor/", True),
        ("sensor/#", "sensor/temp/room1", True),
        ("sensor/#", "sensor", False),
        ("sensor/+/room1", "sensor/temp/room1", True),
        ("sensor/+/room1", "sensor/temp/room2", False),
        ("sensor/+", "sensor/a/b", False),
        ("+", "a", True),
        ("#", "a/b", True),
        ("#", "$aws/events/presence/connected/x", False),
        ("+/events/#", "$aws/events/x", False),
        ("$aws/events/#", "$aws/events/x", True),
        ("a//b", "a//b", True),
        ("a/+/b", "a//b", True),
        ("Sensor/a", "sensor/a", False),
        ("*", "a", False),
    ],
)
def test_matching(text: str, topic: str, expected: bool) -> None:
    assert TopicFilter.parse(text).matches(topic) is expected


@pytest.mark.parametrize("text", ["", "a+", "a/b#", "#/a", "a/#/b", "+a/b"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        TopicFilter.parse(text)


@given(st.lists(FILTERS, max_size=12), TOPICS)
def test_the_tree_finds_what_the_filters_match(filters: list[str], topic: str) -> None:
    tree: TopicTree[int] = TopicTree()
    parsed = [TopicFilter.parse(text) for text in filters]
    for number, topic_filter in enumerate(parsed):
        tree.add(topic_filter, number)
    expected = [number for number, each in enumerate(parsed) if each.matches(topic)]
    assert sorted(tree.match(topic)) == expected
