from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import DefinitionError, Place
from bellwire.gateway.effects import HttpAnswer
from bellwire.gateway.selection import (
    compile_pattern,
    compile_response_selection,
    compile_selection,
)


PLACE = Place("serverless.yml", 7, 42)
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-selection-expressions.html
DOCUMENTED = '{"service":"chat","action":"join","data":{"room":"room1234"}}'


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("$request.body.action", "join"),
        ("${request.body.action}", "join"),
        ("${request.body.service}/${request.body.action}", "chat/join"),
        ("${request.body.action}-${request.body.invalidPath}", "join-"),
        ("action", "action"),
        (r"\$default", "$default"),
        ("$request.body.data.room", "room1234"),
        ("$request.body.service/$request.body.action", "chat/join"),
        (r"${request.body.service}\$${request.body.action}", "chat$join"),
        ("on ${request.body.action}!", "on join!"),
        ("$request.body.missing", ""),
        ("$request.body.action.deeper", ""),
        ("$request.body.data", '{"room":"room1234"}'),
        ("$request.body", DOCUMENTED),
    ],
)
def test_an_expression_against_the_document_of_the_aws_page(expression: str, result: str) -> None:
    assert compile_selection(expression)(DOCUMENTED) == result


@pytest.mark.parametrize(
    ("path", "body", "result"),
    [
        (".a.b", {"a": {"b": "x"}}, "x"),
        ("['a']['b']", {"a": {"b": "x"}}, "x"),
        ('["a"].b', {"a": {"b": "x"}}, "x"),
        ("['a.b']", {"a.b": "x", "a": {"b": "y"}}, "x"),
        ("['$type']", {"$type": "x"}, "x"),
        (".a-b", {"a-b": "x"}, "x"),
        (".größe", {"größe": "x"}, "x"),
        (".a[0]", {"a": ["x", "y"]}, "x"),
        (".a[-1]", {"a": ["x", "y"]}, "y"),
        (".a[2]", {"a": ["x", "y"]}, ""),
        ("[1]", ["x", "y"], "y"),
        (".a[*]", {"a": ["x", "y"]}, "[x, y]"),
        (".a.*", {"a": {"p": "x", "q": "y"}}, "[x, y]"),
        (".a[*].b", {"a": [{"b": "x"}, {"c": 1}, {"b": "y"}]}, "[x, y]"),
        ("..b", {"b": "x", "a": [{"b": "y"}, {"c": {"b": "z"}}]}, "[x, y, z]"),
        ("..b", {"a": {"b": "x"}}, "x"),
        (".a", {"a": ["item1", "item2"]}, "[item1, item2]"),
        (".a", {"a": ["x", 1, None, {"b": True}, ["y"]]}, '[x, 1, null, {"b":true}, ["y"]]'),
        (".a", {"a": []}, "[]"),
        (".a", {"a": 5}, "5"),
        (".a", {"a": 1.5}, "1.5"),
        (".a", {"a": True}, "true"),
        (".a", {"a": None}, "null"),
        (".a", {"a": ""}, ""),
        (".a[0]", {"a": "text"}, ""),
        (".a", "a", ""),
        (".a", 5, ""),
        (".a", None, ""),
        (".a", [], ""),
    ],
)
def test_a_json_path_below_the_body(path: str, body: object, result: str) -> None:
    message = json.dumps(body, ensure_ascii=False)
    assert compile_selection(f"${{request.body{path}}}")(message) == result


@pytest.mark.parametrize("message", ["", "hello", "{", '{"action":', '{"action":"a"} x', "\x00"])
@pytest.mark.parametrize("expression", ["$request.body.action", "${request.body.a.action}"])
def test_a_message_that_is_not_json_names_no_route(expression: str, message: str) -> None:
    assert compile_selection(expression)(message) == ""


