from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bellwire.definition import Authorizer, Finding, Model, Route, Service
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]
Declare = Callable[..., str]

ANSWER = "A RouteResponse {ApiId: !Ref Api, RouteId: !Ref R, RouteResponseKey: $default}"
SCHEMA = '{"type":"object"}'
CHECK = (
    "Check Authorizer {ApiId: !Ref Api, Name: check, AuthorizerType: REQUEST, "
    "AuthorizerUri: !GetAtt HelloLambdaFunction.Arn, "
    "IdentitySource: [route.request.querystring.t]}"
)


def route(properties: str) -> str:
    """A route; `properties` start in line 11, column 38."""
    return f"R Route {{ApiId: !Ref Api, {properties}}}"


def model(name: str, schema: str, logical_id: str = "M") -> str:
    return f"{logical_id} Model {{ApiId: !Ref Api, Name: {name}, Schema: {schema}}}"


def at(line: int, column: int) -> Place:
    return Place("serverless.yml", line, column)


@pytest.fixture
def read(load: Load, declare: Declare) -> Callable[..., Route]:
    """Read a route whose key stands in line 11, column 48."""

    def read(properties: str, *others: str) -> Route:
        service = load(declare(route(properties), *others))
        (found,) = service.apis[1].stages[0].routes
        return found

    return read


def test_a_route_with_all_that_it_may_have(read: Callable[..., Route]) -> None:
    found = read(
        "RouteKey: $connect, AuthorizationType: CUSTOM, AuthorizerId: !Ref Check, "
        "ApiKeyRequired: 'true', ModelSelectionExpression: $request.body.a, OperationName: o, "
        "RequestModels: {$default: Any, b: Any}, RouteResponseSelectionExpression: $default, "
        "RequestParameters: {route.request.querystring.a: {Required: true}, "
        "route.request.multivalueheader.b-c: {Required: false}, route.request.header.d: true, "
        "route.request.header.e: {}}",
        ANSWER,
        CHECK,
        model("Any", f"'{SCHEMA}'"),
    )
    any_model = Model("Any", SCHEMA, at(20, 57))
    assert found == Route(
        "$connect",
        None,
        True,
        at(11, 48),
        authorization="CUSTOM",
        authorizer=Authorizer("check", "hello", ("route.request.querystring.t",), at(15, 5)),
        api_key_required=True,
        model_selection="$request.body.a",
        request_models={"$default": any_model, "b": any_model},
        request_parameters={
            "route.request.querystring.a": True,
            "route.request.multivalueheader.b-c": False,
            "route.request.header.d": True,
            "route.request.header.e": False,
        },
    )


def test_a_route_may_be_bare(read: Callable[..., Route]) -> None:
    assert read("RouteKey: a") == Route("a", None, False, at(11, 48))


@pytest.mark.parametrize(
    "target",
    [
        "integrations/I",
        "!Sub 'integrations/${I}'",
        "!Join [/, [integrations, !Ref I]]",
        "{Fn::Join: ['', [integrations/, {Ref: I}]]}",
        "!Sub ['integrations/${x}', {x: !Ref I}]",
    ],
)
def test_targets(read: Callable[..., Route], target: str) -> None:
    mock = "I Integration {ApiId: !Ref Api, IntegrationType: MOCK}"
    found = read(f"RouteKey: a, Target: {target}", mock)
    assert found.integration
    assert found.integration.type == "MOCK"


def test_a_route_answers_only_with_expression_and_response(load: Load, declare: Declare) -> None:
    expression = "RouteKey: a, RouteResponseSelectionExpression: $default"
    for properties, others, two_way, lacks in (
        (expression, [ANSWER], True, None),
        (
            expression,
            [],
            False,
            "RouteResponseSelectionExpression but no RouteResponse with the key $default",
        ),
        ("RouteKey: a", [ANSWER], False, "a RouteResponse but no RouteResponseSelectionExpression"),
        ("RouteKey: a", [], False, None),
    ):
        service = load(declare(route(properties), *others))
        assert service.apis[1].stages[0].routes[0].two_way is two_way
        text = f"the route `R` has {lacks}: answers are not sent back"
        assert service.findings == ((Finding(text, at(9, 5)),) if lacks else ())


