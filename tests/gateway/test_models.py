from __future__ import annotations

import json
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError
from bellwire.gateway.models import compile_model


PLACE = Place("serverless.yml", 30, 11)
# As in docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-request-validation.html
CHAT = json.dumps(
    {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "chat",
        "type": "object",
        "properties": {
            "action": {"type": "string"},
            "items": {"type": "array", "items": {"$ref": "#/definitions/item"}},
        },
        "required": ["action"],
        "definitions": {"item": {"type": "integer", "minimum": 0, "exclusiveMinimum": True}},
    }
)
UNCHECKABLE = "the message cannot be checked: it is nested too deeply, or holds half a character"
NO_JSON = "the message is not JSON"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ('{"action":"chat"}', None),
        ('{"action":"chat","items":[1,2],"more":null}', None),
        ("{}", '"action" is a required property'),
        ('{"action":5}', '5 is not of type "string"'),
        ("[]", '[] is not of type "object"'),
        ('{"action":"chat","items":[1,0]}', "0 is less than or equal to the minimum of 0"),
        ("", NO_JSON),
        ("chat", NO_JSON),
        ('{"action":', NO_JSON),
        ('{"action":NaN}', NO_JSON),
    ],
)
def test_a_message_is_checked(message: str, error: str | None) -> None:
    assert compile_model(CHAT)(message) == error


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("", "the schema of a model is not JSON"),
        ("{", "the schema of a model is not JSON"),
        ("[" * 100_000, "the schema of a model is not JSON"),
        ("5", "the schema of a model is not an object"),
        ("true", "the schema of a model is not an object"),
        ('{"type":"text"}', "not a JSON schema of draft 4"),
        ('{"pattern":"("}', "not a JSON schema of draft 4"),
        ('{"required":[]}', "not a JSON schema of draft 4"),
        ('{"$ref":"#/definitions/a"}', "Pointer '/definitions/a' does not exist"),
        ('{"$ref":"http://127.0.0.1:9/a.json"}', "http://127.0.0.1:9/a.json is outside"),
        ('{"properties":{"a":{"$ref":"file:///etc/passwd"}}}', "file:///etc/passwd is outside"),
        ('{"id":"https://example.com/a","items":{"$ref":"b"}}', "https://example.com/b is outside"),
        ('{"not":' * 1000 + "{}" + "}" * 1000, "not a JSON schema of draft 4"),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(schema: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_model(schema, PLACE)
    assert message in caught.value.message
    assert caught.value.place == PLACE
    assert caught.value.hint


@pytest.mark.parametrize("depth", [100, 500, 1000, 1023, 1025, 65_536, 131_072])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_json_bomb_is_told_in_one_sentence(depth: int, opening: str, closing: str) -> None:
    check = compile_model('{"properties":{"a":{"type":["object","number"]}},"minItems":1}')
    error = check(opening * depth + "1" + closing * depth)
    if depth < 1024:
        assert error is None
    else:  # more than parsers take; how much more differs from one Python to the next
        assert error in (NO_JSON, UNCHECKABLE)
    assert check(opening * depth) == NO_JSON


@pytest.mark.parametrize("number", ["9" * 5000, "1e400", "-1e400"])
def test_a_number_that_is_too_large_is_no_json(number: str) -> None:
    assert compile_model('{"type":"number"}')(number) == NO_JSON


def test_half_a_character_and_a_long_number_are_json() -> None:
    assert compile_model('{"type":"number"}')("1" + "0" * 400) is None
    assert compile_model('{"type":"object"}')('{"text":"\\ud83d"}') is None
    # Why it is wrong cannot be said: the library would quote the half.
    assert compile_model('{"type":"array"}')('{"text":"\\ud83d"}') == UNCHECKABLE


def test_an_error_does_not_quote_a_whole_large_message() -> None:
    error = compile_model('{"type":"string"}')("[" + "1," * 50_000 + "1]")
    assert error is not None
    assert len(error) == 1024


def test_a_pattern_that_backtracks_for_ever_ends_in_an_error() -> None:
    error = compile_model(r'{"pattern":"^(a|a?)+\\1$"}')(f'"{"a" * 60}b"')
    assert error is not None
    assert "backtracking" in error


@pytest.mark.parametrize(
    "schema",
    [
        '{"$ref":"#"}',
        '{"allOf":[{"$ref":"#"}]}',
        '{"anyOf":[{"items":{"$ref":"#"}},{"items":{"$ref":"#"}}]}',
        '{"properties":{"a":{"items":{"$ref":"#/properties/a"}}}}',
        '{"$ref":"#/definitions/a","definitions":{"a":{"items":{"$ref":"#/definitions/b~1"}},'
        '"b/":{"not":{"$ref":"#/definitions/a"}}}}',
    ],
)
def test_a_schema_that_leads_back_to_itself_is_refused(schema: str) -> None:
    """A message of 36 bytes, checked against the third, once cost gigabytes."""
    with pytest.raises(UnsupportedFeatureError, match="leads back to itself") as caught:
        compile_model(schema, PLACE)
    assert caught.value.place == PLACE


def test_a_definition_may_be_used_many_times() -> None:
    check = compile_model(
        '{"items":{"anyOf":[{"$ref":"#/definitions/a"},{"$ref":"#/definitions/b"}]},'
        '"definitions":{"a":{"type":"string"},"b":{"items":{"$ref":"#/definitions/a"}}}}'
    )
    assert check('["x",["y"]]') is None
    assert check('["x",[1]]') is not None


def test_a_schema_nested_too_deeply_is_refused() -> None:
    with pytest.raises(DefinitionError):
        compile_model('{"not":' * 900 + "{}" + "}" * 900, PLACE)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    with pytest.raises(UnsupportedFeatureError, match="not installed") as caught:
        compile_model(CHAT, PLACE)
    assert caught.value.hint == "pip install 'bellwire[integrations]'"
    assert caught.value.place == PLACE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(message=st.text() | json_values.map(lambda value: json.dumps(value)))
def test_no_message_breaks_a_check(message: str) -> None:
    error = compile_model(CHAT)(message)
    try:
        orjson.loads(message)
    except orjson.JSONDecodeError:
        assert error == NO_JSON
    else:
        assert error != NO_JSON
