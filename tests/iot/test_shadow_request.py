from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.shadow import rejection, respond
from bellwire.iot.shadow_request import (
    InvalidShadowRequestError,
    ShadowEncodingError,
    ShadowError,
    ShadowName,
    ShadowRequest,
    parse_topic,
)
from bellwire.limits import Limits


LAMP = ShadowName("lamp")


def refusal(payload: bytes, operation: str = "update", name: ShadowName = LAMP) -> ShadowError:
    with pytest.raises(ShadowError) as refused:
        respond(None, ShadowRequest(name, operation, payload), now_s=1, limits=Limits())
    return refused.value


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("$aws/things/lamp/shadow/get", (LAMP, "get")),
        ("$aws/things/lamp/shadow/update", (LAMP, "update")),
        ("$aws/things/lamp/shadow/delete", (LAMP, "delete")),
        ("$aws/things/lamp/shadow/name/a/get", (ShadowName("lamp", "a"), "get")),
        ("$aws/things/lamp/shadow/name/get/update", (ShadowName("lamp", "get"), "update")),
        ("$aws/things/no.name/shadow/get", (ShadowName("no.name"), "get")),
        ("$aws/things//shadow/get", (ShadowName(""), "get")),
        ("$aws/things/lamp/shadow/name//get", (ShadowName("lamp", ""), "get")),
        ("$aws/things/lamp/shadow/update/accepted", None),
        ("$aws/things/lamp/shadow/name/a/update/delta", None),
        ("$aws/things/lamp/shadow/list", None),
        ("$aws/things/lamp/jobs/get", None),
        ("aws/things/lamp/shadow/get", None),
        ("$aws/things/lamp/shadow/get\n", None),
    ],
)
def test_a_topic_names_a_shadow_and_an_operation(
    topic: str, expected: tuple[ShadowName, str] | None
) -> None:
    assert parse_topic(topic) == expected


# https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html
@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b"[]", "Invalid JSON"),
        (b"1", "Invalid JSON"),
        (b'{"state":{"desired":{"a":NaN}}}', "Invalid JSON"),
        (b'{"state":{"desired":{"a":1e999}}}', "Invalid JSON"),
        (b'{"state":{"desired":{"a":"\\ud800"}}}', "Invalid JSON"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "Invalid JSON"),
        (b"{}", "Missing required node: state"),
        (b'{"desired":{"a":1}}', "Missing required node: state"),
        (b'{"state":1}', "State node must be an object"),
        (b'{"state":[]}', "State node must be an object"),
        (b'{"state":{"desired":1}}', "Desired node must be an object"),
        (b'{"state":{"desired":{},"reported":[]}}', "Reported node must be an object"),
        (b'{"state":{"delta":{"a":1}}}', "State contains an invalid node: 'delta'"),
        (b'{"state":{"foo":null}}', "State contains an invalid node: 'foo'"),
        (b'{"state":{},"version":"1"}', "Invalid version"),
        (b'{"state":{},"version":1.5}', "Invalid version"),
        (b'{"state":{},"version":true}', "Invalid version"),
        (b'{"state":{},"version":-1}', "Invalid version"),
        (b'{"state":{},"clientToken":1}', "Invalid clientToken"),
        (
            json.dumps({"state": {}, "clientToken": "é" * 33}).encode(),
            "Invalid clientToken",
        ),
        (
            b'{"state":{"desired":{"a":[{"b":null}]}}}',
            "State contains an invalid node: arrays have no null",
        ),
        (
            b'{"state":{"desired":{"a":{"b":[[null]]}}}}',
            "State contains an invalid node: arrays have no null",
        ),
    ],
)
def test_a_bad_request_is_told_why(payload: bytes, message: str) -> None:
    error = refusal(payload)
    assert (type(error), error.message) == (InvalidShadowRequestError, message)
    assert (error.status, error.aws_code) == (400, "InvalidRequestException")


def test_a_document_that_is_not_utf_8_is_told_so() -> None:
    error = refusal('{"state":{"desired":{"a":"é"}}}'.encode("latin-1"))
    assert isinstance(error, ShadowEncodingError)
    assert error.message == "Unsupported documented encoding; supported encoding is UTF-8"
    assert error.status == 415