def test_authorization_of_messages_is_reported(load: Load, declare: Declare) -> None:
    text = declare(route("RouteKey: a, AuthorizationType: AWS_IAM"))
    service = load(text)
    assert service.apis[1].stages[0].routes[0].authorization == "NONE"
    assert service.findings == (
        Finding(
            "AuthorizationType AWS_IAM of the route `a` is without effect: AWS checks who "
            "connects, not each message",
            at(11, 70),
            "set it on the route $connect",
        ),
    )


def test_keys_and_parameters_of_messages_are_reported(load: Load, declare: Declare) -> None:
    text = declare(
        route(
            "RouteKey: a, ApiKeyRequired: true, RequestParameters: {route.request.header.d: true}"
        )
    )
    assert [finding.message for finding in load(text).findings] == [
        f"{key} of the route `a` is without effect: only a handshake has a key and parameters"
        for key in ("ApiKeyRequired", "RequestParameters")
    ]


def test_a_schema_may_be_a_map(read: Callable[..., Route]) -> None:
    uri = "http://json-schema.org/draft-04/schema#"
    schema = f"{{$schema: '{uri}', type: object, required: [a], x: 1.5}}"
    found = read("RouteKey: a, RequestModels: {$default: Any}", model("Any", schema))
    assert json.loads(found.request_models["$default"].schema) == {
        "$schema": uri,
        "type": "object",
        "required": ["a"],
        "x": 1.5,
    }


@pytest.mark.parametrize(
    ("properties", "kind", "message", "hint"),
    [
        ("AuthorizationType: NONE", DefinitionError, "9:5: `R` has no RouteKey", None),
        (
            "RouteKey: $conect",
            DefinitionError,
            "11:48: `$conect` is no route key: only $connect, $disconnect and $default start "
            "with `$`",
            "did you mean `$connect`?",
        ),
        (
            "RouteKey: a, RouteResponseSelectionExpression: $x",
            DefinitionError,
            "11:85: RouteResponseSelectionExpression must be $default, not `$x`",
            None,
        ),
        (
            "RouteKey: a, Target: I",
            DefinitionError,
            "11:59: `R.Target` must be integrations/ and an integration's id, not `I`",
            "write !Sub integrations/${MyIntegration}",
        ),
        (
            "RouteKey: a, Target: integrations/Chek",
            UnknownKeyError,
            "11:59: this API has no integration `Chek`",
            None,
        ),
        (
            "RouteKey: a, Target: !Sub 'integrations/${Chek}'",
            UnknownKeyError,
            "11:59: nothing in this service has the logical id `Chek`",
            "did you mean `Check`?",
        ),
        (
            "RouteKey: $connect, AuthorizationType: JWT",
            UnsupportedFeatureError,
            "11:77: AuthorizationType JWT is for HTTP APIs, not for WebSocket APIs",
            "use CUSTOM with a function that checks the token",
        ),
        (
            "RouteKey: $connect, AuthorizationType: IAM",
            DefinitionError,
            "11:77: `R.AuthorizationType` must be one of NONE, AWS_IAM, CUSTOM, not `IAM`",
            None,
        ),
        (
            "RouteKey: $connect, AuthorizationType: CUSTOM",
            DefinitionError,
            "11:77: `R` has AuthorizationType CUSTOM and no AuthorizerId",
            "write AuthorizerId: !Ref MyAuthorizer",
        ),
        (
            "RouteKey: $connect, AuthorizationType: CUSTOM, AuthorizerId: Chek",
            UnknownKeyError,
            "11:99: this API has no authorizer `Chek`",
            "did you mean `Check`?",
        ),
        (
            "RouteKey: $connect, AuthorizationType: AWS_IAM",
            DefinitionError,
            "11:77: AuthorizationType AWS_IAM asks for signatures, and there are no access keys "
            "to check them with",
            "set custom.bellwire.accessKeys: {MYKEYID: '${env:MY_SECRET}'}",
        ),
        (
            "RouteKey: a, RequestModels: {$default: Mesage}",
            UnknownKeyError,
            "11:66: this API has no model `Mesage`",
            "did you mean `Message`?",
        ),
        (
            "RouteKey: a, RequestModels: {$default: !Ref M}",
            UnknownKeyError,
            "11:66: this API has no model `M`",
            "RequestModels takes a model's Name: `Message`",
        ),
        (
            "RouteKey: a, RequestParameters: {querystring.a: true}",
            DefinitionError,
            "11:71: `querystring.a` is no parameter of a request",
            "write route.request.querystring.NAME or route.request.header.NAME",
        ),
        (
            "RouteKey: a, RequestParameters: {route.request.header.a: often}",
            DefinitionError,
            "11:95: `R.RequestParameters.route.request.header.a` must be true or false, not "
            "`often`",
            None,
        ),
        (
            "RouteKey: a, ApiKeyRequired: 5",
            DefinitionError,
            "11:67: `R.ApiKeyRequired` must be true or false, not `5`",
            None,
        ),
        (
            "RouteKey: a, ApiKeyRequird: true",
            UnknownKeyError,
            "11:51: unknown property `R.ApiKeyRequird`",
            "did you mean `ApiKeyRequired`?",
        ),
    ],
)
def test_a_wrong_route_is_refused(
    refuse: Refuse,
    declare: Declare,
    properties: str,
    kind: type[DefinitionError],
    message: str,
    hint: str | None,
) -> None:
    text = declare(route(properties), CHECK, model("Message", f"'{SCHEMA}'"))
    assert refuse(text) == (kind, f"serverless.yml:{message}", hint)


