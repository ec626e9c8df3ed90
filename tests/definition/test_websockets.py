from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import Authorizer, Finding, Service, Stage
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]

FRAMEWORK_FORMAT = (
    "$context.identity.sourceIp $context.identity.caller $context.identity.user "
    '[$context.requestTime] "$context.eventType $context.routeKey $context.connectionId" '
    "$context.requestId"
)


def at(line: int, column: int) -> Place:
    return Place("serverless.yml", line, column)


@pytest.fixture
def guarded(head: str) -> Callable[[str], str]:
    """A service whose $connect has an authorizer, given in flow style at line 7, column 23."""

    def guarded(authorizer: str) -> str:
        return (
            f"{head}functions:\n  auth-fn: {{handler: h.f}}\n  f:\n    handler: h.f\n"
            f"    events: [websocket: {{route: $connect,\n          authorizer: {authorizer}}}]\n"
        )

    return guarded


@pytest.mark.parametrize(
    ("authorizer", "name", "sources"),
    [
        ("auth-fn", "auth-fn", ("route.request.header.Auth",)),
        ("{name: auth-fn}", "auth-fn", ("route.request.header.Auth",)),
        ("{name: auth-fn, identitySource: []}", "auth-fn", ()),
        (
            "{name: auth-fn, identitySource: route.request.querystring.t}",
            "auth-fn",
            ("route.request.querystring.t",),
        ),
        (
            "{name: auth-fn, identitySource: [route.request.header.A, context.b, "
            "stageVariables.c]}",
            "auth-fn",
            ("route.request.header.A", "context.b", "stageVariables.c"),
        ),
        (
            "'arn:aws:lambda:us-east-1:123456789012:function:demo-dev-auth-fn'",
            "demo-dev-auth-fn",
            ("route.request.header.Auth",),
        ),
        (
            "{arn: 'arn:aws:lambda:eu-west-1:1:function:demo-dev-auth-fn:live', name: x}",
            "live",
            ("route.request.header.Auth",),
        ),
        (
            "{name: mine, arn: !GetAtt AuthDashfnLambdaFunction.Arn}",
            "mine",
            ("route.request.header.Auth",),
        ),
        (
            "{name: mine, arn: {Fn::GetAtt: [AuthDashfnLambdaFunction, Arn]}}",
            "mine",
            ("route.request.header.Auth",),
        ),
        (
            "{name: mine, arn: !Sub '${AuthDashfnLambdaFunction.Arn}'}",
            "mine",
            ("route.request.header.Auth",),
        ),
        (
            "{name: mine, arn: !Join [':', [arn:aws:lambda, !Ref 'AWS::Region', "
            "!Ref 'AWS::AccountId', function, !Ref AuthDashfnLambdaFunction]]}",
            "mine",
            ("route.request.header.Auth",),
        ),
    ],
)
def test_authorizers_in_all_forms(
    load: Load,
    guarded: Callable[[str], str],
    authorizer: str,
    name: str,
    sources: tuple[str, ...],
) -> None:
    (route,) = load(guarded(authorizer)).api.stages[0].routes
    assert route.authorization == "CUSTOM"
    assert route.authorizer == Authorizer(name, "auth-fn", sources, at(8, 23))


