"""The printer: what it prints parses to the same tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import SqlSyntaxError
from bellwire.iot.sql.nodes import Statement
from bellwire.iot.sql.parser import parse_expression, parse_statement
from bellwire.iot.sql.printer import print_node, print_statement
from tests.sql_cases import Case


ATOMS = ["a", "value", "in", "set", "*", "1", "2.50", "1e30", "'it''s'", "NULL", "TRUE", "@v"]
OPERATORS = ["OR", "AND", "=", "<>", "<", ">=", "IN", "+", "-", "*", "/", "%"]
EXPRESSIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map("({0[0]}) {0[1]} ({0[2]})".format),
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(" ".join),
        inner.map("NOT {}".format),
        inner.map("- {}".format),
        inner.map("({}).b".format),
        inner.map("({0})[{0}]".format),
        inner.map("[{0}, {{'k''': {0}}}]".format),
        inner.map("cast({} AS Int)".format),
        inner.map("f({0}, {0})".format),
        inner.map("CASE ({0}) WHEN {0} THEN {0} ELSE {0} END".format),
        inner.map("(SELECT VALUE ({0}) FROM ({0}) AS x WHERE {0})".format),
        inner.map("EXISTS(SELECT ({0}) AS a.b, * FROM ({0}))".format),
    ),
    max_leaves=6,
)


def parsed(sql: str) -> Statement | None:
    try:
        return parse_statement(sql)
    except SqlSyntaxError:
        return None


def assert_same(sql: str) -> None:
    statement = parsed(sql)
    if statement is not None:
        assert parsed(print_statement(statement)) == statement, print_statement(statement)


def test_every_case_is_printed_as_the_same(case: Case) -> None:
    assert_same(case.sql)


@given(EXPRESSIONS)
def test_every_expression_is_printed_as_the_same(text: str) -> None:
    assert_same(f"SELECT {text}, b FROM 't/#' WHERE {text}")
    assert_same(f"SET @v = {text} SELECT VALUE ({text}) FROM 't''s'")


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("((a))", "a"),
        ("(a+b)*c - d", "(a + b) * c - d"),
        ("a - (b - c)", "a - (b - c)"),
        ("not (a=1) and (b or c)", "NOT a = 1 AND (b OR c)"),
        ("(not a) = 1", "(NOT a) = 1"),
        ("-(a + 1)", "- (a + 1)"),
        ('"it\'s"', "'it''s'"),
        (
            "get((select value v from e where n='x'),0).v",
            "get((SELECT VALUE v FROM e WHERE n = 'x'), 0).v",
        ),
        ("case a when 1 then 2 end.b", "(CASE a WHEN 1 THEN 2 END).b"),
    ],
)
def test_parentheses_only_where_they_matter(written: str, printed: str) -> None:
    assert print_node(parse_expression(written)) == printed
