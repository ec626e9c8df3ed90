"""A statement tried, and why it did what it did."""

from __future__ import annotations

import pytest

from bellwire.errors import SqlSyntaxError
from bellwire.iot.sql.explanation import Part
from bellwire.iot.sql.scope import Message, World
from bellwire.iot.sql.trial import Outcome, Trial, told
from bellwire.iot.sql.values import UNDEFINED


WORLD = World(lambda bits: 0)


def tried(sql: str, payload: bytes, *, explain: bool = False) -> Outcome:
    return Trial(sql, "2016-03-23").run(Message("t", payload, 0), WORLD, explain=explain)


def test_what_comes_out_is_json() -> None:
    assert tried("SELECT a FROM 't'", b'{"a":1}') == Outcome(b'{"a":1}', None)


@pytest.mark.parametrize(
    ("sql", "payload", "fires", "reason"),
    [
        ("SELECT a FROM 't' WHERE a > 1", b'{"a":1}', False, "WHERE does not hold: it is false"),
        ("SELECT a FROM 't' WHERE a > 1", b"{}", False, "WHERE does not hold: it is Undefined"),
        ("SELECT a FROM 't' WHERE a", b'{"a":"x"}', False, 'WHERE does not hold: it is "x"'),
        (
            "SELECT * FROM 't'",
            b"80",
            True,
            "the message is no JSON object or array: its bytes go on as they are",
        ),
        ("SELECT VALUE a FROM 't'", b"{}", True, "what SELECT VALUE asks for is Undefined"),
        (
            "SELECT *, 1 AS b FROM 't' WHERE a = a",
            b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
            True,
            "the message is nested too deeply for the statement",
        ),
    ],
)
def test_why_nothing_comes_out(sql: str, payload: bytes, fires: bool, reason: str) -> None:
    assert tried(sql, payload) == Outcome(None, reason, fires)


def test_where_is_explained_part_by_part() -> None:
    sql = "SELECT a FROM 't' WHERE (a > 1 OR isUndefined(b.c)) AND cast(d AS int) = 5"
    assert tried(sql, b'{"a":1,"d":"x"}', explain=True).where == (
        Part(0, "(a > 1 OR isUndefined(b.c)) AND cast(d AS int) = 5", UNDEFINED),
        Part(1, "a > 1 OR isUndefined(b.c)", True),
        Part(2, "a > 1", False),
        Part(3, "a", 1),
        Part(2, "isUndefined(b.c)", True),
        Part(3, "b.c", UNDEFINED),
        Part(4, "b", UNDEFINED),
        Part(1, "cast(d AS int) = 5", UNDEFINED),
        Part(2, "cast(d AS int)", UNDEFINED),
        Part(3, "d", "x"),
    )


def test_what_select_leaves_out_is_explained() -> None:
    outcome = tried(
        "SELECT a, upper(b) AS b FROM 't'",
        b'{"a":1}',
        explain=True,
    )
    assert outcome.undefined == (Part(0, "upper(b)", UNDEFINED), Part(1, "b", UNDEFINED))
    value = tried("SET @v = x SELECT VALUE @v FROM 't'", b"{}", explain=True)
    assert value.undefined == (Part(0, "@v", UNDEFINED),)


def test_a_statement_knows_its_topics() -> None:
    trial = Trial("SELECT * FROM 'a/+'", "2016-03-23")
    assert (trial.topic, trial.hears("a/b"), trial.hears("b")) == ("a/+", True, False)
    anywhere = Trial("SELECT *", "2016-03-23")
    assert (anywhere.topic, anywhere.hears("b")) == ("test/topic", True)


def test_a_topic_filter_that_is_none_is_placed() -> None:
    with pytest.raises(SqlSyntaxError) as refused:
        Trial("SELECT * FROM 'a/#/b'", "2016-03-23")
    assert (refused.value.position, refused.value.length) == (14, 7)


def test_values_are_told_short() -> None:
    assert [told(value) for value in (None, True, "a", 1.5, [1], UNDEFINED)] == [
        *("null", "true", '"a"', "1.5", "[1]", "Undefined"),
    ]
    assert told("x" * 100) == '"' + "x" * 59 + "…"
