"""What becomes of a message for which actions have failed: AWS's document, and dead letters.

docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import NamedTuple

from bellwire.iot.actions import Described
from bellwire.iot.sql.scope import NO_CLIENT, Message


HEADER_CHARACTERS = 1000
"""Most characters of a header of a dead letter. Ours."""


class Failure(NamedTuple):
    """An action that failed for good, after so many attempts; `may_be_told` to the error action."""

    action: Described
    reason: str
    attempts: int
    may_be_told: bool = True


def failure_document(
    rule: str, message: Message, failures: Iterable[Failure], *, trace_id: str
) -> dict[str, object]:
    """Return what an error action is given: one document for all failures of a message.

    `trace_id` stands for the one that the broker does not tell.
    """
    return {
        "ruleName": rule,
        "topic": message.topic,
        "cloudwatchTraceId": message.origin.trace_id or trace_id,
        "clientId": message.origin.client_id or NO_CLIENT,
        "base64OriginalPayload": base64.b64encode(message.payload).decode(),
        "failures": [
            {
                "failedAction": each.action.kind,
                "failedResource": each.action.resource,
                "errorMessage": f"{each.reason} Message arrived on: {message.topic}, Action: "
                f"{each.action.kind.removesuffix('Action').lower()}, "
                f"Resource: {each.action.resource}",
            }
            for each in failures
        ],
    }


def dead_letter_headers(rule: str, topic: str, failures: Iterable[Failure]) -> dict[str, str]:
    """Return what a dead letter says of itself: one bounded line each."""
    failures = list(failures)
    single = len(failures) == 1
    reasons = [each.reason if single else f"{each.action}: {each.reason}" for each in failures]
    return {
        "Bellwire-Rule": rule,
        "Bellwire-Topic": topic[:HEADER_CHARACTERS],
        "Bellwire-Action": _line(", ".join(str(each.action) for each in failures)),
        "Bellwire-Attempts": str(max(each.attempts for each in failures)),
        "Bellwire-Reason": _line("; ".join(reasons)),
    }


def _line(text: str) -> str:
    return " ".join(text.split())[:HEADER_CHARACTERS]
