from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from bellwire.errors import DefinitionError, Place
from bellwire.gateway.authorization import (
    Authorization,
    Denial,
    IdentitySources,
    compile_identity_sources,
    method_arn,
    read_authorization,
)


PLACE = Place("serverless.yml", 12, 7)
ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/default/$connect"


def policy(effect: str = "Allow", resource: str = ARN) -> dict[str, object]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def result(**members: object) -> dict[str, object]:
    return {"principalId": "user", "policyDocument": policy(), **members}


def read(document: object) -> Authorization | Denial:
    return read_authorization(orjson.dumps(document), None, method_arn=ARN)


def unusable(what: str, remedy: str) -> Denial:
    return Denial(500, "Internal server error", f"the authorizer returned {what}; {remedy}")


@pytest.mark.parametrize(
    ("document", "authorization"),
    [
        (result(), Authorization("user", {}, None)),
        # docs.aws.amazon.com/apigateway/latest/developerguide/
        # api-gateway-lambda-authorizer-output.html
        (
            result(
                context={"stringKey": "value", "numberKey": 1, "booleanKey": True},
                usageIdentifierKey="{api-key}",
            ),
            Authorization(
                "user",
                {"stringKey": "value", "numberKey": "1", "booleanKey": "true"},
                "{api-key}",
            ),
        ),
        (
            result(context={"a": False, "b": -1.5, "c": "", "d": 10**15}),
            Authorization("user", {"a": "false", "b": "-1.5", "c": "", "d": "1" + "0" * 15}, None),
        ),
        (result(context={}), Authorization("user", {}, None)),
        (result(context=None, usageIdentifierKey=None), Authorization("user", {}, None)),
        (result(principalId=17), Authorization("17", {}, None)),
        (result(more="x"), Authorization("user", {}, None)),
        (
            result(policyDocument=policy(resource="arn:aws:execute-api:*/default/*")),
            Authorization("user", {}, None),
        ),
    ],
)
def test_what_lets_a_request_in(document: object, authorization: Authorization) -> None:
    assert read(document) == authorization


@pytest.mark.parametrize(
    "document",
    [
        result(policyDocument=policy("Deny")),
        result(policyDocument={"Version": "2012-10-17", "Statement": []}),
        result(policyDocument=policy(resource=ARN.replace("$connect", "*/*"))),
        result(policyDocument=policy(resource=ARN.replace("default", "prod"))),
    ],
)
def test_a_policy_that_does_not_allow_is_forbidden(document: object) -> None:
    assert read(document) == Denial(
        403,
        "Forbidden",
        f"the authorizer's policy does not allow execute-api:Invoke on {ARN}; to let the request "
        "in, allow that Resource, or one that ends in /* after the stage (/*/* does not match it)",
    )


@pytest.mark.parametrize(
    ("document", "refusal"),
    [
        (None, unusable("no map", "return principalId and policyDocument")),
        ([result()], unusable("no map", "return principalId and policyDocument")),
        ("Unauthorized", unusable("no map", "return principalId and policyDocument")),
        ({}, unusable("no principalId", "name whom you let in, as text")),
        ({"statusCode": 401}, unusable("no principalId", "name whom you let in, as text")),
        (
            {"policyDocument": policy()},
            unusable("no principalId", "name whom you let in, as text"),
        ),
        (result(principalId=""), unusable("no principalId", "name whom you let in, as text")),
        (result(principalId=["u"]), unusable("no principalId", "name whom you let in, as text")),
        (
            {"principalId": "user"},
            unusable(
                "no policy: the policy document is not a map",
                "return an IAM policy as policyDocument",
            ),
        ),
        (
            result(policyDocument=policy("Permit")),
            unusable(
                "no policy: Statement[0] of the policy has no Effect, either Allow or Deny",
                "return an IAM policy as policyDocument",
            ),
        ),
        (
            result(context="x"),
            unusable("a context that is no map", "return names with text, numbers or booleans"),
        ),
        (
            result(context={"ok": 1, "user": {"id": 7}}),
            unusable(
                "context['user'] as a map",
                "return text, a number or a boolean, such as the value as JSON text",
            ),
        ),
        (
            result(context={"roles": ["a"]}),
            unusable(
                "context['roles'] as a list",
                "return text, a number or a boolean, such as the value as JSON text",
            ),
        ),
        (
            result(context={"email": None}),
            unusable(
                "context['email'] as null",
                "return text, a number or a boolean, such as the value as JSON text",
            ),
        ),
        (
            result(usageIdentifierKey=7),
            unusable("a usageIdentifierKey that is no text", "return the value of an API key"),
        ),
        # What cannot be used is told, although the policy would deny.
        (
            result(policyDocument=policy("Deny"), context={"email": None}),
            unusable(
                "context['email'] as null",
                "return text, a number or a boolean, such as the value as JSON text",
            ),
        ),
    ],
)
def test_a_result_that_cannot_be_used(document: object, refusal: Denial) -> None:
    assert read(document) == refusal


@pytest.mark.parametrize("payload", [b"", b"{", b'{"principalId": NaN}'])
def test_a_result_that_is_no_json(payload: bytes) -> None:
    assert read_authorization(payload, None, method_arn=ARN) == unusable(
        "no map", "return principalId and policyDocument"
    )


def test_a_result_has_eight_kilobytes() -> None:
    padding = 8192 - len(orjson.dumps(result(context={"a": ""})))
    fits = orjson.dumps(result(context={"a": "x" * padding}))
    assert len(fits) == 8192
    assert read_authorization(fits, None, method_arn=ARN) == Authorization(
        "user", {"a": "x" * padding}, None
    )
    assert read_authorization(fits + b" ", None, method_arn=ARN) == unusable(
        "8193 bytes, at most 8192 are allowed", "return less"
    )


