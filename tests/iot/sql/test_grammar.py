"""The parser beside a grammar: both take the same statements, and refuse the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from lark import Lark, Token
from lark.exceptions import UnexpectedInput
from lark.lexer import Lexer

from bellwire.errors import SqlSyntaxError
from bellwire.iot.sql import lexer
from bellwire.iot.sql.parser import parse_statement
from tests.sql_cases import Case


KEYWORDS = {
    *("SET", "SELECT", "VALUE", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "IN", "CASE", "WHEN"),
    *("THEN", "ELSE", "END", "CAST", "EXISTS", "TRUE", "FALSE", "NULL"),
}
MEANINGS = ("is set twice", "this number is larger")
"""What the parser refuses though the grammar has it."""
SYMBOLS = {
    ",": "COMMA",
    ".": "DOT",
    ":": "COLON",
    "=": "EQUAL",
    "<>": "UNEQUAL",
    "!=": "NOT_EQUAL",
    "<": "LESS",
    "<=": "AT_MOST",
    ">": "MORE",
    ">=": "AT_LEAST",
    "+": "PLUS",
    "-": "MINUS",
    "*": "STAR",
    "/": "SLASH",
    "%": "PERCENT",
    "(": "LPAR",
    ")": "RPAR",
    "[": "LSQB",
    "]": "RSQB",
    "{": "LBRACE",
    "}": "RBRACE",
}
AFTER_A_NAME = (".", ",", "=", ")", "AS", "FROM", "")


class Tokens(Lexer):
    """Bellwire's tokens, as lark's."""

    def __init__(self, configuration: object) -> None:
        pass

    def lex(self, data: str) -> Iterator[Token]:  # type: ignore[override] # lark gives a text
        tokens = lexer.tokenize(data)
        for token, following in pairwise(tokens):
            yield Token(kind(token, following), token.text)


def kind(token: lexer.Token, following: lexer.Token) -> str:
    """Return the name of a token in the grammar."""
    if token.kind == "symbol":
        return SYMBOLS.get(token.text, "OTHER")
    word = token.text.upper()
    if token.kind != "word" or word not in KEYWORDS:
        return token.kind.upper()
    is_name = following.kind in ("word", "symbol", "end") and following.text.upper() in AFTER_A_NAME
    return "WORD" if word == "CASE" and is_name else word


GRAMMAR = Lark(Path(__file__).with_name("grammar.lark").read_text(), parser="earley", lexer=Tokens)


def grammar_takes(sql: str) -> bool:
    try:
        GRAMMAR.parse(sql)
    except (UnexpectedInput, SqlSyntaxError):
        return False
    return True


def parser_takes(sql: str) -> bool:
    try:
        parse_statement(sql)
    except SqlSyntaxError as error:
        return any(meaning in error.message for meaning in MEANINGS)
    return True


def test_both_agree_on_every_case(case: Case) -> None:
    assert grammar_takes(case.sql) is parser_takes(case.sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, FROM 't'",
        "SELECT a FROM 't',",
        "SELECT a = b = c FROM 't'",
        "SELECT a = NOT b FROM 't'",
        "SELECT NOT NOT a AND b FROM 't'",
        "SELECT a AND (NOT b) IN c FROM 't'",
        "SELECT FROM ('t')",
        "SELECT a + NOT (b) FROM 't'",
        "SELECT case, case.a, case = 1 FROM 't'",
        "SELECT (case) + case FROM 't'",
        "SELECT a.select.from[where] FROM 't'",
        "SELECT a.select.from[1] AS where.as FROM 't'",
        "SELECT f(SELECT a, FROM b AS c WHERE d, e,) FROM 't'",
        "SELECT EXISTS ((SELECT a FROM b)) FROM 't'",
        "SELECT exists, cast FROM 't'",
        "SELECT {select: 1, 'b': 2,} FROM 't'",
        "SELECT [,] FROM 't'",
        "SELECT VALUE a, b FROM 't'",
        "SELECT a WHERE b",
        "SET @a = 1, @b = @a SELECT *",
        "SET @a = 1 @b = 2 SELECT *",
    ],
)
def test_both_agree(sql: str) -> None:
    assert grammar_takes(sql) is parser_takes(sql)


WORDS = st.sampled_from(
    [
        *sorted(KEYWORDS - {"VALUE"}),
        *("a", "b", "f", "1", "'x'", "@v", "VALUE a"),
        *(",", ".", ":", "=", "<", "+", "-", "*", "(", ")", "[", "]", "{", "}"),
    ]
)
EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "*", "1", "'x'", "in", "set", "cast", "NULL", "case"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["=", "IN", "+", "-", "*", "AND", "OR"]), inner).map(
            " ".join
        ),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"NOT {text}"),
        inner.map(lambda text: f"- {text}"),
        inner.map(lambda text: f"{text}.b[{text}]"),
        inner.map(lambda text: f"[{text}, {{'k': {text},}}]"),
        inner.map(lambda text: f"CASE {text} WHEN {text} THEN {text} END"),
        inner.map(lambda text: f"f(SELECT {text}, FROM {text} AS z WHERE {text})"),
        inner.map(lambda text: f"cast({text} AS int)"),
    ),
    max_leaves=5,
)


@settings(deadline=None)  # lark's Earley parser takes its time
@given(st.lists(WORDS, max_size=12).map(" ".join))
@example("a AS FROM")
def test_both_agree_on_rows_of_words(text: str) -> None:
    assume("AS FROM" not in text)
    for sql in (text, f"SELECT {text} FROM 't'", f"SELECT a FROM 't' WHERE {text}"):
        assert grammar_takes(sql) is parser_takes(sql), sql


@settings(deadline=None)
@given(EXPRESSIONS)
def test_both_agree_on_expressions(text: str) -> None:
    sql = f"SELECT {text} AS x FROM 't'"
    assert grammar_takes(sql) is parser_takes(sql), sql
