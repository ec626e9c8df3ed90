from __future__ import annotations

import json

import pytest
from awslambdaric import lambda_context as theirs

from bellwire.functions.context import Client, FunctionDetails, LambdaContext, trace_header
from bellwire.functions.handler import HandlerFault


ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": "demo-dev-f",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/demo-dev-f",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2024/11/23/[$LATEST]0123",
}
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:demo-dev-f"


def make_context(
    *,
    now_s: float = 0.0,
    deadline_ms: int = 3000,
    log: list[str] | None = None,
    client_context: bytes = b"",
) -> LambdaContext:
    details = FunctionDetails(
        ENVIRONMENT,
        invoked_function_arn=ARN,
        clock=lambda: now_s,
        log=(log if log is not None else []).append,
    )
    return LambdaContext(details, "id-1", deadline_ms, client_context)


def test_what_a_handler_reads_from_its_context() -> None:
    context = make_context()
    names = [name for name in dir(context) if not name.startswith("_")]
    values = {name: getattr(context, name) for name in names}
    identity = values.pop("identity")
    assert callable(values.pop("get_remaining_time_in_millis"))
    assert callable(values.pop("log"))
    assert values.pop("w3c")() == {}
    assert values == {
        "aws_request_id": "id-1",
        "client_context": None,
        "function_name": "demo-dev-f",
        "function_version": "$LATEST",
        "invoked_function_arn": ARN,
        "log_group_name": "/aws/lambda/demo-dev-f",
        "log_stream_name": "2024/11/23/[$LATEST]0123",
        "memory_limit_in_mb": "128",
        "tenant_id": None,
    }
    assert identity.cognito_identity_id is None
    assert identity.cognito_identity_pool_id is None


def test_the_remaining_time_ends_at_zero() -> None:
    assert make_context(now_s=1.0).get_remaining_time_in_millis() == 2000
    assert make_context(now_s=2.9995).get_remaining_time_in_millis() == 1
    assert make_context(now_s=9.0).get_remaining_time_in_millis() == 0


def test_log_takes_anything() -> None:
    written: list[str] = []
    make_context(log=written).log({"a": 1})
    assert written == ["{'a': 1}"]


def test_its_representation_is_that_of_lambda() -> None:
    assert repr(make_context()) == (
        "LambdaContext([aws_request_id=id-1,log_group_name=/aws/lambda/demo-dev-f,"
        "log_stream_name=2024/11/23/[$LATEST]0123,function_name=demo-dev-f,"
        f"memory_limit_in_mb=128,function_version=$LATEST,invoked_function_arn={ARN},"
        "client_context=None,identity=CognitoIdentity([cognito_identity_id=None,"
        "cognito_identity_pool_id=None]),tenant_id=None])"
    )


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"custom": {"tier": "gold"}, "unknown": 1},
        {"env": {"locale": "de"}, "custom": None},
        {"custom": [1], "client": {}},
        {"client": {"app_title": "Heat", "installation_id": "i-1", "other": 2}},
        {
            "client": {
                "installation_id": "i",
                "app_title": "t",
                "app_version_name": "1.2",
                "app_version_code": 12,
                "app_package_name": "org.example",
            },
            "custom": {"a": "ü"},
            "env": {"make": "x"},
        },
    ],
)
def test_a_client_context_is_that_of_awslambdaric(given: dict[str, object]) -> None:
    ours = make_context(client_context=json.dumps(given).encode()).client_context
    their = theirs.LambdaContext("id-1", json.loads(json.dumps(given)), None, 0).client_context
    assert repr(ours) == repr(their)
    assert ours is not None
    assert set(ours.__slots__) == set(their.__slots__)
    assert (ours.custom, ours.env) == (their.custom, their.env)
    if "client" in given:
        assert {name: getattr(ours.client, name) for name in Client.__slots__} == {
            name: getattr(their.client, name) for name in their.client.__slots__
        }


def test_a_client_context_of_another_form_fails_the_invocation() -> None:
    for text in (b'{"client":"mine"}', b"[1]"):
        with pytest.raises(AttributeError, match="has no attribute 'get'"):
            make_context(client_context=text)
    with pytest.raises(HandlerFault, match="Unable to parse Client Context JSON: Expecting"):
        make_context(client_context=b"{")
    assert make_context(client_context=b"null").client_context is None


def test_a_trace_context_is_taken_out_of_the_client_context() -> None:
    given = {"w3c": {"traceparent": "00-1", "tracestate": 5, "other": "x"}, "custom": {}}
    context = make_context(client_context=json.dumps(given).encode())
    assert context.w3c() == {"traceparent": "00-1"}
    assert repr(context.client_context) == "ClientContext([custom={},env=None,client=None])"
    assert make_context(client_context=b'{"w3c":1}').w3c() == {}


def test_a_trace_header_is_made_from_the_request_id() -> None:
    header = trace_header("6c14aac6-b810-49ce-9c6c-50104412d524", 1_700_000_000)
    assert header == ("Root=1-6553f100-b81049ce9c6c50104412d524;Parent=6c14aac6b81049ce;Sampled=0")
    assert trace_header("abc", 0) == (
        f"Root=1-00000000-{'0' * 21}abc;Parent=0000000000000000;Sampled=0"
    )
