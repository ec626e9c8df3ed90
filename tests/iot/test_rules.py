"""Rules: how errors are placed, and what a rule tells of itself."""

from __future__ import annotations

import pytest

from bellwire.definition.model import LambdaAction, TopicRule
from bellwire.errors import Place, SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.rules import compile_rule
from bellwire.iot.sql.scope import Message, World


PLACE = Place("serverless.yml", 3, 14)
WORLD = World(lambda bits: 2 ** (bits - 1))


def definition(sql: str) -> TopicRule:
    return TopicRule(
        "my_rule", sql, "2016-03-23", (LambdaAction("f", PLACE),), None, False, "", PLACE
    )


def test_a_rule_tells_what_the_node_needs() -> None:
    rule = compile_rule(definition("SELECT * FROM 'devices/+/parameters'"))
    assert (rule.name, rule.enabled) == ("my_rule", False)
    assert [str(action.described) for action in rule.actions] == ["LambdaAction f"]
    assert rule.topic_filter
    assert rule.topic_filter.text == "devices/+/parameters"


def test_a_syntax_error_knows_its_place_in_the_statement() -> None:
    with pytest.raises(SqlSyntaxError) as refused:
        compile_rule(definition("SELECT a FROM 'x' WHERE"))
    assert refused.value.position == len("SELECT a FROM 'x' WHERE")


def test_what_is_not_built_is_placed_at_the_statement() -> None:
    with pytest.raises(UnsupportedFeatureError) as refused:
        compile_rule(definition("SELECT get_dynamodb('t', 'k', 'v', 'role') AS p FROM 'x'"))
    assert str(refused.value).startswith(
        "serverless.yml:3:14: rule my_rule: the function get_dynamodb()"
    )


def test_the_message_is_the_event() -> None:
    rule = compile_rule(definition("SELECT * FROM 'x'"))
    assert rule.evaluate(Message("x", b'{ "b": 1, "a": [1.50, null] }', 0), WORLD) == (
        b'{"b":1,"a":[1.5,null]}'
    )
