from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import AccessKeys, ApiKey, Finding, Service, Throttle
from bellwire.errors import DefinitionError, Place, UnknownKeyError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]
Declare = Callable[..., str]

VALUE = "0123456789abcdefghij"
KEY = "Key AWS::ApiGateway::ApiKey {Name: one, Enabled: true, Value: '${env:KEY}'}"
PLAN = (
    "Plan AWS::ApiGateway::UsagePlan {ApiStages: [{ApiId: !Ref Api, Stage: dev}], "
    "Throttle: {RateLimit: 0.5, BurstLimit: 2}}"
)
LINK = (
    "Link AWS::ApiGateway::UsagePlanKey {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}"
)


def at(line: int, column: int) -> Place:
    return Place("serverless.yml", line, column)


def test_keys_of_a_usage_plan(load: Load, declare: Declare) -> None:
    text = declare(
        KEY,
        "Bare AWS::ApiGateway::ApiKey {Enabled: true, Value: abcdefghijabcdefghij}",
        PLAN,
        LINK,
        LINK.replace("Link", "More").replace("!Ref Key", "!Ref Bare"),
    )
    service = load(text, env={"KEY": VALUE})
    throttle = Throttle(0.5, 2)
    keys = (ApiKey("one", VALUE, throttle), ApiKey("Bare", "abcdefghij" * 2, throttle))
    assert [api.api_keys for api in service.apis] == [{}, {"dev": keys}]
    assert VALUE not in repr(service)
    assert service.findings == ()


def test_a_key_may_belong_to_several_stages_and_plans(load: Load, declare: Declare) -> None:
    text = declare(
        KEY,
        "S Stage {ApiId: !Ref Api, StageName: s}",
        "Plan AWS::ApiGateway::UsagePlan {ApiStages: [{ApiId: !Ref Api, Stage: !Ref S}, "
        "{ApiId: !Ref WebsocketsApi, Stage: !Ref WebsocketsDeploymentStage}]}",
        LINK,
        "Slow AWS::ApiGateway::UsagePlan {ApiStages: [{ApiId: !Ref Api, Stage: s}], "
        "Throttle: {RateLimit: 1}}",
        LINK.replace("Link", "More").replace("!Ref Plan", "!Ref Slow"),
    )
    service = load(text, env={"KEY": VALUE})
    key, slow = ApiKey("one", VALUE), ApiKey("one", VALUE, Throttle(1.0))
    assert [api.api_keys for api in service.apis] == [{"dev": (key,)}, {"s": (key, slow)}]


def test_what_is_not_applied_is_reported(load: Load, declare: Declare) -> None:
    text = declare(
        KEY.replace("Enabled: true, ", ""),
        PLAN.replace("Throttle:", "Quota: {Limit: 5}, Throttle:"),
        LINK,
        "R Route {ApiId: !Ref Api, RouteKey: $connect, ApiKeyRequired: true}",
    )
    service = load(text, env={"KEY": VALUE})
    assert service.apis[1].api_keys == {"dev": ()}
    assert service.findings == (
        Finding("the Quota of `Plan` is not counted here, its Throttle is", at(14, 72)),
        Finding("the API key `Key` lets nobody in: it has no `Enabled: true`", at(9, 5)),
        Finding(
            "the route `$connect` asks for an API key, and no usage plan gives one to the stage "
            "`dev`: nobody can connect",
            at(20, 48),
        ),
    )


@pytest.mark.parametrize("api", ["!Ref ApiGatewayRestApi", "!Ref Rest", "!ImportValue x", "abc123"])
def test_plans_of_rest_apis_are_passed_over(load: Load, declare: Declare, api: str) -> None:
    text = declare(
        "Rest AWS::ApiGateway::RestApi {Name: rest}",
        "Key AWS::ApiGateway::ApiKey {Name: no value}",
        PLAN.replace("!Ref Api", api),
        LINK,
    )
    assert [api.api_keys for api in load(text).apis] == [{}, {}]