@pytest.mark.parametrize("expression", ["$request.body.action", "x${request.body.a.action}"])
@pytest.mark.parametrize("depth", [200, 260, 1000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"action":', "}")])
def test_a_json_bomb_is_taken_as_any_other_message(
    expression: str, depth: int, opening: str, closing: str
) -> None:
    bomb = f'{{"action":{opening * depth}1{closing * depth}}}'
    assert isinstance(compile_selection(expression)(bomb), str)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "$request.header.x-api-key",
            "this expression reads the message only, not '$request.header.x-api-key'",
        ),
        ("$default", "this expression reads the message only, not '$default'"),
        ("${}", "this expression reads the message only, not '$'"),
        (
            "$request.bodys",
            "'s' in 's' is not a JSONPath that can be followed",
        ),
        ("$request.body.", "'.' in '.' is not a JSONPath that can be followed"),
        (
            "$request.body.a[?(@.b)]",
            "'[?(@.b)]' in '.a[?(@.b)]' is not a JSONPath that can be followed",
        ),
        (
            "$request.body.a.length()",
            "'()' in '.a.length()' is not a JSONPath that can be followed",
        ),
        (
            "$request.body..*",
            "'..*' in '..*' is not a JSONPath that can be followed",
        ),
        (
            "$request.body.a-$request.body.b",
            "'$request.body.b' in '.a-$request.body.b' is not a JSONPath that can be followed",
        ),
        ("${request.body.action", "'${request.body.action' starts no variable"),
        ("cost: 5 $", "'$' starts no variable"),
    ],
)
def test_an_expression_that_aws_would_refuse_is_refused_with_its_place(
    expression: str, message: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_selection(expression, PLACE)
    assert str(caught.value) == f"serverless.yml:7:42: {message}"
    assert caught.value.hint


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
keys = st.text(st.characters(exclude_characters="'}", exclude_categories=["Cs"]))


@given(body=json_values, key=keys)
def test_the_short_way_for_one_key_answers_as_the_long_one(body: object, key: str) -> None:
    message = orjson.dumps(body).decode()
    short = compile_selection(f"${{request.body['{key}']}}")
    long = compile_selection(f"${{request.body['{key}']}}/")
    assert short(message) + "/" == long(message)


@given(path=st.lists(keys, min_size=1, max_size=5), value=st.text())
def test_a_value_is_found_where_it_was_put(path: list[str], value: str) -> None:
    body: object = value
    for key in reversed(path):
        body = {key: body}
    steps = "".join(f"['{key}']" for key in path)
    assert compile_selection(f"${{request.body{steps}}}")(orjson.dumps(body).decode()) == value


@given(literal=st.text(st.characters(exclude_characters="$\\")), message=st.text())
def test_text_without_variables_is_the_route_of_every_message(literal: str, message: str) -> None:
    assert compile_selection(literal)(message) == literal


@given(message=st.text())
def test_no_message_makes_the_usual_expression_fail(message: str) -> None:
    assert isinstance(compile_selection("$request.body.action")(message), str)


expression_like = st.lists(
    st.sampled_from(
        ["$", "${", "}", "\\$", "request.body", ".a", "['b']", "[0]", "[*]", "..a", "/"]
    )
    | st.text(max_size=3)
).map("".join)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
messages = (
    st.text()
    | numbers.map(lambda number: f'{{"a":{number},"b":[{number}]}}')
    | st.integers(1, 100_000).map(lambda depth: '{"a":' * depth + "1" + "}" * depth)
    | json_values.map(lambda value: orjson.dumps(value).decode())
)


@given(expression=expression_like, message=messages)
def test_any_text_is_an_expression_or_is_refused_and_no_message_breaks_it(
    expression: str, message: str
) -> None:
    try:
        select = compile_selection(expression)
    except DefinitionError:
        return
    assert isinstance(select(message), str)


ANSWER = HttpAnswer(201, {"x-kind": ["a", "b"], "empty": []}, b"{}")


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("${request.body.action}", "join"),
        ("$request.body.data.room", "room1234"),
        ("${integration.response.statuscode}", "201"),
        ("$integration.response.statuscode", "201"),
        ("${integration.response.header.X-Kind}", "b"),
        ("${integration.response.header.Missing}", ""),
        ("${integration.response.header.empty}", ""),
        ("${integration.response.multivalueheader.X-Kind}", "[a, b]"),
        ("${integration.response.multivalueheader.Missing}", "[]"),
        ("${request.body.action}-${integration.response.statuscode}", "join-201"),
        ("static", "static"),
        (r"\$default", "$default"),
    ],
)
def test_a_response_template_is_selected_from_message_and_answer(
    expression: str, result: str
) -> None:
    assert compile_response_selection(expression)(DOCUMENTED, ANSWER) == result


@pytest.mark.parametrize(
    "expression",
    [
        "$context.routeKey",
        "${integration.response.body.a}",
        "${integration.response.header.}",
        "${integration.response.header.a b}",
        "${integration.response.statuscodes}",
        "${request.body.}",
        "$",
    ],
)
def test_a_response_expression_over_anything_else_is_refused(expression: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_response_selection(expression, PLACE)
    assert caught.value.place == PLACE
    assert caught.value.hint


@pytest.mark.parametrize(
    ("key", "text", "matches"),
    [
        ("$default", "", True),
        ("$default", "anything", True),
        (r"/2\d\d/", "200", True),
        (r"/2\d\d/", "2000", False),
        (r"/2\d\d/", "1200", False),
        ("/.*not found.*/", "user not found here", True),
        ("/not found/", "user not found here", False),
        ("/a|b/", "ab", False),
    ],
)
def test_a_pattern_matches_the_whole_text(key: str, text: str, matches: bool) -> None:
    assert compile_pattern(key)(text) is matches


@pytest.mark.parametrize(
    "key", ["", "200", "/", "//", "/(/", "/a{99999999999999999999}/", "/200", f"/{'a' * 1025}/"]
)
def test_a_key_that_is_no_pattern_is_refused_with_its_place(key: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_pattern(key, PLACE)
    assert caught.value.place == PLACE
    assert caught.value.hint


@given(key=st.text(st.sampled_from("/$()[]{}*+?|\\^-ab09,:=!<>#") | st.characters()))
def test_any_text_is_a_pattern_or_is_refused(key: str) -> None:
    try:
        matches = compile_pattern(f"/{key}/")
    except DefinitionError:
        return
    assert matches("a") in (True, False)
