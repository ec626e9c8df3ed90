from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bellwire.definition import (
    ApiKey,
    Authorizer,
    Finding,
    Integration,
    IntegrationResponse,
    Route,
    Service,
    Stage,
    Throttle,
    WebSocketApi,
    load_service,
)
from bellwire.definition.naming import make_api_id
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]
Declare = Callable[..., str]

WHOLE = """\
service: demo
provider: {name: aws, runtime: python3.11}
custom:
  bellwire: {accessKeys: {AKIDEXAMPLE: "${env:SECRET}"}}
functions:
  hello:
    handler: h.f
    environment:
      ADMIN: !Ref AdminApi
      URL: !Sub ${AdminApi.ApiEndpoint}/${AdminProd}
      OWN: !Sub ${WebsocketsApi.ApiEndpoint}/${WebsocketsDeploymentStage}
    events:
      - websocket: {route: $connect, authorizer: auth}
      - websocket: {route: hello, routeResponseSelectionExpression: $default}
  auth: {handler: h.f}
  admin: {handler: h.f}
resources:
  extensions:
    SconnectWebsocketsRoute:
      Properties: {ApiKeyRequired: true}
    WebsocketsDeploymentStage:
      Properties:
        StageVariables: {color: red}
        RouteSettings: {hello: {ThrottlingRateLimit: 1}}
        AccessLogSettings: {Format: $context.requestId $context.status}
  Resources:
    AuthWebsocketsAuthorizer:
      Properties: {IdentitySource: [route.request.querystring.token]}
    helloWebsocketsRoute:
      Type: AWS::ApiGatewayV2::Route
      Properties: {ModelSelectionExpression: $request.body.kind}
    PingIntegration:
      Type: AWS::ApiGatewayV2::Integration
      Properties:
        ApiId: !Ref WebsocketsApi
        IntegrationType: MOCK
        RequestTemplates: {$default: '{"statusCode":200}'}
    PingAnswer:
      Type: AWS::ApiGatewayV2::IntegrationResponse
      Properties:
        ApiId: !Ref WebsocketsApi
        IntegrationId: !Ref PingIntegration
        IntegrationResponseKey: $default
        ResponseTemplates: {$default: pong}
    PingRoute:
      Type: AWS::ApiGatewayV2::Route
      Properties:
        ApiId: !Ref WebsocketsApi
        RouteKey: ping
        Target: !Sub integrations/${PingIntegration}
        RouteResponseSelectionExpression: $default
    PingRouteResponse:
      Type: AWS::ApiGatewayV2::RouteResponse
      Properties: {ApiId: !Ref WebsocketsApi, RouteId: !Ref PingRoute, RouteResponseKey: $default}
    AdminApi:
      Type: AWS::ApiGatewayV2::Api
      Properties: {Name: admin, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.do}
    AdminProd:
      Type: AWS::ApiGatewayV2::Stage
      Properties: {ApiId: !Ref AdminApi, StageName: prod, StageVariables: {fn: admin}}
    AdminTest:
      Type: AWS::ApiGatewayV2::Stage
      Properties: {ApiId: !Ref AdminApi, StageName: test, StageVariables: {fn: hello}}
    AdminIntegration:
      Type: AWS::ApiGatewayV2::Integration
      Properties:
        ApiId: !Ref AdminApi
        IntegrationType: AWS_PROXY
        IntegrationUri: !Sub arn:aws:lambda:${AWS::Region}:1:function:demo-dev-${!stageVariables.fn}
    AdminConnect:
      Type: AWS::ApiGatewayV2::Route
      Properties:
        ApiId: !Ref AdminApi
        RouteKey: $connect
        AuthorizationType: AWS_IAM
        Target: !Join [/, [integrations, !Ref AdminIntegration]]
    Key:
      Type: AWS::ApiGateway::ApiKey
      Properties: {Name: one, Enabled: true, Value: "${env:KEY}"}
    Plan:
      Type: AWS::ApiGateway::UsagePlan
      Properties:
        ApiStages: [{ApiId: !Ref WebsocketsApi, Stage: !Ref WebsocketsDeploymentStage}]
        Throttle: {RateLimit: 2, BurstLimit: 3}
    PlanKey:
      Type: AWS::ApiGateway::UsagePlanKey
      Properties: {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}
    Table: {Type: AWS::DynamoDB::Table}
    Domain: {Type: AWS::ApiGatewayV2::DomainName, Properties: {DomainName: api.example.com}}
    Mapping: {Type: AWS::ApiGatewayV2::ApiMapping, Properties: {ApiId: !Ref Nothing}}
"""
ENV = {"SECRET": "s3cr3t", "KEY": "0123456789abcdefghij"}


