from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.definition.nodes import Value
from bellwire.definition.variable_syntax import (
    Literal,
    Reference,
    SyntaxFault,
    Template,
    Text,
    Variable,
    parse_template,
)


def text(content: str, start: int) -> Template:
    return (Text(content, start),)


def test_the_parts_of_a_text() -> None:
    assert parse_template("a-${self:b.c}-d") == (
        Text("a-", 0),
        Variable(2, 13, (Reference("self", (), text("b.c", 9), 4),)),
        Text("-d", 13),
    )


def test_sources_are_asked_in_turn() -> None:
    (variable,) = parse_template("${opt:a, self:b , env:C, 'd e'}")
    assert isinstance(variable, Variable)
    assert variable.sources == (
        Reference("opt", (), text("a", 6), 2),
        Reference("self", (), text("b", 14), 9),
        Reference("env", (), text("C", 22), 18),
        Literal("d e"),
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'x'", "x"),
        ("''", ""),
        ('"a\\"b\\n"', 'a"b\n'),
        ("true", True),
        ("false", False),
        ("null", None),
        ("3", 3),
        ("-1.5", -1.5),
        ("1e3", 1000),
    ],
)
def test_fallbacks(written: str, value: Value) -> None:
    (variable,) = parse_template(f"${{opt:a, {written} }}")
    assert isinstance(variable, Variable)
    fallback = variable.sources[1]
    assert fallback == Literal(value)
    assert isinstance(fallback, Literal)
    assert type(fallback.value) is type(value)


def test_variables_inside_addresses_and_parameters() -> None:
    stage = Variable(14, 26, (Reference("sls", (), text("stage", 20), 16),))
    address = (Text("custom.", 7), stage, Text(".x", 26))
    assert parse_template("${self:custom.${sls:stage}.x}") == (
        Variable(0, 29, (Reference("self", (), address, 2),)),
    )
    (variable,) = parse_template("${file( ./${sls:stage}.yml ):a.b}")
    assert isinstance(variable, Variable)
    (source,) = variable.sources
    assert isinstance(source, Reference)
    (path,) = source.params
    assert [type(part) for part in path] == [Text, Variable, Text]
    assert path[2] == Text(".yml", 22)
    assert source.address == text("a.b", 29)


@pytest.mark.parametrize(
    ("written", "params"),
    [
        ("${file(a.yml)}", [text("a.yml", 7)]),
        ("${file('a b.yml'):k}", [text("a b.yml", 8)]),
        ("${strToBool(true)}", [text("true", 12)]),
        ("${ssm(eu-west-1, raw):/path}", [text("eu-west-1", 6), text("raw", 17)]),
    ],
)
def test_parameters(written: str, params: list[Template]) -> None:
    (variable,) = parse_template(written)
    assert isinstance(variable, Variable)
    (source,) = variable.sources
    assert isinstance(source, Reference)
    assert list(source.params) == params


@pytest.mark.parametrize(
    "written",
    [
        "${AWS::Region}",
        "${Table.Arn}",
        "${table}",
        "${!Literal}",
        "${a::b}",
        "$",
        "${",
        "${}",
        "a{b}",
    ],
)
def test_what_is_cloudformations_stays_text(written: str) -> None:
    assert parse_template(written) == text(written, 0)


def test_a_variable_inside_what_is_cloudformations() -> None:
    assert [type(part) for part in parse_template("${AWS::${self:a}}")] == [Text, Variable, Text]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("\\${self:a}", "${self:a}"),
        ("x\\${a}", "x${a}"),
        ("\\\\\\${self:a}", "\\${self:a}"),
        ("a\\b\\", "a\\b\\"),
    ],
)
def test_a_backslash_makes_a_variable_text(written: str, kept: str) -> None:
    template = parse_template(written)
    assert "".join(part.text for part in template if isinstance(part, Text)) == kept
    assert all(isinstance(part, Text) for part in template)


def test_two_backslashes_are_one_before_a_variable() -> None:
    first, second = parse_template("\\\\${self:a}")
    assert first == Text("\\", 0)
    assert isinstance(second, Variable)


def test_doubled_dollars_are_one() -> None:
    assert parse_template("a$${self:b}") == (
        Text("a", 0),
        Variable(1, 11, (Reference("self", (), text("b", 9), 4),)),
    )


@pytest.mark.parametrize(
    ("written", "offset", "message", "hint"),
    [
        ("a ${self:b", 2, "this variable has no closing `}`", None),
        ("${self:b, 'c", 10, "this quote is never closed", None),
        ("${self:b, 'c', 'd'}", 13, "`,` is not expected here", "put a text in quotes"),
        ("${self:b, 'c' d}", 14, "`d` is not expected here", "put a text in quotes"),
        ("${opt:stage, dev}", 13, "`dev` is no value", "put a text in quotes"),
        ("${opt:stage, }", 13, "a value is missing here", "put a text in quotes"),
        ("${opt:stage, ${self:b}}", 13, "a variable cannot stand here", "a fallback has no ${ }"),
        ("${self:a.${b}}", 9, "this variable has no type", "write it as ${self:…}"),
        ("${file(a.yml}", 6, "this `(` has no closing `)`", None),
        ('${opt:a, "\\q"}', 9, "this is no text as JSON writes it", None),
    ],
)
def test_a_fault_is_named_at_its_offset(
    written: str, offset: int, message: str, hint: str | None
) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse_template(written)
    assert (caught.value.offset, caught.value.message) == (offset, message)
    assert (caught.value.hint or "").startswith(hint or "")
    assert (caught.value.hint is None) == (hint is None)


def test_nesting_is_bounded() -> None:
    with pytest.raises(SyntaxFault, match="variables stand more than 20 deep in one another"):
        parse_template("${self:" * 1000)


def offsets(written: str) -> list[int]:
    """Where the parts of a text start, or where its fault is."""
    try:
        return [part.start for part in parse_template(written)]
    except SyntaxFault as fault:
        return [fault.offset]


@given(st.text("${}()\\'\":, aself.1") | st.text())
def test_any_text_is_parsed_or_refused(written: str) -> None:
    assert all(0 <= offset <= len(written) for offset in offsets(written))


@pytest.mark.parametrize("written", ["\\", "$", "${", "${self:", "'", "${a(", "$\\"])
def test_long_texts_take_no_long_time(written: str) -> None:
    # Quadratic work on 200 000 characters would take minutes.
    with suppress(SyntaxFault):
        parse_template(written * (200_000 // len(written)))