@pytest.mark.parametrize(
    ("key", "plan", "link", "message", "hint"),
    [
        (
            "Key AWS::ApiGateway::ApiKey {Enabled: true}",
            PLAN,
            LINK,
            "9:5: the API key `Key` has no Value; AWS would make one up, Bellwire does not",
            "write `Value: ${env:…}`",
        ),
        (
            "Key AWS::ApiGateway::ApiKey {Enabled: true, Value: secret-text}",
            PLAN,
            LINK,
            "11:43: the Value of the API key `Key` has 11 characters; AWS takes 20 to 128",
            None,
        ),
        (
            KEY,
            PLAN.replace("Stage: dev", "Stage: devv"),
            LINK,
            "14:58: the API has no stage `devv`",
            "did you mean `dev`?",
        ),
        (
            KEY,
            PLAN.replace("!Ref Api", "!Ref WebsocketApi"),
            LINK,
            "14:41: nothing in this service has the logical id `WebsocketApi`",
            "did you mean `WebsocketsApi`?",
        ),
        (
            KEY,
            PLAN.replace("!Ref Api", "!Ref Appi"),
            LINK,
            "14:41: nothing in this service has the logical id `Appi`",
            "did you mean `Api`?",
        ),
        (
            KEY,
            PLAN,
            LINK.replace("!Ref Key", "kee"),
            "17:28: `Link` names the key `kee`, which is not declared",
            "did you mean `Key`?",
        ),
        (KEY, PLAN, LINK.replace("KeyId: !Ref Key, ", ""), "15:5: `Link` has no KeyId", None),
        (
            KEY,
            PLAN.replace("0.5", "fast"),
            LINK,
            "14:87: `Plan.Throttle.RateLimit` must be a number of 0 or more, not `fast`",
            None,
        ),
    ],
)
def test_wrong_keys_are_refused(
    refuse: Refuse, declare: Declare, key: str, plan: str, link: str, message: str, hint: str | None
) -> None:
    text = declare(key, plan, link)
    assert refuse(text, env={"KEY": VALUE})[1:] == (f"serverless.yml:{message}", hint)


def bellwire(settings: str) -> str:
    return f"service: demo\nprovider: aws\ncustom: {{bellwire: {{{settings}}}}}\n"


def test_access_keys(load: Load) -> None:
    text = bellwire(
        "accessKeys: {AKID_1: '${env:SECRET}', other: '${env:N}'}, signConnections: true"
    )
    service = load(text, env={"SECRET": "s3cr3t", "N": "5"})
    assert service.access_keys == AccessKeys({"AKID_1": "s3cr3t", "other": "5"}, True)
    assert "s3cr3t" not in repr(service)
    assert service.findings == ()
    assert load("service: demo\nprovider: aws\n").access_keys == AccessKeys()
    assert load(bellwire("limits: {}")).access_keys == AccessKeys()


@pytest.mark.parametrize("secret", ["s3cr3t", "'${self:custom.s}'"])
def test_a_secret_in_the_file_is_reported(load: Load, secret: str) -> None:
    text = bellwire(f"accessKeys: {{AKID: {secret}}}")
    service = load(text.replace("custom: {", "custom: {s: s3cr3t, "))
    assert service.access_keys == AccessKeys({"AKID": "s3cr3t"})
    (finding,) = service.findings
    assert finding == Finding(
        "the secret of the access key `AKID` stands in the file itself",
        at(3, 45),
        "take it from the environment: ${env:…}",
    )


@pytest.mark.parametrize(
    ("settings", "kind", "message", "hint"),
    [
        (
            "accessKeys: {a-b: s3cr3t}",
            DefinitionError,
            "3:34: `a-b` is no id of an access key: letters, digits and `_`",
            None,
        ),
        (
            "accessKeys: {a: ''}",
            DefinitionError,
            "3:37: `custom.bellwire.accessKeys.a` is empty",
            None,
        ),
        (
            "accessKeys: {a: null}",
            DefinitionError,
            "3:37: `custom.bellwire.accessKeys.a` is empty",
            None,
        ),
        (
            "accessKeys: {a: [s3cr3t]}",
            DefinitionError,
            "3:37: `custom.bellwire.accessKeys.a` must be a text, not a list",
            None,
        ),
        (
            "accessKeys: [s3cr3t]",
            DefinitionError,
            "3:33: `custom.bellwire.accessKeys` must be a map, not a list",
            None,
        ),
        (
            "signConnections: true",
            DefinitionError,
            "3:38: `custom.bellwire.signConnections` asks for signatures, and there are no access "
            "keys to check them with",
            "set custom.bellwire.accessKeys: {MYKEYID: '${env:MY_SECRET}'}",
        ),
        (
            "accesKeys: {a: s3cr3t}",
            UnknownKeyError,
            "3:21: unknown key `custom.bellwire.accesKeys`",
            "did you mean `accessKeys`?",
        ),
    ],
)
def test_wrong_access_keys_are_refused(
    refuse: Refuse, settings: str, kind: type[DefinitionError], message: str, hint: str | None
) -> None:
    found = refuse(bellwire(settings))
    assert found == (kind, f"serverless.yml:{message}", hint)
    assert "s3cr3t" not in str(found)