def at(line: int, column: int) -> Place:
    return Place("serverless.yml", line, column)


def admin_stage(name: str, function: str, line: int) -> Stage:
    integration = Integration("AWS_PROXY", at(64, 5), function)
    return Stage(
        name,
        (Route("$connect", integration, False, at(74, 19), authorization="AWS_IAM"),),
        variables={"fn": function},
        place=at(line, 53),
    )


def test_a_whole_template(load: Load) -> None:
    hello = Integration("AWS_PROXY", at(13, 28), "hello")
    token = ("route.request.querystring.token",)
    ping = Integration(
        "MOCK",
        at(32, 5),
        request_templates={"$default": '{"statusCode":200}'},
        responses=(IntegrationResponse("$default", at(43, 33), templates={"$default": "pong"}),),
    )
    own = Stage(
        "dev",
        (
            Route(
                "$connect",
                hello,
                False,
                at(13, 28),
                authorization="CUSTOM",
                authorizer=Authorizer("auth", "auth", token, at(13, 50)),
                api_key_required=True,
            ),
            Route("hello", hello, True, at(14, 28), model_selection="$request.body.kind"),
            Route("ping", ping, True, at(49, 19)),
        ),
        variables={"color": "red"},
        route_throttles={"hello": Throttle(1.0)},
        access_log_format="$context.requestId $context.status",
        place=at(2, 11),
    )
    service = load(WHOLE, env=ENV)
    own_id, admin_id = make_api_id("demo"), make_api_id("demo", "AdminApi")
    assert service.apis == (
        WebSocketApi(
            own_id,
            "dev-demo-websockets",
            "$request.body.action",
            at(2, 11),
            (own,),
            api_keys={"dev": (ApiKey("one", ENV["KEY"], Throttle(2.0, 3)),)},
        ),
        WebSocketApi(
            admin_id,
            "admin",
            "$request.body.do",
            at(57, 84),
            (admin_stage("prod", "admin", 60), admin_stage("test", "hello", 63)),
        ),
    )
    assert service.functions["hello"].environment == {
        "ADMIN": admin_id,
        "URL": f"wss://{admin_id}.execute-api.us-east-1.amazonaws.com/prod",
        "OWN": f"wss://{own_id}.execute-api.us-east-1.amazonaws.com/dev",
    }
    assert service.findings == (
        Finding(
            "custom domains are not set up here: that is the task of the reverse proxy in front "
            "of Bellwire",
            at(89, 5),
        ),
        Finding(
            "`resources` of these types are not created here: `AWS::DynamoDB::Table`",
            at(88, 5),
            "create what the functions use; AWS_ENDPOINT_URL_DYNAMODB and the like name it",
        ),
    )


def test_http_apis_and_their_parts_are_passed_over(load: Load, declare: Declare) -> None:
    service = load(
        declare(
            "Http Api {Name: h, ProtocolType: HTTP, CorsConfiguration: {}}",
            "Spec Api {Body: {openapi: 3.0.1}}",
            "A Route {ApiId: !Ref Http, RouteKey: GET /, Nonsense: true}",
            "B Authorizer {ApiId: !Ref Spec, AuthorizerType: JWT}",
            "C Route {ApiId: !Ref HttpApi, RouteKey: GET /}",
            "HttpApiStage Stage {DefaultRouteSettings: {}}",
            "HttpApi Api {DisableExecuteApiEndpoint: true}",
            "Link VpcLink {Name: l}",
            "Rest AWS::ApiGateway::RestApi {Name: r}",
        )
    )
    assert [api.name for api in service.apis] == ["dev-demo-websockets", "chat"]
    assert service.apis[1].stages[0].routes == ()
    assert service.findings == (
        Finding(
            "`resources` of these types are not created here: `AWS::ApiGatewayV2::VpcLink` and "
            "`AWS::ApiGateway::RestApi`",
            at(30, 5),
            "create what the functions use; AWS_ENDPOINT_URL_DYNAMODB and the like name it",
        ),
        Finding("`Http` is an HTTP API: not served here", at(9, 5)),
        Finding("`Spec` is an HTTP API: not served here", at(12, 5)),
    )


