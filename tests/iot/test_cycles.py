"""Which rules certainly feed one another."""

from __future__ import annotations

import pytest

from bellwire.definition.model import RepublishAction, TemplateText, TopicRule
from bellwire.errors import Place
from bellwire.iot.cycles import find_cycles
from bellwire.iot.rules import Rule, compile_rule


PLACE = Place("serverless.yml", 1, 1)


def rule(name: str, sql: str, *topics: str, enabled: bool = True) -> Rule:
    actions = tuple(
        RepublishAction(TemplateText(topic, PLACE), TemplateText("0", PLACE), PLACE)
        for topic in topics
    )
    return compile_rule(TopicRule(name, sql, "2016-03-23", actions, None, enabled, "", PLACE))


@pytest.mark.parametrize(
    ("taken", "topic", "is_loop"),
    [
        ("a", "a", True),
        ("a/+", "a/b", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a/x/${n}", True),
        ("a/#", "a/${n}", True),
        ("a/+", "a/${n}", False),
        ("#", "${n}", False),
        ("a/+", "${topic()}", True),
        ("$aws/things/+/shadow/update", "$$aws/things/x/shadow/update", True),
        ("#", "$$aws/things/x/shadow/update", False),
        ("a", "b", False),
    ],
)
def test_a_rule_that_feeds_itself(taken: str, topic: str, is_loop: bool) -> None:
    found = find_cycles([rule("r", f"SELECT * FROM '{taken}'", topic)])
    assert found == ((("r",),) if is_loop else ())


def test_rules_in_a_circle_are_named_once_in_the_order_of_the_file() -> None:
    first = rule("first", "SELECT * FROM 'a'", "b")
    second = rule("second", "SELECT * FROM 'b'", "c", "elsewhere")
    third = rule("third", "SELECT * FROM 'c'", "a")
    beside = rule("beside", "SELECT * FROM 'elsewhere'", "b")
    assert find_cycles([first, second, third]) == (("first", "second", "third"),)
    assert find_cycles([first, second, third, beside]) == (
        ("first", "second", "third"),
        ("second", "beside"),
    )


def test_a_where_may_end_it_and_so_does_a_rule_that_is_off() -> None:
    assert find_cycles([rule("r", "SELECT * FROM 'a' WHERE n < 3", "a")]) == ()
    assert find_cycles([rule("r", "SELECT * FROM 'a'", "a", enabled=False)]) == ()
    assert find_cycles([rule("r", "SELECT *", "a")]) == ()
