"""Substitution templates: `${}` in the parameters of actions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.sql.compiler import compile_statement
from bellwire.iot.sql.parser import parse_statement
from bellwire.iot.sql.scope import Message, Scope, World
from bellwire.iot.sql.templates import compile_template


V2 = "2016-03-23"
WORLD = World(lambda bits: 2 ** (bits - 1), "123456789012")
PAYLOAD = b'{"device":"a-1","n":2.0,"list":[{"id":"x","val":"deep"}],"o":{"k":[1,null]}}'


def scope(sql: str = "SELECT * FROM 'a/b'") -> Scope:
    compiled = compile_statement(parse_statement(sql), sql, V2)
    return compiled.scope(Message("a/b", PAYLOAD, 1700000000123), WORLD)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ("devices/${device}/out", "devices/a-1/out"),
        ("${topic()}-${topic(2)}", "a/b-b"),
        ("${n}", "2"),
        ("${o}", '{"k":[1,null]}'),
        ("<${missing}>", "<>"),
        ("<${NULL}>", "<>"),
        ("${get((SELECT VALUE val FROM list WHERE id = 'x'), 0)}", "deep"),
        ("${get({'a}': 1}, 'a}')}", "1"),
        ("${{'a': {'b': 1}}}", '{"a":{"b":1}}'),
        ("${replace(topic(), '/', '-') + '-' + timestamp()}", "a-b-1700000000123"),
        ('${parse_time("yyyy", timestamp(), "UTC")}.json', "2023.json"),
        ("$$aws/things/${device}", "$$aws/things/a-1"),
        ("$ {device} $device", "$ {device} $device"),
    ],
)
def test_each_expression_becomes_text(template: str, text: str) -> None:
    assert compile_template(template, V2).render(scope()) == text


def test_variables_of_the_statement_are_known() -> None:
    template = compile_template("${@id}/x", V2, variables=["id"])
    assert template.render(scope("SET @id = upper(device) SELECT * FROM 'a/b'")) == "A-1/x"


def test_a_template_tells_what_it_needs() -> None:
    template = compile_template("${clientid()} ${[1]} ${upper()}", V2)
    assert (template.is_constant, template.broker) == (False, ("clientid()",))
    assert template.newer == ("array literals",)
    assert template.warnings == ("upper() does not take 0 arguments: the result is Undefined",)
    assert compile_template("plain", V2).is_constant


@pytest.mark.parametrize(
    ("template", "position", "message"),
    [
        ("ab ${device", 3, "${ is not closed"),
        ("ab ${a b}", 7, "the expression should end here"),
        ("ab ${}", 5, "an expression is missing here"),
        ("ab ${topik()}", 5, "there is no function topik()"),
        ("ab ${@id}", 5, "@id is not set"),
        ("ab ${'a}", 3, "${ is not closed"),
    ],
)
def test_a_fault_is_placed_in_the_whole_text(template: str, position: int, message: str) -> None:
    with pytest.raises(SqlSyntaxError) as refused:
        compile_template(template, V2)
    error = refused.value
    assert (error.sql, error.position, error.message) == (template, position, message)


def test_functions_that_need_a_service_are_refused_but_where_they_are_answered() -> None:
    text = "${get_thing_shadow('t', 'role').state}"
    with pytest.raises(UnsupportedFeatureError):
        compile_template(text, V2)
    assert compile_template(text, V2, external=["get_thing_shadow"]).external == (
        "get_thing_shadow",
    )


def position_of_error(text: str) -> int:
    """Return where a template is refused; 0 where it is not."""
    try:
        compile_template(text, V2).render(scope())
    except SqlSyntaxError as error:
        return error.position
    return 0


@given(st.text("${}'\"ab(,) ", max_size=30))
def test_any_text_is_a_template_or_refused_at_a_place_in_it(text: str) -> None:
    assert 0 <= position_of_error(text) <= len(text)
