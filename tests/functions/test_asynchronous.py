from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.definition import EventInvokeConfig, Function
from bellwire.errors import Place
from bellwire.functions.asynchronous import (
    Answer,
    End,
    Policy,
    Run,
    Wait,
    invocation_record,
    make_policy,
)
from bellwire.limits import Limits


POLICY = Policy(retries=2, event_age_s=60.0, retry_delay_s=1.0, throttle_delay_s=8.0, is_off=False)


def make_function(
    concurrency: int | None = None, config: EventInvokeConfig | None = None
) -> Function:
    return Function(
        key="work",
        name="demo-dev-work",
        handler="h.f",
        runtime="python3.12",
        timeout_s=3.0,
        memory_mb=128,
        environment={},
        reserved_concurrency=concurrency,
        place=Place(str(Path("serverless.yml")), 1, 1),
        event_invoke_config=config or EventInvokeConfig(),
    )


def test_the_defaults_are_those_of_aws() -> None:
    assert make_policy(make_function(), Limits()) == Policy(
        retries=2, event_age_s=21_600.0, retry_delay_s=1.0, throttle_delay_s=300.0, is_off=False
    )


def test_a_functions_own_settings_come_first() -> None:
    function = make_function(0, EventInvokeConfig(retry_attempts=0, event_age_s=60.0))
    assert make_policy(function, Limits(retry_delay_s=5.0)) == Policy(
        retries=0, event_age_s=60.0, retry_delay_s=5.0, throttle_delay_s=300.0, is_off=True
    )


def test_a_young_event_runs_and_one_too_old_never() -> None:
    assert POLICY.before(0.0) == Run()
    assert POLICY.before(60.0) == Run()
    assert POLICY.before(60.1) == End("EventAgeExceeded")


def test_a_function_that_is_off_runs_nothing() -> None:
    off = make_policy(make_function(0), Limits())
    assert off.before(0.0) == End("ZeroReservedConcurrency")


def test_a_failure_is_tried_again_twice_after_one_and_two_delays() -> None:
    assert [POLICY.after_failure(attempts, 5.0) for attempts in (1, 2, 3)] == [
        Wait(1.0),
        Wait(2.0),
        End("RetriesExhausted"),
    ]


def test_a_retry_that_would_come_too_late_is_not_waited_for() -> None:
    assert POLICY.after_failure(2, 58.0) == Wait(2.0)
    assert POLICY.after_failure(2, 58.1) == End("EventAgeExceeded")


def test_throttles_wait_ever_longer_up_to_a_bound_and_to_the_end_of_the_age() -> None:
    delays = [POLICY.after_throttle(throttles, 0.0) for throttles in (1, 2, 3, 4, 5, 10_000)]
    assert delays == [Wait(1.0), Wait(2.0), Wait(4.0), Wait(8.0), Wait(8.0), Wait(8.0)]
    assert POLICY.after_throttle(5, 57.0) == Wait(3.0)
    assert POLICY.after_throttle(5, 60.0) == End("EventAgeExceeded")


policies = st.builds(
    Policy,
    retries=st.integers(0, 2),
    event_age_s=st.floats(60, 21_600),
    retry_delay_s=st.floats(0.01, 60),
    throttle_delay_s=st.floats(1, 300),
    is_off=st.just(False),
)


@given(policies, st.lists(st.sampled_from(["fail", "throttle"])), st.floats(0, 100))
def test_every_event_ends_within_its_age_and_its_attempts(
    policy: Policy, what_happens: list[str], took_s: float
) -> None:
    """Whatever happens, an event runs no more than it may, none starts too old, and it ends."""
    age_s, attempts, throttles = 0.0, 0, 0
    outcomes = iter(what_happens)
    while isinstance(decision := policy.before(age_s), Run):
        assert age_s <= policy.event_age_s
        happens = next(outcomes, "fail")
        if happens == "throttle":
            throttles += 1
            decision = policy.after_throttle(throttles, age_s)
        else:
            age_s += took_s
            attempts, throttles = attempts + 1, 0
            decision = policy.after_failure(attempts, age_s)
        if isinstance(decision, End):
            break
        assert isinstance(decision, Wait)
        assert decision.delay_s > 0
        age_s += decision.delay_s
    assert isinstance(decision, End)
    assert attempts <= policy.retries + 1
    if decision.condition == "RetriesExhausted":
        assert attempts == policy.retries + 1
    else:
        assert decision.condition == "EventAgeExceeded"


# Records


def record(answer: Answer | None, *, condition: str = "Success", request: bytes = b"{}") -> bytes:
    return invocation_record(
        function_arn="arn:aws:lambda:us-east-1:123456789012:function:my-function",
        request_id="e4b46cbf-b738-4a3f-8880-a18cdf61200e",
        condition=condition,  # type: ignore[arg-type]  # one of the words
        attempts=3,
        request=request,
        answer=answer,
        now_ms=1_573_755_365_068,
    )


def test_the_record_of_a_failure_is_that_of_aws() -> None:
    answer = Answer(b'{"errorMessage":"Process exited before completing request"}', "Unhandled")
    text = record(answer, condition="RetriesExhausted", request=b'{"ORDER_IDS":["9e07af03"]}')
    assert json.loads(text) == {
        "version": "1.0",
        "timestamp": "2019-11-14T18:16:05.068Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-4a3f-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:my-function:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"ORDER_IDS": ["9e07af03"]},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": {"errorMessage": "Process exited before completing request"},
    }
    assert list(json.loads(text)) == [
        *("version", "timestamp", "requestContext", "requestPayload"),
        *("responseContext", "responsePayload"),
    ]


def test_the_record_of_a_success_names_no_error() -> None:
    document = json.loads(record(Answer(b"[1]", None)))
    assert document["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert document["responsePayload"] == [1]


def test_an_event_that_never_ran_has_no_response() -> None:
    document = json.loads(record(None, condition="EventAgeExceeded"))
    assert {"responseContext", "responsePayload"}.isdisjoint(document)


def test_the_request_is_not_rewritten() -> None:
    number = b"123456789012345678901234567890.10"
    assert b'"requestPayload":{"n": ' + number + b"}," in record(
        Answer(b"null", None), request=b'{"n": ' + number + b"}"
    )


@pytest.mark.parametrize("payload", [b"NaN", b"\xff", b"", b"{", b"[" * 100_000, b'"' + b"a" * 9])
def test_an_answer_that_is_no_json_becomes_a_text(payload: bytes) -> None:
    document = json.loads(record(Answer(payload, None)))
    assert document["responsePayload"] == payload.decode(errors="replace")
