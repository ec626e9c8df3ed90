from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import EventInvokeConfig, Service
from bellwire.errors import DefinitionError, UnknownKeyError, UnsupportedFeatureError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]

FUNCTIONS = """\
functions:
  work:
    handler: h.f
    {settings}
  done: {{handler: h.f}}
  failed-ones: {{handler: h.f, name: failed_ones}}
  page: {{handler: h.f, runtime: java21}}
resources:
  Resources:
    Queue: {{Type: 'AWS::SQS::Queue', Properties: {{QueueName: q}}}}
"""
FAILED_ARN = "arn:aws:lambda:us-east-1:123456789012:function:failed_ones"


def test_a_function_without_any_has_the_defaults_of_aws(load: Load, head: str) -> None:
    service = load(head + FUNCTIONS.format(settings="timeout: 3"))
    assert service.functions["work"].event_invoke_config == EventInvokeConfig(
        retry_attempts=None, event_age_s=21_600.0, on_success=None, on_failure=None
    )


def test_all_settings_are_read(load: Load, head: str) -> None:
    text = f"""\
{head}functions:
  work:
    handler: h.f
    maximumRetryAttempts: 0
    maximumEventAge: 60
    destinations: {{onSuccess: done, onFailure: failed-ones}}
  done: {{handler: h.f}}
  failed-ones: {{handler: h.f}}
"""
    service = load(text)
    assert service.functions["work"].event_invoke_config == EventInvokeConfig(
        retry_attempts=0, event_age_s=60.0, on_success="done", on_failure="failed-ones"
    )
    assert not [finding for finding in service.findings if "destinations" in finding.message]


@pytest.mark.parametrize(
    "target",
    [
        "failed-ones",
        FAILED_ARN,
        f"'{FAILED_ARN}:$LATEST'",
        "!GetAtt FailedDashonesLambdaFunction.Arn",
        "{Fn::GetAtt: [FailedDashonesLambdaFunction, Arn]}",
        "!Sub 'arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:failed_ones'",
        "{type: function, arn: !GetAtt FailedDashonesLambdaFunction.Arn}",
    ],
)
def test_a_destination_is_a_function_of_the_service(load: Load, head: str, target: str) -> None:
    service = load(head + FUNCTIONS.format(settings=f"destinations: {{onFailure: {target}}}"))
    assert service.functions["work"].event_invoke_config.on_failure == "failed-ones"


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("arn:aws:sqs:us-east-1:123456789012:q", "arn:aws:sqs:us-east-1:123456789012:q"),
        ("arn:aws:sns:us-east-1:123456789012:t", "arn:aws:sns:us-east-1:123456789012:t"),
        ("arn:aws:events:us-east-1:1:event-bus/b", "arn:aws:events:us-east-1:1:event-bus/b"),
        ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket"),
        ("!GetAtt Queue.Arn", "arn:aws:sqs:us-east-1:000000000000:q"),
        ("{type: sqs, arn: !GetAtt Queue.Arn}", "arn:aws:sqs:us-east-1:000000000000:q"),
        ("{type: eventBus, arn: default}", "default"),
    ],
)
def test_a_destination_of_another_kind_is_refused_by_name(
    refuse: Refuse, head: str, target: str, named: str
) -> None:
    text = head + FUNCTIONS.format(settings=f"destinations: {{onFailure: {target}}}")
    kind, message, hint = refuse(text)
    assert kind is UnsupportedFeatureError
    assert message.startswith("serverless.yml:6:31: `functions.work.destinations.onFailure` is ")
    assert named in message
    assert message.endswith("; only functions of this service are destinations here")
    assert hint == "name a function that passes the record on"


@pytest.mark.parametrize(
    ("settings", "kind", "message", "hint"),
    [
        (
            "destinations: {onFailure: failed-one}",
            UnknownKeyError,
            "6:31: `functions.work.destinations.onFailure` names `failed-one`, and there is no "
            "such function",
            "did you mean `failed-ones`?",
        ),
        (
            "destinations: {onSuccess: arn:aws:lambda:us-east-1:1:function:failed_one}",
            UnsupportedFeatureError,
            "6:31: `functions.work.destinations.onSuccess` is "
            "`arn:aws:lambda:us-east-1:1:function:failed_one`, no function of this service: others "
            "are not called here",
            "did you mean `failed_ones`?",
        ),
        (
            "destinations: {onSuccess: page}",
            UnsupportedFeatureError,
            "6:31: `functions.work.destinations.onSuccess` names the function `page`, which does "
            "not run here",
            None,
        ),
        (
            "destinations: {onSuccess: ''}",
            DefinitionError,
            "6:31: `functions.work.destinations.onSuccess` names no function",
            None,
        ),
        (
            "destinations: {onSuccess: {type: sns}}",
            DefinitionError,
            "6:31: `functions.work.destinations.onSuccess` needs an `arn` and a `type`: function, "
            "sns, sqs, eventBus",
            None,
        ),
        (
            "destinations: {onError: done}",
            UnknownKeyError,
            "6:20: unknown key `functions.work.destinations.onError`",
            "it takes `onSuccess`, `onFailure`",
        ),
        (
            "maximumRetryAttempts: 3",
            DefinitionError,
            "6:27: `functions.work.maximumRetryAttempts` must be a whole number from 0 to 2, "
            "not `3`",
            None,
        ),
        (
            "maximumEventAge: 59",
            DefinitionError,
            "6:22: `functions.work.maximumEventAge` must be a whole number from 60 to 21600, "
            "not `59`",
            None,
        ),
    ],
)
def test_what_is_wrong_is_named(
    refuse: Refuse,
    head: str,
    settings: str,
    kind: type[DefinitionError],
    message: str,
    hint: str | None,
) -> None:
    text = head + FUNCTIONS.format(settings=settings)
    assert refuse(text) == (kind, f"serverless.yml:{message}", hint)