def test_a_condition_counts_as_true(load: Load, declare: Declare) -> None:
    text = declare("R Route {ApiId: !Ref Api, RouteKey: a}").replace(
        "{Type: AWS::ApiGatewayV2::Route", "{Condition: C, Type: AWS::ApiGatewayV2::Route"
    )
    service = load(text)
    assert [route.route_key for route in service.apis[1].stages[0].routes] == ["a"]
    assert service.findings == (
        Finding("the Condition of `R` is not evaluated here: it counts as true", at(9, 5)),
    )


def test_what_is_not_ours_may_lead_nowhere(load: Load, declare: Declare) -> None:
    service = load(
        declare(
            "Table AWS::DynamoDB::Table '${file(none.yml)}'",
            "Key AWS::ApiGateway::ApiKey {Value: !ImportValue x}",
            "Plan AWS::ApiGateway::UsagePlan {ApiStages: [{ApiId: !ImportValue x, Stage: s}]}",
        )
    )
    assert len(service.apis) == 2


@pytest.mark.parametrize(
    ("resource", "kind", "message", "hint"),
    [
        (
            "Sam AWS::Serverless::WebSocketApi {}",
            UnsupportedFeatureError,
            "9:5: `Sam` is of the type AWS::Serverless::WebSocketApi, which is not built here",
            "write `websocket` events, or resources of the types AWS::ApiGatewayV2::…",
        ),
        ("X Route {RouteKey: a}", DefinitionError, "9:5: `X` has no ApiId", None),
        (
            "X Route {ApiId: !Ref Appi, RouteKey: a}",
            UnknownKeyError,
            "11:28: nothing in this service has the logical id `Appi`",
            "did you mean `Api`?",
        ),
        (
            "X Route {ApiId: abcdefghij, RouteKey: a}",
            UnknownKeyError,
            "11:28: `X` belongs to the API `abcdefghij`, which this service does not have",
            "write ApiId: !Ref WebsocketsApi",
        ),
        (
            "ConnectWebsocketsRoute Route {ApiKeyRequired: true}",
            DefinitionError,
            "9:5: `ConnectWebsocketsRoute` has no ApiId",
            None,
        ),
        ("X Api {Name: x}", DefinitionError, "9:5: `X` has no ProtocolType", None),
        (
            "X Api {Name: x, ProtocolType: MQTT}",
            DefinitionError,
            "11:44: `X.ProtocolType` must be one of WEBSOCKET, HTTP, not `MQTT`",
            None,
        ),
        (
            "X Api {Name: x, ProtocolType: WEBSOCKET}",
            DefinitionError,
            "9:5: `X` has no RouteSelectionExpression",
            None,
        ),
        (
            "X Api {ProtocolType: WEBSOCKET, RouteSelectionExpression: a}",
            DefinitionError,
            "9:5: `X` has no Name",
            None,
        ),
        (
            "X Api {Name: x, ProtocolType: WEBSOCKET, RouteSelectionExpression: a, "
            "ApiKeySelectionExpression: $request.header.key}",
            DefinitionError,
            "11:111: `X.ApiKeySelectionExpression` must be one of $request.header.x-api-key, "
            "$context.authorizer.usageIdentifierKey, not `$request.header.key`",
            None,
        ),
        (
            "X Api {Name: x, ProtocolType: WEBSOCKET, RouteSelectExpression: a}",
            UnknownKeyError,
            "11:55: unknown property `X.RouteSelectExpression`",
            "did you mean `RouteSelectionExpression`?",
        ),
    ],
)
def test_a_wrong_template_is_refused(
    refuse: Refuse,
    declare: Declare,
    resource: str,
    kind: type[DefinitionError],
    message: str,
    hint: str | None,
) -> None:
    assert refuse(declare(resource)) == (kind, f"serverless.yml:{message}", hint)


