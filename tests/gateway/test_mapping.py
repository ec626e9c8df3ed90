from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import DefinitionError, Place
from bellwire.gateway.effects import HttpAnswer
from bellwire.gateway.mapping import (
    Mapped,
    Sources,
    compile_request_parameters,
    compile_response_parameters,
)


PLACE = Place("serverless.yml", 12, 9)
SOURCES = Sources(
    body='{"room":{"id":"r1"},"tags":["a","b"],"n":5,"text":"a\\r\\nb: c"}',
    headers={"x-token": ["old", "new"], "empty": [""]},
    query={"page": ["1", "2"], "Page": ["3"]},
    context={"connectionId": "c1=", "authorizer.principalId": "me"}.get,
    stage_variables={"host": "example.com"},
)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("route.request.querystring.page", "2"),
        ("route.request.querystring.Page", "3"),
        ("route.request.header.X-Token", "new"),
        ("route.request.header.empty", ""),
        ("route.request.multivaluequerystring.page", "1,2"),
        ("route.request.multivalueheader.X-Token", "old,new"),
        ("route.request.body.room.id", "r1"),
        ("route.request.body.room", '{"id":"r1"}'),
        ("route.request.body['tags'][1]", "b"),
        ("route.request.body.tags", "[a, b]"),
        ("route.request.body.n", "5"),
        ("route.request.body", SOURCES.body),
        ("stageVariables.host", "example.com"),
        ("context.connectionId", "c1="),
        ("context.authorizer.principalId", "me"),
        ("'a static text'", "a static text"),
        ("''", ""),
    ],
)
def test_a_parameter_from_each_source(source: str, value: str) -> None:
    parameters = compile_request_parameters({"integration.request.querystring.q": source})
    assert parameters.apply(SOURCES) == Mapped({}, {"q": value}, {})


def test_each_parameter_goes_where_it_is_meant_for() -> None:
    parameters = compile_request_parameters(
        {
            "integration.request.header.x-connection": "context.connectionId",
            "integration.request.querystring.room": "route.request.body.room.id",
            "integration.request.path.proxy": "stageVariables.host",
            "integration.request.path.$a-b": "'x'",
        }
    )
    assert parameters.apply(SOURCES) == Mapped(
        {"x-connection": "c1="}, {"room": "r1"}, {"proxy": "example.com", "$a-b": "x"}
    )


@pytest.mark.parametrize(
    "source",
    [
        "route.request.querystring.missing",
        "route.request.header.missing",
        "route.request.multivalueheader.missing",
        "route.request.body.missing.deeper",
        "stageVariables.missing",
        "context.missing",
    ],
)
def test_a_source_without_a_value_leaves_its_target_out(source: str) -> None:
    parameters = compile_request_parameters({"integration.request.header.h": source})
    assert parameters.apply(SOURCES) == Mapped({}, {}, {})


@pytest.mark.parametrize("body", ["", "no json", "[" * 100_000])
def test_a_body_that_is_no_json_has_nothing_below_it(body: str) -> None:
    parameters = compile_request_parameters(
        {"integration.request.header.h": "route.request.body.a"}
    )
    assert parameters.apply(SOURCES._replace(body=body)) == Mapped({}, {}, {})


def test_an_empty_message_is_no_value() -> None:
    parameters = compile_request_parameters({"integration.request.header.h": "route.request.body"})
    assert parameters.apply(SOURCES._replace(body="")) == Mapped({}, {}, {})


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b"])
def test_a_value_that_breaks_a_header_is_left_out_of_headers_only(value: str) -> None:
    sources = SOURCES._replace(query={"q": [value]})
    parameters = compile_request_parameters(
        {
            "integration.request.header.h": "route.request.querystring.q",
            "integration.request.querystring.q": "route.request.querystring.q",
        }
    )
    assert parameters.apply(sources) == Mapped({}, {"q": value}, {})


@pytest.mark.parametrize(
    "target",
    [
        "",
        "integration.request.body.a",
        "integration.request.header.",
        "integration.request.header.a b",
        "integration.request.header.a\n",
        "route.request.header.a",
        "integration.response.header.a",
    ],
)
def test_a_target_that_is_none_is_refused_with_its_place(target: str) -> None:
    with pytest.raises(DefinitionError, match="can be set") as caught:
        compile_request_parameters({target: "'x'"}, PLACE)
    assert caught.value.place == PLACE
    assert caught.value.hint


@pytest.mark.parametrize(
    "source",
    [
        "",
        "'",
        "x",
        "context.",
        "stageVariables.",
        "route.request.path.a",
        "route.request.header.",
        "route.request.header.a b",
        "route.request.body.",
        "route.request.bodyx",
        "route.request.body[?(@.a)]",
    ],
)
def test_a_source_that_is_none_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_request_parameters({"integration.request.header.h": source}, PLACE)
    assert caught.value.place == PLACE
    assert caught.value.hint


@given(target=st.text(), source=st.text(), body=st.text())
def test_any_text_is_a_parameter_or_is_refused(target: str, source: str, body: str) -> None:
    for parameters in (
        {target: "'x'"},
        {"integration.request.path.p": source},
        {"integration.request.path.p": "route.request.body" + source},
    ):
        try:
            compiled = compile_request_parameters(parameters)
        except DefinitionError:
            continue
        assert compiled.apply(SOURCES._replace(body=body)).headers in ({}, {target[27:]: "x"})


# Response parameters


def test_headers_of_a_response_come_from_the_answer() -> None:
    headers = compile_response_parameters(
        {
            "route.response.header.A": "integration.response.header.X-One",
            "method.response.header.b": "integration.response.body.list[1]",
            "route.response.header.c": "'static'",
            "route.response.header.d": "integration.response.header.absent",
            "route.response.header.e": "integration.response.body.breaks",
        }
    )
    answer = HttpAnswer(200, {"x-one": ["1", "2"]}, b'{"list":[1,"two"],"breaks":"a\\r\\nb"}')
    assert headers(answer) == {"a": "1,2", "b": "two", "c": "static"}
    assert headers(HttpAnswer(200, {}, b"no json")) == {"c": "static"}


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("integration.request.header.a", "'x'"),
        ("route.response.header.a", "context.connectionId"),
        ("route.response.header.a", "integration.response.body["),
        ("route.response.header.", "'x'"),
    ],
)
def test_a_wrong_response_parameter_is_refused(target: str, source: str) -> None:
    with pytest.raises(DefinitionError, match=r"^serverless\.yml:4:2: "):
        compile_response_parameters({target: source}, Place("serverless.yml", 4, 2))
