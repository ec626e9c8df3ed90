"""The parser: what it takes, what it refuses, and that it never fails in another way."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import SqlSyntaxError
from bellwire.iot.sql.lexer import SQL_BYTES, tokenize
from bellwire.iot.sql.nodes import (
    Array,
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Name,
    Selection,
    Star,
    Unary,
)
from bellwire.iot.sql.parser import parse_statement


KEYWORDS = "SELECT VALUE FROM WHERE AND OR NOT CASE WHEN THEN ELSE END AS IN EXISTS SET CAST"
OTHERS = "a b topic ( ) [ ] { } , . : * + - / % = <> < > <= >= @v 'x/y' \"q\" 1 2.5 NULL TRUE"
WORDS = st.sampled_from(f"{KEYWORDS} {OTHERS}".split())


def where(text: str) -> object:
    return parse_statement(f"SELECT * FROM 't' WHERE {text}").where


def test_precedence() -> None:
    a, b, c = Name(0, "a"), Name(0, "b"), Name(0, "c")
    assert where("a OR b AND c") == Binary(0, "OR", a, Binary(0, "AND", b, c))
    assert where("NOT a = b AND c") == Binary(0, "AND", Unary(0, "NOT", Binary(0, "=", a, b)), c)
    assert where("a - b - c") == Binary(0, "-", Binary(0, "-", a, b), c)
    assert where("-a.b * c") == Binary(0, "*", Unary(0, "-", Member(0, a, "b")), c)
    assert where("a != b") == Binary(0, "<>", a, b)


def test_words_are_names_where_no_keyword_fits() -> None:
    assert parse_statement("SELECT value FROM 't'").selection.items[0].expression == Name(
        0, "value"
    )
    assert parse_statement("SELECT VALUE value FROM 't'").selection == Selection(
        (), Name(0, "value")
    )
    assert where("case = 1") == Binary(0, "=", Name(0, "case"), Literal(0, 1))


@pytest.mark.parametrize(
    "after", ["=", "<>", "!=", "<", "<=", ">", ">=", "+", "/", "%", "AND", "OR", "IN"]
)
def test_value_is_a_name_before_an_operator(after: str) -> None:
    operator = "<>" if after == "!=" else after
    expression = parse_statement(f"SELECT value {after} a FROM 't'").selection.items[0].expression
    assert expression == Binary(0, operator, Name(0, "value"), Name(0, "a"))


@pytest.mark.parametrize("factor", ["2", "'2'", "a", "@a", "(a)"])
def test_value_is_a_name_before_a_star_that_multiplies(factor: str) -> None:
    item = parse_statement(f"SELECT value * {factor} AS x FROM 't'").selection.items[0]
    assert isinstance(item.expression, Binary)
    assert (item.expression.operator, item.expression.left) == ("*", Name(0, "value"))


@pytest.mark.parametrize("rest", ["", ".a", " = 1"])
def test_value_is_a_keyword_before_a_star_that_is_the_message(rest: str) -> None:
    for after in (" FROM 't'", " WHERE TRUE"):
        selection = parse_statement(f"SELECT VALUE *{rest}{after}").selection
        assert (selection.items, selection.value is None) == ((), False)


def test_value_is_a_keyword_before_an_array_apart() -> None:
    whole = parse_statement("SELECT VALUE [a] FROM 't'").selection
    element = parse_statement("SELECT value[a] FROM 't'").selection.items[0].expression
    assert whole == Selection((), Array(0, (Name(0, "a"),)))
    assert element == Index(0, Name(0, "value"), Name(0, "a"))


@pytest.mark.parametrize("number", ["9" * 5000, "1e1000", "1e" + "9" * 30])
def test_a_number_beyond_aws_is_refused(number: str) -> None:
    with pytest.raises(SqlSyntaxError, match="larger than") as refused:
        parse_statement(f"SELECT {number} FROM 't'")
    assert (refused.value.position, refused.value.length) == (7, len(number))


def test_a_long_number_keeps_34_digits() -> None:
    assert where("1" * 34) == Literal(0, int("1" * 34))
    assert where("1" * 36) == Literal(0, Decimal("1" * 34 + "00"))
    assert where("1e-2000") == Literal(0, Decimal(0))


@pytest.mark.parametrize("sql", ["SELECT * FROM 'a/#'", 'SELECT * FROM "a/#"', "SELECT * FROM a/#"])
def test_the_topic_filter_may_be_quoted_or_not(sql: str) -> None:
    assert parse_statement(sql).source == "a/#"


def test_quotes_are_escaped_by_doubling() -> None:
    assert where('\'it\'\'s\' = "say ""x"""') == Binary(
        0, "=", Literal(0, "it's"), Literal(0, 'say "x"')
    )


def test_a_function_name_keeps_its_spelling_for_errors() -> None:
    assert where("IsUndefined(*)") == Call(0, "IsUndefined", (Star(0),))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 10_000 + "a" + ")" * 10_000 + " FROM 't'",
        "SELECT " + "NOT " * 10_000 + "a FROM 't'",
        "SELECT " + "- " * 10_000 + "a FROM 't'",
        "SELECT a" + ".a" * 10_000 + " FROM 't'",
        "SELECT 1" + "+1" * 10_000 + " FROM 't'",
        "SELECT " + "[" * 10_000 + " FROM 't'",
        "SELECT " + "f(" * 10_000 + " FROM 't'",
        "SELECT " + "CASE " * 10_000 + " FROM 't'",
        "SELECT " + "(SELECT a FROM " * 10_000 + " FROM 't'",
        "SELECT " + "(" * 40 + "a" + ("+1" * 20 + ")") * 40 + " FROM 't'",
    ],
    ids=[
        *("parentheses", "not", "minus", "members", "sum", "arrays", "calls", "case", "queries"),
        "sums in parentheses",
    ],
)
def test_nesting_is_bounded(sql: str) -> None:
    with pytest.raises(SqlSyntaxError):
        parse_statement(sql)


def test_length_is_bounded() -> None:
    with pytest.raises(SqlSyntaxError, match=f"at most {SQL_BYTES} bytes"):
        tokenize("SELECT " + "a," * SQL_BYTES)


def position_of_error(sql: str) -> int:
    """Return where a statement is refused; 0 where it is not."""
    try:
        parse_statement(sql)
    except SqlSyntaxError as error:
        return error.position
    return 0


@given(st.text(max_size=80))
def test_any_text_parses_or_is_refused_at_a_place_in_it(text: str) -> None:
    assert 0 <= position_of_error(text) <= len(text)


@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_any_row_of_words_parses_or_is_refused(text: str) -> None:
    for sql in (text, f"SELECT {text} FROM 't'"):
        assert 0 <= position_of_error(sql) <= len(sql)
