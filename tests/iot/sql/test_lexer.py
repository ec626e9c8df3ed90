"""The lexer: every token knows its place, and the tokens are the whole statement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import SqlSyntaxError
from bellwire.iot.sql.lexer import Token, tokenize


def test_tokens_have_kind_text_and_place() -> None:
    assert tokenize("a>= 1.5e3 'it''s' @v") == [
        Token("word", "a", 0, 1),
        Token("symbol", ">=", 1, 2),
        Token("number", "1.5e3", 4, 5),
        Token("string", "it's", 10, 7),
        Token("variable", "v", 18, 2),
        Token("end", "", 20, 1),
    ]


def test_a_topic_filter_without_quotes_is_one_token() -> None:
    assert tokenize("FROM a/+/b-c/# WHERE x")[1:3] == [
        Token("string", "a/+/b-c/#", 5, 9),
        Token("word", "WHERE", 15, 5),
    ]


@pytest.mark.parametrize(
    ("sql", "position", "length"),
    [
        ("a 'b", 2, 2),
        ('a "b c', 2, 4),
        ("a ;", 2, 1),
        ("a /* b */", 2, 2),
        ("a\n# b", 2, 2),
        ("a '\ud800'", 3, 1),
    ],
)
def test_what_is_no_token_is_refused_at_its_place(sql: str, position: int, length: int) -> None:
    with pytest.raises(SqlSyntaxError) as refused:
        tokenize(sql)
    assert (refused.value.position, refused.value.length) == (position, length)


@given(st.lists(st.sampled_from(["a", "1.5", "'x y'", "<=", "(", "@v", " ", "\n"])).map(" ".join))
def test_the_tokens_are_the_whole_statement(sql: str) -> None:
    *tokens, end = tokenize(sql)
    written = [sql[token.position : token.position + token.length] for token in tokens]
    assert "".join(written).replace(" ", "") == "".join(sql.split())
    assert end == Token("end", "", len(sql), 1)
