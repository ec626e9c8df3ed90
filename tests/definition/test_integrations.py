from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import Integration, IntegrationResponse, Service
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]
Declare = Callable[..., str]

INVOCATION = (
    "!Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
    "${HelloLambdaFunction.Arn}/invocations'"
)
ROUTE = "R Route {ApiId: !Ref Api, RouteKey: r, Target: !Sub 'integrations/${I}'}"
STAGE = (
    "S Stage {ApiId: !Ref Api, StageName: s, StageVariables: {fn: demo-dev-hello, host: h:8080}}"
)


def integration(properties: str) -> str:
    """An integration; `properties` start in line 10, column 38."""
    return f"I Integration {{ApiId: !Ref Api, {properties}}}"


@pytest.fixture
def read(load: Load, declare: Declare) -> Callable[..., Integration]:
    """Read an integration as the route of a stage has it."""

    def read(properties: str, *others: str) -> Integration:
        service = load(declare(integration(properties), ROUTE, STAGE, *others))
        (route,) = service.apis[1].stages[0].routes
        assert route.integration
        return route.integration

    return read


AT = Place("serverless.yml", 9, 5)


@pytest.mark.parametrize(
    "uri",
    [
        INVOCATION,
        "!GetAtt HelloLambdaFunction.Arn",
        "arn:aws:lambda:us-east-1:123456789012:function:demo-dev-hello",
        "arn:aws:lambda:us-east-1:123456789012:function:demo-dev-hello:live",
        "!Join ['', ['arn:aws:apigateway:', !Ref AWS::Region, "
        "':lambda:path/2015-03-31/functions/', !GetAtt HelloLambdaFunction.Arn, /invocations]]",
        "'arn:aws-cn:lambda:cn-north-1:1:function:${stageVariables.fn}'",
        "!Sub 'arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${!stageVariables.fn}'",
    ],
)
@pytest.mark.parametrize("kind", ["AWS_PROXY", "AWS"])
def test_functions(read: Callable[..., Integration], kind: str, uri: str) -> None:
    found = read(f"IntegrationType: {kind}, IntegrationUri: {uri}")
    assert found == Integration(kind, AT, "hello")  # type: ignore[arg-type]


def test_a_mock_with_all_that_it_may_have(read: Callable[..., Integration]) -> None:
    found = read(
        "IntegrationType: MOCK, PassthroughBehavior: NEVER, ContentHandlingStrategy: "
        "CONVERT_TO_TEXT, TimeoutInMillis: '50', TemplateSelectionExpression: \\$default, "
        "RequestTemplates: {$default: '{\"statusCode\":200}'}, Description: d, IntegrationUri: x",
        "Ok IntegrationResponse {ApiId: !Ref Api, IntegrationId: !Ref I, "
        "IntegrationResponseKey: /2\\d\\d/, ResponseTemplates: {$default: ok}, "
        "TemplateSelectionExpression: \\$default}",
        "Other IntegrationResponse {ApiId: !Ref Api, IntegrationId: !Ref I, "
        "IntegrationResponseKey: $default, ContentHandlingStrategy: CONVERT_TO_BINARY, "
        "ResponseParameters: {route.response.header.a: \"'b'\"}}",
    )
    assert found == Integration(
        "MOCK",
        AT,
        timeout_ms=50,
        passthrough="NEVER",
        content_handling="CONVERT_TO_TEXT",
        request_templates={"$default": '{"statusCode":200}'},
        template_selection="\\$default",
        responses=(
            IntegrationResponse(
                "/2\\d\\d/",
                Place("serverless.yml", 20, 85),
                templates={"$default": "ok"},
                template_selection="\\$default",
            ),
            IntegrationResponse(
                "$default",
                Place("serverless.yml", 23, 85),
                parameters={"route.response.header.a": "'b'"},
                content_handling="CONVERT_TO_BINARY",
            ),
        ),
    )


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_http(read: Callable[..., Integration], kind: str) -> None:
    found = read(
        f"IntegrationType: {kind}, IntegrationUri: 'https://${{stageVariables.host}}/a?b=c', "
        "IntegrationMethod: PUT, ConnectionType: INTERNET, "
        "RequestParameters: {integration.request.header.id: context.connectionId}"
    )
    assert found == Integration(
        kind,  # type: ignore[arg-type]
        AT,
        uri="https://h:8080/a?b=c",
        method="PUT",
        request_parameters={"integration.request.header.id": "context.connectionId"},
    )


