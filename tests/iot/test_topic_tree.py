from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.topic_tree import TopicTree
from bellwire.iot.topics import TopicFilter


LEVELS = st.sampled_from(["a", "b", "$a", "", "x.y"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=5).map("/".join)
FILTERS = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(LEVELS | st.just("+"), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
).filter(bool) | st.just("#")


def tree(*filters: str) -> TopicTree[str]:
    return TopicTree((TopicFilter.parse(each), each) for each in filters)


@given(st.lists(FILTERS, max_size=8), TOPICS)
def test_it_finds_what_each_filter_by_itself_matches(filters: list[str], topic: str) -> None:
    expected = [each for each in filters if TopicFilter.parse(each).matches(topic)]
    assert sorted(tree(*filters).match(topic)) == sorted(expected)


def test_several_may_have_one_filter() -> None:
    entries = [(TopicFilter.parse("a/+"), number) for number in range(3)]
    assert TopicTree(entries).match("a/b") == [0, 1, 2]


def test_a_topic_of_very_many_levels_is_no_danger() -> None:
    assert sorted(tree("a/+/#", "#", "b").match("a/" * 30_000)) == ["#", "a/+/#"]