def test_a_wrong_id_of_what_is_generated(refuse: Refuse, declare: Declare) -> None:
    text = declare("ConnectWebsocketsRoute Route {ApiKeyRequired: true}").replace(
        "{handler: h.f}", "{handler: h.f, events: [websocket: $connect]}"
    )
    assert refuse(text) == (
        DefinitionError,
        "serverless.yml:9:5: `ConnectWebsocketsRoute` has no ApiId",
        "did you mean `SconnectWebsocketsRoute`?",
    )


def test_a_route_is_there_once_in_an_api(refuse: Refuse, load: Load, declare: Declare) -> None:
    first, second = (f"{name} Route {{ApiId: !Ref Api, RouteKey: a}}" for name in "RS")
    text = declare(first, second)
    assert refuse(text)[1] == (
        "serverless.yml:14:48: the route `a` is there twice; the first is at serverless.yml:11:48"
    )
    service = load(declare(first, second.replace("Ref Api", "Ref WebsocketsApi")))
    routes = [[route.route_key for route in api.stages[0].routes] for api in service.apis]
    assert routes == [["a"], ["a"]]


def test_a_route_may_not_repeat_that_of_an_event(refuse: Refuse, declare: Declare) -> None:
    text = declare("R Route {ApiId: !Ref WebsocketsApi, RouteKey: a}").replace(
        "{handler: h.f}", "{handler: h.f, events: [websocket: a]}"
    )
    assert refuse(text)[1] == (
        "serverless.yml:11:58: the route `a` is there twice; the first is at serverless.yml:4:45"
    )


@pytest.mark.parametrize(
    ("kind", "most", "properties"),
    [
        ("Route", 300, "RouteKey: r{0}"),
        ("Integration", 300, "IntegrationType: MOCK, Description: i{0}"),
        (
            "Authorizer",
            10,
            "Name: a{0}, AuthorizerType: REQUEST, AuthorizerUri: !GetAtt HelloLambdaFunction.Arn",
        ),
        ("Stage", 10, "StageName: s{0}"),
    ],
)
def test_quotas(
    refuse: Refuse, load: Load, declare: Declare, kind: str, most: int, properties: str
) -> None:
    each = [
        f"X{number} {kind} {{ApiId: !Ref Api, {properties.format(number)}}}"
        for number in range(most + 1)
    ]
    load(declare(*each[:-1]))
    assert refuse(declare(*each))[1] == (
        f"serverless.yml:{9 + 3 * most}:5: the API `Api` has more than {most} resources of the "
        f"type AWS::ApiGatewayV2::{kind}"
    )


PIECES = (
    *("", "\n", "  ", "- ", ": ", "{", "}", "[", "]", "'", '"', "null", "!Ref ", "!Sub ", "!If "),
    *("${", "${self:resources}", "${AWS::Region}", "!Select [0, a]", "AdminApi", "WebsocketsApi"),
    *("${stageVariables.x}", "AWS::ApiGatewayV2::Api", "$default", "integrations/", "Properties"),
)


@st.composite
def changed(draw: st.DrawFn) -> str:
    """The template in which a few pieces have been replaced by others."""
    text = WHOLE
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(100, len(text)))
        piece = draw(st.sampled_from(PIECES) | st.text(max_size=4))
        text = text[:start] + piece + text[start + draw(st.integers(0, 12)) :]
    return text


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changed())
def test_whatever_a_template_holds_the_answer_is_a_definition_error(
    folder: Path, text: str
) -> None:
    Path("serverless.yml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found: Service | DefinitionError = load_service(Path(), env=ENV)
    except DefinitionError as error:
        found = error
    assert ENV["SECRET"] not in repr(found)
    assert ENV["KEY"] not in repr(found)
