from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bellwire.definition import Service, TextRun, TopicRule, sql_position
from bellwire.definition.document import parse_yaml
from bellwire.definition.nodes import MappingNode, Piece, ScalarNode, Source, Written
from bellwire.definition.source_text import Position, place_of, positions_of, runs_of
from bellwire.errors import Place


Load = Callable[..., Service]


def scalar(text: str) -> ScalarNode:
    """The value of the last key of a document."""
    root = parse_yaml(Source("f.yml", text))
    assert isinstance(root, MappingNode)
    node = list(root.entries.values())[-1].node
    assert isinstance(node, ScalarNode)
    return node


def found_words(text: str) -> list[str]:
    """Cut the words of a scalar out of its file, by the positions of their characters."""
    node = scalar(text)
    lines = text.replace("\r\n", "\n").split("\n")
    positions = positions_of(node)
    assert len(positions) == len(str(node.value))
    characters = [
        " " if char.isspace() else lines[line - 1][column - 1]
        for char, (line, column) in zip(str(node.value), positions, strict=True)
    ]
    return "".join(characters).split()


SQL = "SELECT a, b.c AS d FROM 'x/+/y' WHERE e > 3"


@pytest.mark.parametrize(
    "text",
    [
        f"sql: {SQL}\n",
        f'sql: "{SQL}"\n',
        f"# first\n\nsql: {SQL}  # last\n",
        f"sql: &anchor {SQL}\n",
        f'sql: !!str &anchor "{SQL}"\n',
        f"a: {{sql: x}}\nsql:   |\n    {SQL}\n",
        f"sql: |-\n  {SQL[:18]}\n     {SQL[18:]}\n",
        f"sql: |2+  # comment with | and >\n  {SQL}\n\n\n",
        f"sql: >-\n  {SQL[:18]}\n  {SQL[18:]}\n\n  AND f\n",
        f"sql: {SQL[:18]}\n   {SQL[18:]}\n",
        f'sql: "{SQL[:18]}\n   {SQL[18:]}"\n',
        f"sql: |\r\n  {SQL[:18]}\r\n  {SQL[18:]}\r\n",
        f"é😀: 1\nsql: 😀 é {SQL}\n",
        "a: |\n  one\n  two\nsql: one two\n",
    ],
)
def test_each_word_is_found_where_it_stands(text: str) -> None:
    assert found_words(text) == str(scalar(text).value).split()


def test_escapes_in_quotes_are_found_as_a_whole() -> None:
    node = scalar("a: 'it''s  x'\n")
    assert node.value == "it's  x"
    assert positions_of(node) == [Position(1, column) for column in (5, 6, 7, 9, 10, 11, 12)]

    node = scalar('a: "\\x41\\tb\\u0020\\"c\\\\\\\n   d\\n"\n')
    assert node.value == 'A\tb "c\\d\n'
    columns = dict(zip(str(node.value), positions_of(node), strict=True))
    assert columns["A"] == Position(1, 5)
    assert columns["b"] == Position(1, 11)
    assert columns['"'] == Position(1, 18)
    assert columns["c"] == Position(1, 20)
    assert columns["\\"] == Position(1, 21)
    assert columns["d"] == Position(2, 4)