def test_the_text_unauthorized_is_a_401() -> None:
    payload = orjson.dumps({"errorMessage": "Unauthorized", "errorType": "Exception"})
    assert read_authorization(payload, "Unhandled", method_arn=ARN) == Denial(
        401, "Unauthorized", "the authorizer refused the request as Unauthorized"
    )


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"errorMessage":"unauthorized","errorType":"Exception"}', "'unauthorized'"),
        (b'{"errorMessage":"Unauthorized: no token"}', "'Unauthorized: no token'"),
        (b'{"errorMessage":"two\\nlines"}', "'two\\nlines'"),
        (b'{"errorMessage":"' + b"x" * 1000 + b'"}', repr("x" * 200)),
        (b'{"principalId":"user"}', "'None'"),
        (b'"Unauthorized"', "'None'"),
        (b"", "'None'"),
    ],
)
def test_any_other_error_is_a_500(payload: bytes, shown: str) -> None:
    assert read_authorization(payload, "Unhandled", method_arn=ARN) == Denial(
        500,
        "Internal server error",
        f"the authorizer failed: {shown}; to refuse a request, return a policy that denies it "
        "(403) or raise an error of the exact text Unauthorized (401)",
    )


def test_a_good_result_beside_an_error_lets_nobody_in() -> None:
    refusal = read_authorization(orjson.dumps(result()), "Unhandled", method_arn=ARN)
    assert isinstance(refusal, Denial)
    assert refusal.status == 500


def test_identity_sources_by_kind() -> None:
    sources = [
        "route.request.header.X-Auth",
        "route.request.querystring.Token",
        "context.identity.sourceIp",
        "stageVariables.realm",
        "route.request.header.origin",
    ]
    assert compile_identity_sources(sources, PLACE) == IdentitySources(
        headers=("x-auth", "origin"),
        query=("Token",),
        context=("identity.sourceIp",),
        stage_variables=("realm",),
    )


@pytest.mark.parametrize(
    ("source", "headers", "query", "variables", "missing"),
    [
        ("route.request.header.Auth", {"auth": ["x"]}, {}, {}, False),
        ("route.request.header.Auth", {"auth": ["", "x"]}, {}, {}, False),
        ("route.request.header.Auth", {"auth": [""]}, {}, {}, True),
        ("route.request.header.Auth", {}, {"Auth": ["x"]}, {"Auth": "x"}, True),
        ("route.request.querystring.Token", {}, {"Token": ["x"]}, {}, False),
        ("route.request.querystring.Token", {}, {"token": ["x"]}, {}, True),
        ("route.request.querystring.Token", {}, {"Token": [""]}, {}, True),
        ("route.request.querystring.Token", {"token": ["x"]}, {}, {}, True),
        ("stageVariables.realm", {}, {}, {"realm": "x"}, False),
        ("stageVariables.realm", {}, {}, {"realm": ""}, True),
        ("stageVariables.realm", {}, {}, {}, True),
        ("context.identity.sourceIp", {}, {}, {}, False),
        ("context.identity.userAgent", {}, {}, {}, True),
        ("context.identity.user", {}, {}, {}, True),
    ],
)
def test_a_source_that_is_missing_or_empty(
    source: str,
    headers: Mapping[str, list[str]],
    query: Mapping[str, list[str]],
    variables: Mapping[str, str],
    missing: bool,
) -> None:
    context = {"identity.sourceIp": "127.0.0.1", "identity.userAgent": ""}
    sources = compile_identity_sources([source], PLACE)
    assert sources.missing(headers, query, context.get, variables) is missing


def test_all_sources_must_be_there() -> None:
    context: dict[str, str] = {}
    sources = compile_identity_sources(
        ["route.request.header.A", "route.request.querystring.B"], None
    )
    assert not sources.missing({"a": ["1"]}, {"B": ["2"]}, context.get, {})
    assert sources.missing({"a": ["1"]}, {}, context.get, {})
    assert sources.missing({}, {"B": ["2"]}, context.get, {})
    assert not compile_identity_sources([], None).missing({}, {}, context.get, {})


FORMS = (
    "write route.request.header.NAME, route.request.querystring.NAME, context.NAME or "
    "stageVariables.NAME, each as an item of a list"
)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("$request.header.Auth", "write route.request.header.Auth"),
        ("$route.request.header.Auth", "write route.request.header.Auth"),
        ("method.request.querystring.token", "write route.request.querystring.token"),
        ("request.header.Auth", "write route.request.header.Auth"),
        ("$context.identity.sourceIp", "write context.identity.sourceIp"),
        ("$stageVariables.realm", "write stageVariables.realm"),
        ("route.request.body.token", FORMS),
        ("route.request.header", FORMS),
        ("route.request.header.", FORMS),
        ("route.request.header.A, route.request.header.B", FORMS),
        ("context.", FORMS),
        ("Auth", FORMS),
        ("", FORMS),
    ],
)
def test_another_form_of_a_source_is_refused_with_the_right_one(source: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        compile_identity_sources(["route.request.header.Auth", source], PLACE)
    error = raised.value
    assert (error.message, error.place, error.hint) == (
        f"'{source}' is not an identity source of a WebSocket API",
        PLACE,
        hint,
    )


def test_the_arn_of_a_route() -> None:
    arn = method_arn(
        region="us-east-1",
        account_id="123456789012",
        api_id="abcdef1234",
        stage="default",
        route_key="$connect",
    )
    assert arn == ARN