@pytest.mark.parametrize(
    ("authorizer", "kind", "message", "hint"),
    [
        (
            "auth",
            UnknownKeyError,
            "8:23: the authorizer `auth` is no function of this service",
            "did you mean `auth-fn`?",
        ),
        (
            "{name: other}",
            UnknownKeyError,
            "8:23: the authorizer `other` is no function of this service",
            None,
        ),
        (
            "{arn: 'arn:aws:lambda:us-east-1:1:function:demo-dev-auth'}",
            UnsupportedFeatureError,
            "8:23: `DemoDashdevDashauthWebsocketsAuthorizer.AuthorizerUri` calls the function "
            "`demo-dev-auth`, which this service does not have: a function of another cannot be "
            "called here",
            "did you mean `demo-dev-auth-fn`?",
        ),
        (
            "'arn:aws:cognito-idp:us-east-1:1:userpool/us-east-1_x'",
            DefinitionError,
            "8:23: `Userpool/usDasheastDash1UnderscorexWebsocketsAuthorizer.AuthorizerUri` names "
            "`arn:aws:cognito-idp:us-east-1:1:userpool/us-east-1_x`, which is no Lambda function",
            "write arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
            "${NameLambdaFunction.Arn}/invocations",
        ),
        (
            "{arn: !GetAtt AuthDashfnLambdaFunction.Arn}",
            DefinitionError,
            "8:23: `functions.f.events[0].websocket.authorizer` has an arn that is no text, and "
            "no name beside it",
            "write `name:`, the name of a function",
        ),
        (
            "{identitySource: []}",
            DefinitionError,
            "8:23: `functions.f.events[0].websocket.authorizer` has neither name nor arn",
            "write `name:`, the name of a function",
        ),
        (
            "{name: auth-fn, resultTtlInSeconds: 0}",
            UnknownKeyError,
            "8:39: unknown key `functions.f.events[0].websocket.authorizer.resultTtlInSeconds`",
            "it takes `name`, `arn`, `identitySource`",
        ),
        (
            "{name: auth-fn, identitySource: {a: 1}}",
            DefinitionError,
            "8:55: `AuthDashfnWebsocketsAuthorizer.IdentitySource` must be a list, not a map",
            None,
        ),
    ],
)
def test_a_wrong_authorizer_is_refused(
    refuse: Refuse,
    guarded: Callable[[str], str],
    authorizer: str,
    kind: type[DefinitionError],
    message: str,
    hint: str | None,
) -> None:
    assert refuse(guarded(authorizer)) == (kind, f"serverless.yml:{message}", hint)


def test_an_authorizer_is_for_connect_only(refuse: Refuse, guarded: Callable[[str], str]) -> None:
    assert refuse(guarded("auth-fn").replace("$connect", "hello")) == (
        DefinitionError,
        "serverless.yml:8:23: the route `hello` has an authorizer: AWS takes one for $connect only",
        "move it to the event of the route $connect; who is let in there may send to all",
    )


def test_an_authorizer_that_does_not_run_here_is_refused(
    refuse: Refuse, guarded: Callable[[str], str]
) -> None:
    text = guarded("auth-fn").replace("{handler: h.f}", "{handler: h.f, runtime: java21}")
    assert refuse(text) == (
        UnsupportedFeatureError,
        "serverless.yml:8:23: `AuthDashfnWebsocketsAuthorizer.AuthorizerUri` calls the function "
        "`auth-fn`, which does not run here: only Python, Node.js and executables do",
        "set `runtime: python3.12`, `nodejs24.x` or `provided.al2023`",
    )


def provider(settings: str) -> str:
    return (
        f"service: demo\nprovider: {{name: aws, runtime: python3.11, stage: test,\n {settings}}}\n"
        "functions: {f: {handler: h.f, events: [websocket: hello]}}\n"
    )


@pytest.mark.parametrize(
    ("logs", "log_format"),
    [
        ("true", FRAMEWORK_FORMAT),
        ("{}", FRAMEWORK_FORMAT),
        ("{level: ERROR, executionLogging: false, fullExecutionData: true}", FRAMEWORK_FORMAT),
        ("{format: $context.requestId $context.status}", "$context.requestId $context.status"),
        ("{accessLogging: true, format: $context.requestId}", "$context.requestId"),
        ("{accessLogging: false, format: $context.requestId}", None),
        ("false", None),
        ("null", None),
    ],
)
def test_the_access_log(load: Load, logs: str, log_format: str | None) -> None:
    service = load(provider(f"logs: {{websocket: {logs}}}"))
    assert service.api.stages[0].access_log_format == log_format
    assert service.findings == load(provider("timeout: 6")).findings


@pytest.mark.parametrize(
    ("logs", "message"),
    [
        (
            "{level: DEBUG}",
            "3:28: `provider.logs.websocket.level` must be INFO or ERROR, not `DEBUG`",
        ),
        ("{formt: x}", "3:21: unknown key `provider.logs.websocket.formt`"),
        ("maybe", "3:20: `provider.logs.websocket` must be true or false, not `maybe`"),
        ("{executionLogging: 5}", "3:39: `provider.logs.websocket.executionLogging` must be true"),
    ],
)
def test_a_wrong_setting_of_the_access_log_is_refused(
    refuse: Refuse, logs: str, message: str
) -> None:
    assert refuse(provider(f"logs: {{websocket: {logs}}}"))[1].startswith(
        f"serverless.yml:{message}"
    )