@pytest.mark.parametrize(
    ("resource", "message", "hint"),
    [
        (
            "A RouteResponse {ApiId: !Ref Api, RouteId: !Ref R, RouteResponseKey: $x}",
            "14:73: RouteResponseKey must be $default, not `$x`",
            None,
        ),
        (
            "A RouteResponse {ApiId: !Ref Api, RouteId: r, RouteResponseKey: $default}",
            "14:47: this API has no route `r`",
            "did you mean `R`?",
        ),
        (
            "A Authorizer {ApiId: !Ref Api, Name: a, AuthorizerType: JWT}",
            "14:63: `A.AuthorizerType` must be REQUEST for a WebSocket API",
            "a function can check a token, too",
        ),
        (
            "A Authorizer {ApiId: !Ref Api, Name: a, AuthorizerType: REQUEST}",
            "12:5: `A` has no AuthorizerUri",
            None,
        ),
        ("A Model {ApiId: !Ref Api, Name: a}", "12:5: `A` has no Schema", None),
        (
            f"A Model {{ApiId: !Ref Api, Name: a, Schema: {'x' * (32 * 1024 + 1)}}}",
            "14:55: `A.Schema` is larger than 32 KB",
            None,
        ),
        (
            "A Model {ApiId: !Ref Api, Name: a, Schema: [a]}",
            "14:55: `A.Schema` must be a text, not a list",
            None,
        ),
        (
            "A Model {ApiId: !Ref Api, Name: a, Schema: '${self:resources}'}",
            "this value is built of too many parts",
            None,
        ),
    ],
)
def test_a_wrong_part_is_refused(
    refuse: Refuse, declare: Declare, resource: str, message: str, hint: str | None
) -> None:
    found, text, given = refuse(declare(route("RouteKey: a"), resource))
    assert issubclass(found, DefinitionError)
    assert text.endswith(message)
    assert given == hint


def test_a_model_has_a_name_of_its_own(refuse: Refuse, declare: Declare) -> None:
    text = declare(model("a", "{}"), model("a", "{}", "N"))
    assert refuse(text)[1] == (
        "serverless.yml:14:55: two models have the name `a`; the first is at serverless.yml:11:55"
    )
