from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import Finding, Service, Stage, Throttle
from bellwire.errors import DefinitionError, Place, UnknownKeyError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]
Declare = Callable[..., str]

ROUTE = "R Route {ApiId: !Ref Api, RouteKey: hello}"


def stage(properties: str) -> str:
    """A stage; `properties` start in line 11, column 37."""
    return f"S Stage {{ApiId: !Ref Api, {properties}}}"


def at(line: int, column: int) -> Place:
    return Place("serverless.yml", line, column)


def test_a_stage_with_all_that_it_may_have(load: Load, declare: Declare) -> None:
    service = load(
        declare(
            stage(
                "StageName: my_Stage-1, Description: d, AutoDeploy: true, DeploymentId: !Ref D, "
                "StageVariables: {a_1: 'x.y/z?b=c&d=e,~:#', port: 80, none: !Ref AWS::NoValue}, "
                "DefaultRouteSettings: {ThrottlingRateLimit: 0.5, ThrottlingBurstLimit: '3', "
                "LoggingLevel: INFO, DataTraceEnabled: true, DetailedMetricsEnabled: true}, "
                "RouteSettings: {hello: {ThrottlingRateLimit: 7}}, "
                "AccessLogSettings: {DestinationArn: !GetAtt Missing.Arn, "
                'Format: \'{"id":"$context.requestId"}\'}'
            ),
            ROUTE,
            "D Deployment {ApiId: !Ref Api}",
        )
    )
    (found,) = service.apis[1].stages
    assert found == Stage(
        "my_Stage-1",
        found.routes,
        variables={"a_1": "x.y/z?b=c&d=e,~:#", "port": "80"},
        default_throttle=Throttle(0.5, 3),
        route_throttles={"hello": Throttle(7.0)},
        access_log_format='{"id":"$context.requestId"}',
        place=at(11, 49),
    )
    assert [route.route_key for route in found.routes] == ["hello"]
    assert service.findings == ()


def test_an_api_without_a_stage_has_that_of_the_service(load: Load, declare: Declare) -> None:
    service = load(declare(ROUTE), stage="prod")
    assert [each.name for api in service.apis for each in api.stages] == ["prod", "prod"]


def test_a_deployment_makes_the_stage_that_it_names(load: Load, declare: Declare) -> None:
    deployment = "D Deployment {ApiId: !Ref Api, StageName: live}"
    (found,) = load(declare(deployment)).apis[1].stages
    assert found == Stage("live", (), place=at(11, 49))
    both = declare(deployment, "S Stage {ApiId: !Ref Api, StageName: live, StageVariables: {a: b}}")
    (found,) = load(both).apis[1].stages
    assert found.variables == {"a": "b"}


def test_several_stages(load: Load, declare: Declare) -> None:
    text = declare(
        stage("StageName: one"),
        "T Stage {ApiId: !Ref Api, StageName: two}",
        "D Deployment {ApiId: !Ref Api}",
    )
    assert [each.name for each in load(text).apis[1].stages] == ["one", "two"]


def test_unknown_settings_are_reported(load: Load, declare: Declare) -> None:
    text = declare(stage("StageName: s, DefaultRouteSettings: {Colour: red}, Shape: round"))
    assert load(text).findings == (
        Finding("unknown property `S.Shape`: ignored", at(11, 89)),
        Finding("unknown property `S.DefaultRouteSettings.Colour`: ignored", at(11, 75)),
    )


@pytest.mark.parametrize(
    ("properties", "kind", "message", "hint"),
    [
        ("Description: d", DefinitionError, "9:5: `S` has no StageName", None),
        (
            "StageName: $default",
            DefinitionError,
            "11:49: `$default` is no name for a stage of a WebSocket API: up to 128 letters, "
            "digits, `-` and `_`",
            None,
        ),
        (
            "StageName: s, StageVariables: {a-b: x}",
            DefinitionError,
            "11:69: `a-b` is no name for a stage variable: letters, digits and `_`",
            None,
        ),
        (
            "StageName: s, StageVariables: {a: 'x y'}",
            DefinitionError,
            "11:72: the stage variable `a` must be 1 to 2048 letters, digits and -._~:/?#&=,",
            None,
        ),
        (
            "StageName: s, StageVariables: {a: ''}",
            DefinitionError,
            "11:72: the stage variable `a` must be 1 to 2048 letters, digits and -._~:/?#&=,",
            None,
        ),
        (
            "StageName: s, StageVariables: {a: [x]}",
            DefinitionError,
            "11:72: `S.StageVariables.a` must be a text, not a list",
            None,
        ),
        (
            "StageName: s, DefaultRouteSettings: {ThrottlingRateLimit: -1}",
            DefinitionError,
            "11:96: `S.DefaultRouteSettings.ThrottlingRateLimit` must be a number of 0 or more, "
            "not `-1`",
            None,
        ),
        (
            "StageName: s, DefaultRouteSettings: {ThrottlingBurstLimit: 1.5}",
            DefinitionError,
            "11:97: `S.DefaultRouteSettings.ThrottlingBurstLimit` must be a whole number of at "
            "least 0, not `1.5`",
            None,
        ),
        (
            "StageName: s, DefaultRouteSettings: {ThrottlingRateLimits: 1}",
            UnknownKeyError,
            "11:75: unknown property `S.DefaultRouteSettings.ThrottlingRateLimits`",
            "did you mean `ThrottlingRateLimit`?",
        ),
        (
            "StageName: s, RouteSettings: {helo: {ThrottlingRateLimit: 1}}",
            UnknownKeyError,
            "11:68: RouteSettings names the route `helo`, which this API does not have",
            "did you mean `hello`?",
        ),
    ],
)
def test_a_wrong_stage_is_refused(
    refuse: Refuse,
    declare: Declare,
    properties: str,
    kind: type[DefinitionError],
    message: str,
    hint: str | None,
) -> None:
    assert refuse(declare(stage(properties), ROUTE)) == (kind, f"serverless.yml:{message}", hint)


def test_a_stage_is_there_once(refuse: Refuse, declare: Declare) -> None:
    text = declare(stage("StageName: s"), "T Stage {ApiId: !Ref Api, StageName: s}")
    assert refuse(text)[1] == (
        "serverless.yml:14:49: the stage `s` is there twice; the first is at serverless.yml:11:49"
    )
