from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import Service
from bellwire.definition.changes import Changes, applicable, compare


Load = Callable[..., Service]

BASE = """\
service: demo
provider: {name: aws, runtime: python3.11}
functions:
  hello:
    handler: h.f
    timeout: 6
    events:
      - websocket: {route: greet}
  log:
    handler: h.f
    events:
      - iot: {sql: "SELECT * FROM 'a/+'"}
"""


@pytest.fixture
def change(load: Load) -> Callable[..., Changes]:
    """Compare the base, or another text, with what a replacement makes of it."""

    def change(before: str, after: str, text: str = BASE) -> Changes:
        assert before in text
        return compare(load(text), load(text.replace(before, after)))

    return change


def test_the_same_file_further_down_is_no_change(change: Callable[..., Changes]) -> None:
    assert change("service: demo", "# a comment\n\nservice:   demo") == Changes()


def test_a_functions_settings(change: Callable[..., Changes]) -> None:
    changes = change("timeout: 6", "timeout: 9\n    memorySize: 256\n    reservedConcurrency: 2")
    assert changes.lines == (
        "function hello: memorySize 1024 → 256, reservedConcurrency none → 2, timeout 6 → 9",
    )
    assert changes.swap == {"hello"}
    assert not changes.drop
    assert not changes.apis
    assert not changes.rules


def test_variables_are_named_and_their_values_are_not(load: Load) -> None:
    text = BASE.replace("timeout: 6", "environment: {A: secret-1, B: secret-2, C: same}")
    after = BASE.replace("timeout: 6", "environment: {B: secret-3, C: same, D: secret-4}")
    changes = compare(load(text), load(after))
    assert changes.lines == ("function hello: environment (D added, A removed, B changed)",)
    assert changes.swap == {"hello"}


def test_what_environments_do_not_depend_on_needs_none(change: Callable[..., Changes]) -> None:
    changes = change("timeout: 6", "timeout: 6\n    maximumRetryAttempts: 1")
    assert changes.lines == ("function hello: asynchronous invocations changed",)
    assert not changes.swap


def test_functions_and_routes_come_and_go(load: Load) -> None:
    added = BASE + "  more: {handler: h.f, events: [{websocket: {route: more}}]}\n"
    changes = compare(load(BASE), load(added))
    assert changes.lines == ("function more: added", "route more: added → more")
    assert changes.swap == {"more"}
    assert not changes.drop
    assert changes.apis
    changes = compare(load(added), load(BASE))
    assert changes.lines == ("function more: removed", "route more: removed")
    assert not changes.swap
    assert changes.drop == {"more"}
    assert changes.apis


@pytest.mark.parametrize(
    ("route", "line"),
    [
        (
            "{route: greet, routeResponseSelectionExpression: $default}",
            "route greet → hello: route response changed",
        ),
        ("{route: other}", "route other: added → hello"),
    ],
)
def test_a_route_changes(change: Callable[..., Changes], route: str, line: str) -> None:
    changes = change("{route: greet}", route)
    assert changes.lines[0] == line
    assert changes.apis
    assert not changes.swap


def test_a_stage_and_its_api_change(change: Callable[..., Changes]) -> None:
    expression = "websocketsApiRouteSelectionExpression: $request.body.type, runtime"
    assert change("runtime", expression).lines == (
        "API dev-demo-websockets: routeSelectionExpression "
        "$request.body.action → $request.body.type",
    )
    log = "logs: {websocket: {format: '$context.requestId'}}, runtime"
    changes = change("runtime", log)
    assert changes.lines == ("stage dev: access log changed",)
    assert changes.apis


KEYS = """\
resources:
  Resources:
    AppKey: {Type: AWS::ApiGateway::ApiKey, Properties: {Enabled: true, Value: '%s'}}
    Plan:
      Type: AWS::ApiGateway::UsagePlan
      Properties: {ApiStages: [{ApiId: !Ref WebsocketsApi, Stage: dev}]}
    AppKeyInPlan:
      Type: AWS::ApiGateway::UsagePlanKey
      Properties: {KeyId: !Ref AppKey, KeyType: API_KEY, UsagePlanId: !Ref Plan}
"""