def test_whitespace_stands_beside_its_words() -> None:
    assert positions_of(scalar("a: |\n  b \n    c\n")) == [
        Position(2, 3),  # b
        Position(2, 4),  # the space after it
        Position(2, 5),  # the line break
        Position(3, 3),  # what is indented more
        Position(3, 4),
        Position(3, 5),  # c
        Position(3, 6),  # the line break
    ]
    assert positions_of(scalar("a: b\n   c\n")) == [
        Position(1, 4),
        Position(1, 5),  # the line break that became a space
        Position(2, 4),
    ]
    assert positions_of(scalar("a: ' b'\n")) == [Position(1, 5), Position(1, 6)]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60)
    | st.text("ab '\"\\\n:#|>-", max_size=40),
    st.sampled_from(["'", '"', "|", ">", None]),
)
def test_words_are_found_in_whatever_form_they_are_written(text: str, style: str | None) -> None:
    file = "key: 1\n" + str(
        yaml.dump({"sql": text}, default_style=style, allow_unicode=True, width=20)
    )
    node = scalar(file)
    assert node.value == text
    positions = positions_of(node)
    assert len(positions) == len(text)
    assert positions == sorted(positions) or not text.strip()
    lines = file.split("\n")
    for char, (line, column) in zip(text, positions, strict=True):
        if not char.isspace():
            assert lines[line - 1][column - 1] in (char, "\\")


def test_positions_are_shortened_and_found_again() -> None:
    positions = [Position(1, c) for c in (5, 6, 7, 9, 9, 9, 10)] + [Position(2, 3), Position(2, 3)]
    assert runs_of(positions) == (
        TextRun(0, 1, 5, True),
        TextRun(3, 1, 9, False),
        TextRun(6, 1, 10, True),
        TextRun(7, 2, 3, False),
    )
    assert runs_of([]) == ()


@given(st.lists(st.builds(Position, st.integers(1, 3), st.integers(1, 4)), max_size=30))
def test_shortening_loses_nothing(positions: list[Position]) -> None:
    rule = make_rule(runs_of(positions))
    found = [sql_position(rule, offset) for offset in range(len(positions))]
    if positions:
        assert found == [Place("f.yml", *position) for position in positions]


def make_rule(runs: tuple[TextRun, ...]) -> TopicRule:
    return TopicRule("r", "", "beta", (), None, True, "", Place("f.yml", 7, 9), runs)


def test_a_rule_without_runs_is_one_line() -> None:
    assert sql_position(make_rule(()), 4) == Place("f.yml", 7, 13)


def test_a_replaced_variable_stands_where_it_is_written() -> None:
    written = Written(Source("f.yml", "a: x${b}y"), 3, "", "x${b}y")
    pieces = (Piece(1, 0, False), Piece(3, 1, True), Piece(1, 5, False))
    node = ScalarNode("x123y", Place("f.yml", 1, 4), written, pieces, final=True)
    assert positions_of(node) == [Position(1, column) for column in (4, 5, 5, 5, 9)]
    assert place_of(node, 5) == Place("f.yml", 1, 9)
    assert place_of(node, 6) == Place("f.yml", 1, 4)


def test_a_text_that_stands_in_no_file_has_one_position() -> None:
    node = ScalarNode("abc", Place("f.yml", 3, 4))
    assert positions_of(node) == [Position(3, 4)] * 3
    assert place_of(node, 2) == Place("f.yml", 3, 4)


def test_an_error_in_a_block_is_mapped_to_its_line(load: Load, head: str) -> None:
    service = load(
        head
        + """\
custom: {topic: devices/+/parameters}
functions:
  f:
    handler: h.f
    events:
      - iot:
          sql: |
            SELECT *,
              topic(2) AS device_id
            FROM '${self:custom.topic}'
            WHERE wrong(1)
"""
    )
    (rule,) = service.rules
    assert rule.sql == ("SELECT *,  topic(2) AS device_idFROM 'devices/+/parameters'WHERE wrong(1)")
    places = {word: rule.sql.index(word) for word in ("SELECT", "topic(", "FROM", "+", "wrong")}
    assert {word: str(sql_position(rule, offset)) for word, offset in places.items()} == {
        "SELECT": "serverless.yml:10:13",
        "topic(": "serverless.yml:11:15",
        "FROM": "serverless.yml:12:13",
        "+": "serverless.yml:12:19",
        "wrong": "serverless.yml:13:19",
    }
    assert str(sql_position(rule, len(rule.sql))) == "serverless.yml:13:27"
    assert rule.sql_place == Place("serverless.yml", 10, 13)