@pytest.mark.parametrize(
    ("properties", "kind", "message", "hint"),
    [
        ("Description: d", DefinitionError, "9:5: `I` has no IntegrationType", None),
        (
            "IntegrationType: LAMBDA",
            DefinitionError,
            "11:55: `I.IntegrationType` must be one of AWS_PROXY, AWS, HTTP_PROXY, HTTP, MOCK, "
            "not `LAMBDA`",
            None,
        ),
        ("IntegrationType: AWS", DefinitionError, "9:5: `I` has no IntegrationUri", None),
        (
            "IntegrationType: AWS, IntegrationUri: 'arn:aws:apigateway:us-east-1:sqs:path/1/queue'",
            UnsupportedFeatureError,
            "`I.IntegrationUri` calls the AWS service `sqs`; only Lambda functions are called here",
            "call the service from a function",
        ),
        (
            "IntegrationType: AWS, IntegrationUri: 'arn:aws:apigateway:us-east-1:lambda:x'",
            DefinitionError,
            "`I.IntegrationUri` names `arn:aws:apigateway:us-east-1:lambda:x`, which is no Lambda "
            "function",
            "write arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
            "${NameLambdaFunction.Arn}/invocations",
        ),
        (
            "IntegrationType: AWS_PROXY, IntegrationUri: "
            "'arn:aws:lambda:us-east-1:1:function:demo-dev-helo'",
            UnsupportedFeatureError,
            "`I.IntegrationUri` calls the function `demo-dev-helo`, which this service does not "
            "have: a function of another cannot be called here",
            "did you mean `demo-dev-hello`?",
        ),
        (
            "IntegrationType: HTTP, IntegrationUri: 'http://${stageVariables.hots}'",
            DefinitionError,
            "`I.IntegrationUri` needs the stage variable `hots`, which the stage `s` does not have",
            "did you mean `host`?",
        ),
        (
            "IntegrationType: HTTP, IntegrationUri: '${stageVariables.none}'",
            DefinitionError,
            "`I.IntegrationUri` needs the stage variable `none`, which the stage `s` does not have",
            "set it in StageVariables",
        ),
        (
            "IntegrationType: HTTP, IntegrationUri: 'ftp://x'",
            DefinitionError,
            "`I.IntegrationUri` must be an address with http:// or https://, not `ftp://x`",
            None,
        ),
        (
            "IntegrationType: HTTP_PROXY, ConnectionType: VPC_LINK, IntegrationUri: 'http://x'",
            UnsupportedFeatureError,
            "`I` uses a VPC link: ConnectionType VPC_LINK is not built here",
            "leave ConnectionType out; the address is called from where Bellwire runs",
        ),
        (
            "IntegrationType: MOCK, TimeoutInMillis: 49",
            DefinitionError,
            "`I.TimeoutInMillis` must be a whole number from 50 to 29000, not `49`",
            None,
        ),
        (
            "IntegrationType: MOCK, TimeoutInMillis: 29001",
            DefinitionError,
            "`I.TimeoutInMillis` must be a whole number from 50 to 29000, not `29001`",
            None,
        ),
        (
            "IntegrationType: MOCK, TimeoutInMilis: 500",
            UnknownKeyError,
            "unknown property `I.TimeoutInMilis`",
            "did you mean `TimeoutInMillis`?",
        ),
        (
            "IntegrationType: MOCK, PassthroughBehavior: SOMETIMES",
            DefinitionError,
            "`I.PassthroughBehavior` must be one of WHEN_NO_MATCH, WHEN_NO_TEMPLATES, NEVER, not "
            "`SOMETIMES`",
            None,
        ),
        (
            "IntegrationType: MOCK, ContentHandlingStrategy: TEXT",
            DefinitionError,
            "`I.ContentHandlingStrategy` must be one of CONVERT_TO_BINARY, CONVERT_TO_TEXT, not "
            "`TEXT`",
            None,
        ),
        (
            "IntegrationType: MOCK, IntegrationMethod: post",
            DefinitionError,
            "`post` is no HTTP method",
            "write it in capitals: POST",
        ),
        (
            "IntegrationType: MOCK, RequestTemplates: [a]",
            DefinitionError,
            "`I.RequestTemplates` must be a map, not a list",
            None,
        ),
        (
            "IntegrationType: MOCK, RequestTemplates: !If [a, b, c]",
            UnsupportedFeatureError,
            "`I.RequestTemplates` uses Fn::If, which is not resolved here",
            "give the value itself, for local runs by a parameter or ${env:…}",
        ),
    ],
)
def test_a_wrong_integration_is_refused(
    refuse: Refuse,
    declare: Declare,
    properties: str,
    kind: type[DefinitionError],
    message: str,
    hint: str | None,
) -> None:
    found, text, given = refuse(declare(integration(properties), ROUTE, STAGE))
    text = text.removeprefix("serverless.yml:")
    if not message[0].isdigit():
        line, column, text = text.split(":", 2)
        assert line == "11"
        assert int(column) > 38
        text = text[1:]
    assert (found, text, given) == (kind, message, hint)


@pytest.mark.parametrize(
    ("properties", "message", "hint"),
    [
        ("IntegrationId: !Ref I", "18:5: `Answer` has no IntegrationResponseKey", None),
        (
            "IntegrationId: !Ref J, IntegrationResponseKey: $default",
            "20:53: nothing in this service has the logical id `J`",
            None,
        ),
        (
            "IntegrationId: !Ref R, IntegrationResponseKey: $default",
            "20:53: this API has no integration `R`",
            None,
        ),
        (
            "IntegrationId: !Ref I, IntegrationResponseKey: /1/",
            "20:85: `I` has two responses with the key `/1/`; the first is at serverless.yml:17:85",
            None,
        ),
    ],
)
def test_a_wrong_response_is_refused(
    refuse: Refuse, declare: Declare, properties: str, message: str, hint: str | None
) -> None:
    first = (
        "One IntegrationResponse {ApiId: !Ref Api, IntegrationId: !Ref I, "
        "IntegrationResponseKey: /1/}"
    )
    text = declare(
        integration("IntegrationType: MOCK"),
        ROUTE,
        first,
        f"Answer IntegrationResponse {{ApiId: !Ref Api, {properties}}}",
    )
    assert refuse(text)[1:] == (f"serverless.yml:{message}", hint)
