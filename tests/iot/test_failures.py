"""What a message carries for which actions have failed."""

from __future__ import annotations

import base64

from bellwire.iot.actions import Described
from bellwire.iot.failures import Failure, dead_letter_headers, failure_document
from bellwire.iot.sql.scope import Message
from bellwire.origin import Origin


STORE = Failure(Described("LambdaAction", "store"), "no\nroom", 3)
SEND = Failure(Described("HttpAction", "https://h/"), "it answered 404", 1)


def test_one_document_for_all_failures() -> None:
    message = Message("a/b", b"\xff", 0, Origin(client_id="pump"))
    document = failure_document("r", message, [STORE, SEND], trace_id="t")
    assert document == {
        "ruleName": "r",
        "topic": "a/b",
        "cloudwatchTraceId": "t",
        "clientId": "pump",
        "base64OriginalPayload": base64.b64encode(b"\xff").decode(),
        "failures": [
            {
                "failedAction": "LambdaAction",
                "failedResource": "store",
                "errorMessage": "no\nroom Message arrived on: a/b, Action: lambda, Resource: store",
            },
            {
                "failedAction": "HttpAction",
                "failedResource": "https://h/",
                "errorMessage": "it answered 404 Message arrived on: a/b, Action: http, "
                "Resource: https://h/",
            },
        ],
    }


def test_what_the_broker_tells_comes_first() -> None:
    told = failure_document("r", Message("a", b"", 0, Origin(trace_id="x")), [], trace_id="t")
    assert (told["cloudwatchTraceId"], told["clientId"]) == ("x", "n/a")


def test_a_dead_letter_says_which_action_failed_and_why() -> None:
    assert dead_letter_headers("r", "a/b", [STORE]) == {
        "Bellwire-Rule": "r",
        "Bellwire-Topic": "a/b",
        "Bellwire-Action": "LambdaAction store",
        "Bellwire-Attempts": "3",
        "Bellwire-Reason": "no room",
    }
    both = dead_letter_headers("r", "t" * 2000, [STORE, SEND])
    assert both["Bellwire-Action"] == "LambdaAction store, HttpAction https://h/"
    assert both["Bellwire-Reason"] == (
        "LambdaAction store: no room; HttpAction https://h/: it answered 404"
    )
    assert len(both["Bellwire-Topic"]) == 1000
