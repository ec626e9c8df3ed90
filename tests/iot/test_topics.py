"""Topic filters, against a model made of regular expressions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import BadRequestError
from bellwire.iot.topics import TopicFilter, excess


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


def pattern(text: str) -> str:
    """Return the filter as a regular expression."""
    wild = {"+": "[^/]*", "#": ".*"}
    return "/".join(wild.get(level, re.escape(level)) for level in text.split("/"))


@given(FILTERS, TOPICS)
def test_a_filter_matches_what_its_pattern_does(text: str, topic: str) -> None:
    is_reserved = topic.startswith("$") and text[0] in "+#"
    expected = not is_reserved and re.fullmatch(pattern(text), topic) is not None
    assert TopicFilter.parse(text).matches(topic) is expected


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("a/b/c/d/e/f/g/h", None),
        ("a/b/c/d/e/f/g/h/i", "its topic has 9 levels, more than 8"),
        ("$aws/rules/r/a/b/c/d/e/f/g/h", None),
        ("$aws/rules/r/a/b/c/d/e/f/g/h/i", "its topic has 9 levels, more than 8"),
        ("$aws/things/t/shadow/name/s/update/accepted", None),
        ("x" * 256, None),
        ("x" * 257, "its topic has 257 bytes, more than 256"),
        ("ü" * 128, None),
        ("ü" * 129, "its topic has 258 bytes, more than 256"),
        ("$aws/rules/r/" + "x" * 256, None),
    ],
)
def test_a_topic_may_be_as_long_as_on_aws(topic: str, reason: str | None) -> None:
    assert excess(topic, most_bytes=256, most_levels=8) == reason
