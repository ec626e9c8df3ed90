"""What becomes of an asynchronous event: the rules, without a clock.

    before ──▶ Run ──result──▶ End(Success)
       │        ├──failure──▶ Wait, up to `retries` times ──▶ End(RetriesExhausted)
       │        └──throttle──▶ Wait, as long as the event is young enough
       └──────────────────────▶ End(EventAgeExceeded), End(ZeroReservedConcurrency)

docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple, NoReturn, TypeAlias

from bellwire.definition.model import Function
from bellwire.limits import Limits


Condition: TypeAlias = Literal[
    "Success", "RetriesExhausted", "EventAgeExceeded", "ZeroReservedConcurrency"
]
"""Why an event came to its end, as records of invocations name it."""


class Run(NamedTuple):
    """Run the function now."""


class Wait(NamedTuple):
    """Try again later."""

    delay_s: float


class End(NamedTuple):
    """Do no more: tell the outcome, if anybody wants it."""

    condition: Condition


Decision: TypeAlias = Run | Wait | End


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for the events of one function. Ages are seconds since an event was accepted."""

    retries: int
    event_age_s: float
    retry_delay_s: float
    throttle_delay_s: float
    is_off: bool

    def before(self, age_s: float) -> Decision:
        """Decide on an event whose turn it is."""
        if self.is_off:
            return End("ZeroReservedConcurrency")
        return End("EventAgeExceeded") if age_s > self.event_age_s else Run()

    def after_failure(self, attempts: int, age_s: float) -> Decision:
        """Decide on an event whose function has failed `attempts` times.

        A retry that would come too late is not waited for.
        """
        if attempts > self.retries:
            return End("RetriesExhausted")
        delay_s = self.retry_delay_s * 2.0 ** (attempts - 1)
        return Wait(delay_s) if age_s + delay_s <= self.event_age_s else End("EventAgeExceeded")

    def after_throttle(self, throttles: int, age_s: float) -> Decision:
        """Decide on an event that was throttled `throttles` times in a row."""
        if age_s >= self.event_age_s:
            return End("EventAgeExceeded")
        doublings = min(throttles - 1, 30)
        delay_s = min(self.retry_delay_s * 2.0**doublings, self.throttle_delay_s)
        return Wait(min(delay_s, self.event_age_s - age_s))


def make_policy(function: Function, limits: Limits) -> Policy:
    """Return the rules that a function's settings make."""
    config = function.event_invoke_config
    retries = config.retry_attempts
    return Policy(
        retries=limits.function_retries if retries is None else retries,
        event_age_s=config.event_age_s,
        retry_delay_s=limits.retry_delay_s,
        throttle_delay_s=limits.throttle_delay_s,
        is_off=function.reserved_concurrency == 0,
    )


class Answer(NamedTuple):
    """What the function answered last: its result or its error document."""

    payload: bytes
    error: str | None


def invocation_record(
    *,
    function_arn: str,
    request_id: str,
    condition: Condition,
    attempts: int,
    request: bytes,
    answer: Answer | None,
    now_ms: int,
) -> bytes:
    """Return the document that a destination gets; without an answer it tells of none.

    docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    context: dict[str, object] = {
        "requestId": request_id,
        "functionArn": f"{function_arn}:$LATEST",
        "condition": condition,
        "approximateInvokeCount": attempts,
    }
    parts = {
        "version": b'"1.0"',
        "timestamp": json.dumps(_timestamp(now_ms)).encode(),
        "requestContext": _compact(context),
        "requestPayload": request,  # as it came: a number keeps all its digits
    }
    if answer is not None:
        response: dict[str, object] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if answer.error is not None:
            response["functionError"] = answer.error
        parts["responseContext"] = _compact(response)
        parts["responsePayload"] = _as_json(answer.payload)
    return b"{" + b",".join(b'"%b":%b' % (key.encode(), parts[key]) for key in parts) + b"}"


def _as_json(payload: bytes) -> bytes:
    """Return a result as it is, or as a JSON text where it is no JSON."""
    try:
        json.loads(payload.decode(), parse_constant=_refuse)  # UTF-8 without a mark before it
    except (ValueError, RecursionError):
        return json.dumps(payload.decode(errors="replace")).encode()
    return payload


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _compact(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _timestamp(epoch_ms: int) -> str:
    at = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03}Z"