def test_of_api_keys_only_that_they_changed_is_said(load: Load) -> None:
    one, two = (load(BASE + KEYS % (letter * 20)) for letter in "ab")
    changes = compare(one, two)
    assert changes.lines == ("API dev-demo-websockets: API keys changed",)
    assert changes.apis


def test_rules_change(change: Callable[..., Changes]) -> None:
    changes = change("SELECT *", "SELECT n")
    assert [line.partition(": ")[2] for line in changes.lines] == ["SQL changed"]
    assert (changes.rules, changes.apis, changes.swap) == (True, False, frozenset())
    changes = change("a/+'\"", "a/+'\", enabled: false")
    assert [line.partition(": ")[2] for line in changes.lines] == ["enabled yes → no"]
    changes = change("    events:\n      - iot: {sql: \"SELECT * FROM 'a/+'\"}\n", "")
    assert [line.partition(": ")[2] for line in changes.lines] == ["removed"]
    assert changes.rules


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("service: demo", "service: shop", "service demo → shop"),
        ("name: aws", "name: aws, stage: prod", "stage dev → prod"),
        ("name: aws", "name: aws, region: eu-west-1", "region us-east-1 → eu-west-1"),
    ],
)
def test_another_service_is_not_taken_over(
    change: Callable[..., Changes], before: str, after: str, what: str
) -> None:
    assert change(before, after) == Changes(restart=(what,), is_other=True)


def test_what_was_bound_at_the_start_stays(load: Load) -> None:
    custom = """\
custom:
  bellwire:
    limits: {idleTimeoutS: 77.5}
    hostNames: [x.example.org]
    signConnections: true
    accessKeys: {AKIDEXAMPLE: a-secret-access-key-of-some-length}
"""
    old, new = load(BASE), load(BASE + custom)
    changes = compare(old, new)
    assert changes.restart == (
        "custom.bellwire.limits.idleTimeoutS 600 → 77.5",
        "custom.bellwire.hostNames",
        "custom.bellwire.signConnections",
    )
    assert changes.lines == ("access keys changed",)
    assert changes.apis
    kept = applicable(old, new)
    assert (kept.limits, kept.host_names) == (old.limits, ())
    assert kept.access_keys.secrets == new.access_keys.secrets
    assert not kept.access_keys.sign_connections


API = """\
resources:
  Resources:
    Chat: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: chat, ProtocolType: WEBSOCKET,
      RouteSelectionExpression: $request.body.do}}
    ChatStage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Chat, StageName: one,
      AutoDeploy: true}}
    ChatMore: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Chat, StageName: two,
      AutoDeploy: true, StageVariables: {a: b}}}
"""


def test_apis_and_stages_come_and_go(load: Load) -> None:
    one, more = load(BASE), load(BASE + API)
    assert compare(one, more).lines == ("API chat: added",)
    assert compare(more, one).lines == ("API chat: removed",)
    fewer = API.replace("StageName: two", "StageName: three").replace("{a: b}", "{a: c}")
    changes = compare(more, load(BASE + fewer))
    assert changes.lines == ("stage three: added", "stage two: removed")
    other = load(BASE + API.replace("{a: b}", "{a: c}").replace("body.do", "body.what"))
    assert compare(more, other).lines == (
        "API chat: routeSelectionExpression $request.body.do → $request.body.what",
        "stage chat/two: stage variables changed",
    )


def test_where_there_are_several_stages_a_route_is_named_with_its_own(load: Load) -> None:
    added = "      - websocket: {route: more}\n"
    text = BASE.replace("{route: greet}\n", "{route: greet}\n" + added)
    changes = compare(load(BASE + API), load(text + API))
    assert changes.lines == ("route more of dev-demo-websockets/dev: added → hello",)
