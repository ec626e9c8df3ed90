"""Functions that ask a service: a shell evaluates, answers, evaluates again."""

from __future__ import annotations

from bellwire.definition.model import TopicRule
from bellwire.errors import Place
from bellwire.iot.actions import Unfit
from bellwire.iot.rules import Rule, compile_rule
from bellwire.iot.sql.questions import Answers, UnansweredError
from bellwire.iot.sql.scope import Message, Question, World
from bellwire.iot.sql.values import UNDEFINED


def rule(sql: str) -> Rule:
    definition = TopicRule(
        "r", sql, "2016-03-23", (), None, True, "", Place("serverless.yml", 1, 1)
    )
    return compile_rule(definition, ["get_thing_shadow", "aws_lambda"])


def answered(
    rule: Rule, payload: bytes, services: dict[str, object]
) -> tuple[object, list[Question]]:
    answers = Answers()
    asked: list[Question] = []
    while True:
        try:
            world = World(lambda bits: 0, ask=answers)
            return rule.evaluate(Message("t", payload, 0), world), asked
        except UnansweredError as missing:
            asked.append(missing.question)
            answers.give(missing.question, services[missing.question.function])


def test_each_question_is_asked_once_and_its_answer_used() -> None:
    two = rule(
        "SELECT get_thing_shadow(thing, 'role').on AS a, aws_lambda('f', *).b AS b, "
        "get_thing_shadow(thing, 'role').on AS c FROM 't'"
    )
    services = {"get_thing_shadow": {"on": True}, "aws_lambda": {"b": [1]}}
    event, asked = answered(two, b'{"thing":"x"}', services)
    assert event == b'{"a":true,"b":[1],"c":true}'
    assert asked == [
        Question("get_thing_shadow", b'["x","role"]'),
        Question("aws_lambda", b'["f",{"thing":"x"}]'),
    ]


def test_what_where_decides_without_is_not_asked() -> None:
    lazy = rule("SELECT * FROM 't' WHERE on = TRUE AND get_thing_shadow('x', 'role').a = 1")
    assert answered(lazy, b'{"on":false}', {}) == (None, [])


def test_no_answer_is_undefined() -> None:
    none = rule("SELECT VALUE aws_lambda('f', *) FROM 't'")
    event, asked = answered(none, b"{}", {"aws_lambda": UNDEFINED})
    assert isinstance(event, Unfit)
    assert len(asked) == 1