def test_routes_are_attached_to_an_api_by_its_id(load: Load) -> None:
    service = load(
        provider(
            "apiGateway: {websocketApiId: abcdef1234, minimumCompressionSize: 1}, "
            "logs: {restApi: true, websocket: true}"
        )
    )
    (api,) = service.apis
    assert api.api_id == "abcdef1234"
    # No access log: the framework makes no stage there, only a deployment to it.
    (stage,) = api.stages
    assert [route.route_key for route in stage.routes] == ["hello"]
    assert (stage.name, stage.access_log_format) == ("test", None)
    assert service.findings[-2:] == (
        Finding("without effect here: `provider.apiGateway.minimumCompressionSize`", at(3, 43)),
        Finding("without effect here: `provider.logs.restApi`", at(3, 78)),
    )


def test_routes_are_attached_to_an_api_of_resources(
    load: Load, declare: Callable[..., str]
) -> None:
    text = declare("Other Api {Name: o, ProtocolType: WEBSOCKET, RouteSelectionExpression: a}")
    text = text.replace("python3.11", "python3.11, apiGateway: {websocketApiId: !Ref Other}")
    text = text.replace("{handler: h.f}", "{handler: h.f, events: [websocket: hello]}")
    service = load(text)
    assert [api.name for api in service.apis] == ["o", "chat"]
    assert [route.route_key for route in service.api.stages[0].routes] == ["hello"]
    assert service.apis[1].stages == (Stage("dev", (), place=at(7, 5)),)


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ("a/b", "3:31: `a/b` is no id of an API", None),
        (
            "!Ref Nothing",
            "3:31: nothing in this service has the logical id `Nothing`",
            None,
        ),
        (
            "!ImportValue x",
            "3:31: `provider.apiGateway.websocketApiId` uses Fn::ImportValue, which is not "
            "resolved here",
            "give the value itself, for local runs by a parameter or ${env:…}",
        ),
    ],
)
def test_an_api_that_is_not_known_is_refused(
    refuse: Refuse, value: str, message: str, hint: str | None
) -> None:
    text = provider(f"apiGateway: {{websocketApiId: {value}}}")
    assert refuse(text)[1:] == (f"serverless.yml:{message}", hint)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("websocketApiName", "did you mean `websocketsApiName`?"),
        ("websocketsApiname", "did you mean `websocketsApiName`?"),
        (
            "websocketApiRouteSelectionExpression",
            "did you mean `websocketsApiRouteSelectionExpression`?",
        ),
        (
            "websocketsRouteSelectionExpression",
            "did you mean `websocketsApiRouteSelectionExpression`?",
        ),
        (
            "websocketRouteSelectionExpression",
            "did you mean `websocketsApiRouteSelectionExpression`?",
        ),
        ("websocketDescription", "did you mean `websocketsDescription`?"),
        ("websocketApiId", "write `apiGateway: {websocketApiId: …}`"),
    ],
)
def test_misspelt_settings_are_reported(load: Load, key: str, meant: str) -> None:
    service = load(provider(f"{key}: x"))
    finding = Finding(f"unknown key `provider.{key}`: ignored", at(3, 2), meant)
    assert finding in service.findings


def test_a_misspelt_api_id_is_refused(refuse: Refuse) -> None:
    assert refuse(provider("apiGateway: {websocketsApiId: x}")) == (
        UnknownKeyError,
        "serverless.yml:3:15: unknown key `provider.apiGateway.websocketsApiId`",
        "did you mean `websocketApiId`?",
    )


def test_a_route_is_there_once(refuse: Refuse, head: str) -> None:
    text = head + (
        "functions:\n  f: {handler: h.f, events: [websocket: a-b]}\n"
        "  g: {handler: h.f, events: [websocket: a-b]}\n"
    )
    first = "the first is at serverless.yml:4:41"
    assert refuse(text)[1] == (
        f"serverless.yml:5:41: the route `a-b` is there twice, for `f` and for `g`; {first}"
    )
    assert refuse(
        text.replace(
            "g: {handler: h.f, events: [websocket: a-b",
            "g: {handler: h.f, events: [websocket: aDashb",
        )
    )[1] == (
        "serverless.yml:5:41: the framework gives the routes `a-b` and `aDashb` the same logical "
        f"id; {first}"
    )