@pytest.mark.parametrize("section", ["desired", "reported"])
def test_the_state_has_so_many_levels_and_no_more(section: str) -> None:
    document = {"state": {section: {"top": nested(8)}}}
    payload = json.dumps(document).encode()
    respond(None, ShadowRequest(LAMP, "update", payload), now_s=1, limits=Limits())
    for too_deep in (nested(9), [nested(8)], [[[[[[[[[1]]]]]]]]]):
        document = {"state": {section: {"top": too_deep}}}
        error = refusal(json.dumps(document).encode())
        assert error.message == "JSON contains too many levels of nesting; maximum is 8"


def test_the_depth_is_a_setting() -> None:
    payload = json.dumps({"state": {"desired": {"a": {"b": 1}}}}).encode()
    with pytest.raises(InvalidShadowRequestError, match="maximum is 0"):
        respond(
            None,
            ShadowRequest(LAMP, "update", payload),
            now_s=1,
            limits=Limits(shadow_depth=0),
        )


def test_a_document_of_as_many_levels_as_can_be_parsed_is_refused_and_no_bug() -> None:
    for levels in (500, 990, 1000, 1020, 1024, 1100):
        payload = b'{"state":{"desired":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}}"
        assert refusal(payload).status == 400


@pytest.mark.parametrize("operation", ["get", "delete"])
def test_of_other_requests_only_the_token_matters(operation: str) -> None:
    error = refusal(b'{"clientToken":"t","state":1}', operation)
    assert (error.status, error.client_token) == (404, "t")
    assert refusal(b"\xff", operation).status == 404
    assert refusal(b'{"clientToken":[]}', operation).message == "Invalid clientToken"


@pytest.mark.parametrize(
    ("payload", "token"),
    [
        (b'{"state":1,"clientToken":"mine"}', "mine"),
        (b'{"clientToken":"mine"}', "mine"),
        (b'{"state":{},"version":7,"clientToken":"mine"}', "mine"),
        (b'{"state":1}', None),
        (b'{"state":1,"clientToken":null}', None),
    ],
)
def test_a_rejection_has_the_token_of_its_request(payload: bytes, token: str | None) -> None:
    topic, body = rejection(ShadowRequest(LAMP, "update", payload), refusal(payload))
    assert topic == "$aws/things/lamp/shadow/update/rejected"
    assert json.loads(body).get("clientToken") == token
    assert json.loads(body).keys() - {"clientToken"} == {"code", "message"}


# https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_UpdateThingShadow.html
@pytest.mark.parametrize(
    "name",
    [
        ShadowName(""),
        ShadowName("a.b"),
        ShadowName("a" * 129),
        ShadowName("é"),
        ShadowName("a$"),
        ShadowName("a\n"),
        ShadowName("lamp", ""),
        ShadowName("lamp", "a b"),
        ShadowName("lamp", "a" * 65),
    ],
)
def test_a_name_that_nothing_can_have_is_refused(name: ShadowName) -> None:
    error = refusal(b'{"state":{}}', name=name)
    assert error.status == 400
    assert error.message.startswith(f"Invalid {'thing' if name.shadow is None else 'shadow'} name:")


def test_every_name_of_aws_is_good() -> None:
    for name in (ShadowName("aZ09:_-"), ShadowName("a" * 128, "$aZ09:_-"), ShadowName("a", "$")):
        payload = b'{"state":{}}'
        assert respond(None, ShadowRequest(name, "update", payload), now_s=1, limits=Limits())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
documents = st.dictionaries(
    st.sampled_from(["state", "version", "clientToken", "x"]),
    json_values | st.dictionaries(st.sampled_from(["desired", "reported", "delta"]), json_values),
    max_size=4,
)


@given(st.binary() | documents.map(lambda document: json.dumps(document).encode()))
def test_whatever_comes_is_served_or_refused(payload: bytes) -> None:
    request = ShadowRequest(LAMP, "update", payload)
    try:
        outcome = respond(None, request, now_s=1, limits=Limits())
    except ShadowError as error:
        json.loads(rejection(request, error).payload)
    else:
        assert json.loads(outcome.answer)["version"] == 1
