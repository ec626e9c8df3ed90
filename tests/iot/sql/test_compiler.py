"""The compiler: warnings for the author, and evaluation that never fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.definition.model import TopicRule
from bellwire.errors import BellwireError, Place
from bellwire.iot.actions import Unfit
from bellwire.iot.rules import Rule, compile_rule
from bellwire.iot.sql.scope import Message, World
from bellwire.origin import Origin


PLACE = Place("serverless.yml", 3, 14)
WORLD = World(lambda bits: 2 ** (bits - 1))
OPERATORS = ["+", "-", "*", "/", "%", "=", "<>", "<", ">=", "AND", "OR", "IN"]
EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b.c", "1", "2.5", "'x'", "NULL", "TRUE", "*", "missing", "topic()"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(
            lambda parts: "({} {} {})".format(*parts)
        ),
        inner.map(lambda text: f"NOT {text}"),
        inner.map(lambda text: f"get({text}, 0)"),
        inner.map(lambda text: f"upper({text})"),
        inner.map(lambda text: f"encode({text}, 'base64')"),
        inner.map(lambda text: f"cast({text} AS decimal)"),
        inner.map(lambda text: f"[{text}, {{'k': {text}}}]"),
        inner.map(lambda text: f"(SELECT VALUE {text} FROM b)"),
        st.tuples(inner, inner).map(lambda parts: "CASE {} WHEN {} THEN 1 END".format(*parts)),
    ),
    max_leaves=8,
)


def rule(sql: str, version: str = "2016-03-23") -> Rule:
    return compile_rule(TopicRule("r", sql, version, (), None, True, "", PLACE))


def test_warnings_of_what_aws_does_not_document() -> None:
    assert rule("SELECT a, topic(), b.c FROM 't'").warnings == ()
    assert rule("SELECT topic(2), a + 1 FROM 't'").warnings == (
        "topic(2) has no alias: here it becomes 'topic(2)', AWS does not say; add AS name",
        "a + 1 has no alias: here it becomes 'a + 1', AWS does not say; add AS name",
    )


def test_a_name_that_comes_twice_is_warned_about() -> None:
    twice = rule("SELECT a.x, b.x, 1 AS y.z, 2 AS y.z, *, * FROM 't'")
    assert twice.warnings == (
        "x is selected more than once: the last that is there wins",
        "y.z is selected more than once: the last that is there wins",
    )


def test_warnings_of_what_the_old_version_has_not() -> None:
    sql = "SELECT encode(*, 'base64') AS a, [1] AS b, isUndefined(c) AS c FROM 't'"
    assert rule(sql).warnings == ()
    assert rule(sql, "2015-10-08").warnings == (
        "encode(), array literals, isUndefined(): not in version 2015-10-08, which is AWS's "
        "default; set sqlVersion: '2016-03-23'",
    )


def test_whole_numbers_are_decimals_in_the_old_version_and_ints_in_the_new() -> None:
    sql = "SELECT cast(light AS double) AS newLight FROM 'test/test4'"
    message = Message("test/test4", b'{"light":5.0}', 0)
    assert rule(sql, "2015-10-08").evaluate(message, WORLD) == b'{"newLight":5.0}'
    assert rule(sql, "2016-03-23").evaluate(message, WORLD) == b'{"newLight":5}'


def test_types_of_casts_that_the_old_version_has_not() -> None:
    assert rule("SELECT cast(a AS Boolean) AS a FROM 't'", "2015-10-08").warnings == (
        "cast(… AS boolean): not in version 2015-10-08, which is AWS's default; set "
        "sqlVersion: '2016-03-23'",
    )


def test_the_highest_statement_evaluates() -> None:
    high = "a" + " OR FALSE" * 9
    for _ in range(20):
        high = f"({high})" + " AND a" * 2
    message = Message("t", b'{"a":true}', 0)
    assert rule(f"SELECT {high} AS x FROM 't'").evaluate(message, WORLD) == b'{"x":true}'
    row = "a" + " AND a" * 248
    assert rule(f"SELECT {row} AS x FROM 't'").evaluate(message, WORLD) == b'{"x":true}'
    deep = "(a AND " * 47 + "a" + ")" * 47
    assert rule(f"SELECT {deep} AS x FROM 't'").evaluate(message, WORLD) == b'{"x":true}'


def test_a_message_does_not_multiply_itself() -> None:
    growing = rule("SELECT replace(a, 'x', a) AS x, 1 AS one FROM 't'")
    assert (
        growing.evaluate(Message("t", b'{"a":"' + b"x" * 60_000 + b'"}', 0), WORLD) == b'{"one":1}'
    )
    assert growing.evaluate(Message("t", b'{"a":"xx"}', 0), WORLD) == b'{"x":"xxxx","one":1}'


def test_a_wrong_number_of_arguments_is_undefined_and_warned_about() -> None:
    wrong = rule("SELECT upper(a, b) AS x, timestamp(1) AS y, encode(a) AS z, 1 AS one FROM 't'")
    assert len(wrong.warnings) == 3
    assert wrong.evaluate(Message("t", b'{"a":"x"}', 0), WORLD) == b'{"one":1}'


def test_it_knows_whether_the_client_is_asked_for() -> None:
    assert rule("SELECT clientId() AS c FROM 't'").broker_functions == ("clientid()",)
    assert rule("SELECT topic() AS c FROM 't'").broker_functions == ()
    published = Message("t", b"{}", 0, Origin("dev-1"))
    known = rule("SELECT clientid() AS c FROM 't'").evaluate(published, WORLD)
    assert known == b'{"c":"dev-1"}'


def test_a_dotted_alias_does_not_change_the_message() -> None:
    changing = rule("SELECT a AS x, 1 AS x.new, a AS again FROM 't'")
    assert changing.evaluate(Message("t", b'{"a":{"b":2}}', 0), WORLD) == (
        b'{"x":{"b":2,"new":1},"again":{"b":2}}'
    )


def test_what_is_nested_too_deeply_is_unfit() -> None:
    deep = b'{"a":' + b"[" * 900 + b"]" * 900 + b',"b":' + b"[" * 900 + b"]" * 900 + b"}"
    message = Message("t", deep, 0)
    for sql in ("SELECT * FROM 't'", "SELECT a FROM 't'", "SELECT a FROM 't' WHERE a = b"):
        assert isinstance(rule(sql).evaluate(message, WORLD), Unfit)


@pytest.mark.parametrize("levels", [250, 300, 1000])
def test_what_is_nested_too_deeply_to_be_a_text_is_undefined(levels: int) -> None:
    message = Message("t", b'{"a":' + b"[" * levels + b"]" * levels + b"}", 0)
    for text in ("length(a)", "'x' + a", "encode(a, 'base64')", "cast(a AS String)"):
        expected = levels > 254
        event = rule(f"SELECT isUndefined({text}) AS x FROM 't'").evaluate(message, WORLD)
        assert event == b'{"x":%s}' % str(expected).lower().encode()


@given(EXPRESSIONS, st.binary(max_size=20) | st.sampled_from([
    b'{"a":1,"b":[{"c":"x"},{"c":2.5}]}', b'{"a":"7","b":{"c":[1,null]}}', b"[]", b"{}",
]))  # fmt: skip
def test_evaluation_never_fails(expression: str, payload: bytes) -> None:
    try:
        compiled = rule(f"SELECT {expression} AS x FROM 't' WHERE TRUE OR {expression}")
    except BellwireError:
        return  # nested too deeply, say
    assert isinstance(compiled.evaluate(Message("t/u", payload, 1), WORLD), bytes | Unfit)
