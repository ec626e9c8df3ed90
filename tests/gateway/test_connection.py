from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import orjson
import pytest

from bellwire.gateway.connection import Connection, State
from bellwire.gateway.effects import Accept, Close, Invoke, Ping, Reject, Send
from bellwire.gateway.events import Handshake
from bellwire.gateway.ids import IdSource


Make = Callable[..., Connection]
NOW_MS = 1_731_324_924_553
ALL_ROUTES = ("$connect", "$disconnect", "$default", "echo", "set")


class Result(NamedTuple):
    payload: bytes
    error: str | None = None


OK = Result(b'{"statusCode":200}')
RAISED = Result(b'{"errorMessage":"x","errorType":"KeyError"}', "Unhandled")
MALFORMED = Result(b'"ok"')


def invoke_of(effect: object) -> Invoke:
    assert isinstance(effect, Invoke)
    return effect


def error_frame(connection: Connection, request_id: str, message: str) -> bytes:
    return (
        f'{{"message": "{message}", "connectionId":"{connection.connection_id}", '
        f'"requestId":"{request_id}"}}'
    ).encode()


# The handshake


def test_connect_runs_its_function_and_stays_pending(
    make_connection: Make, handshake: Handshake
) -> None:
    connection = make_connection(ALL_ROUTES)
    invoke = invoke_of(connection.connect(handshake, now_ms=NOW_MS + 3, trace_id="Root=1-1-1"))
    event = orjson.loads(invoke.event)
    assert (invoke.function, invoke.timeout_ms) == ("on_connect", 29_000)
    assert event["requestContext"]["requestId"] == invoke.request_id
    assert event["requestContext"]["connectionId"] == connection.connection_id
    assert event["requestContext"]["connectedAt"] == NOW_MS
    assert event["requestContext"]["requestTimeEpoch"] == NOW_MS + 3
    assert event["headers"]["X-Amzn-Trace-Id"] == "Root=1-1-1"
    assert connection.state is State.CONNECTING


def test_without_a_connect_route_everybody_is_let_in(
    make_connection: Make, handshake: Handshake
) -> None:
    connection = make_connection(("$disconnect",))
    assert connection.connect(handshake, now_ms=NOW_MS, trace_id="t") == Accept(None)
    assert connection.state is State.OPEN


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (OK, Accept(None)),
        (Result(b'{"statusCode":299,"body":"not sent"}'), Accept(None)),
        (
            Result(b'{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"chat"}}'),
            Accept("chat"),
        ),
        (
            Result(b'{"statusCode":403}'),
            Reject(403, {"Content-Type": "application/json"}, b""),
        ),
        (
            Result(b'{"statusCode":401,"body":"no","headers":{"content-type":"text/plain"}}'),
            Reject(401, {"Content-Type": "text/plain"}, b"no"),
        ),
    ],
)
def test_the_status_of_connect_answers_the_handshake(
    make_connection: Make, handshake: Handshake, result: Result, answer: Accept | Reject
) -> None:
    connection = make_connection(ALL_ROUTES)
    connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert connection.connected(result, request_id="r", now_ms=NOW_MS + 70) == answer
    is_open = isinstance(answer, Accept)
    assert connection.state is (State.OPEN if is_open else State.CLOSED)
    assert connection.last_active_ms == (NOW_MS + 70 if is_open else NOW_MS)


@pytest.mark.parametrize(
    ("result", "status", "message"),
    [
        (RAISED, 502, "Internal server error"),
        (MALFORMED, 502, "Internal server error"),
        (Result(b'{"statusCode":101}'), 502, "Internal server error"),
        (None, 504, "Endpoint request timed out"),
    ],
)
def test_a_connect_that_failed_is_answered_by_the_gateway(
    make_connection: Make,
    handshake: Handshake,
    result: Result | None,
    status: int,
    message: str,
) -> None:
    connection = make_connection(ALL_ROUTES)
    connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert connection.connected(result, request_id="r1", now_ms=NOW_MS) == Reject(
        status,
        {
            "Content-Type": "application/json",
            "x-amzn-ErrorType": "InternalServerErrorException",
            "x-amzn-RequestId": "r1",
        },
        error_frame(connection, "r1", message),
    )
    assert connection.state is State.CLOSED


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, "BadRequestException"),
        (401, "UnauthorizedException"),
        (403, "ForbiddenException"),
        (429, "LimitExceededException"),
        (500, "InternalServerErrorException"),
        (503, "InternalServerErrorException"),
    ],
)
def test_a_handshake_refused_by_the_gateway_names_the_error_type(
    make_connection: Make, status: int, error_type: str
) -> None:
    connection = make_connection()
    refusal = connection.refuse(status, "No")
    assert refusal.status == status
    assert refusal.headers["x-amzn-ErrorType"] == error_type
    assert orjson.loads(refusal.body) == {
        "message": "No",
        "connectionId": connection.connection_id,
        "requestId": refusal.headers["x-amzn-RequestId"],
    }
    assert connection.state is State.CLOSED


# Messages


@pytest.mark.parametrize(
    ("message", "route_key", "function"),
    [
        ('{"action":"set"}', "set", "on_set"),
        ('{"action":"echo"}', "echo", "on_echo"),
        ("hello", "$default", "on_default"),
        ("", "$default", "on_default"),
    ],
)
def test_a_message_becomes_one_invocation(
    open_connection: Make, message: str, route_key: str, function: str
) -> None:
    connection = open_connection(ALL_ROUTES, integration_timeout_ms=50)
    outcome = connection.receive(message, now_ms=NOW_MS + 5)
    assert not isinstance(outcome, Send)
    route, invoke = outcome
    assert isinstance(invoke, Invoke)
    event = orjson.loads(invoke.event)
    assert (invoke.function, invoke.timeout_ms) == (function, 50)
    assert route.route_key == event["requestContext"]["routeKey"] == route_key
    assert event["body"] == message
    assert event["requestContext"]["requestId"] == invoke.request_id
    assert event["requestContext"]["messageId"] not in (invoke.request_id, "")
    assert connection.last_active_ms == NOW_MS + 5


def test_a_message_without_route_is_forbidden_and_the_connection_stays(
    open_connection: Make,
) -> None:
    connection = open_connection(("set",))
    outcome = connection.receive("hello", now_ms=NOW_MS)
    assert isinstance(outcome, Send)
    request_id = orjson.loads(outcome.text)["requestId"]
    assert outcome.text == error_frame(connection, request_id, "Forbidden")
    assert connection.state is State.OPEN


@pytest.mark.parametrize(
    ("result", "reply"),
    [
        (Result(b'{"statusCode":200,"body":"hi"}'), b"hi"),
        (Result(b'{"statusCode":500,"body":"hi"}'), b"hi"),
        (Result(b'{"statusCode":200,"body":"aGk=","isBase64Encoded":true}'), b"hi"),
        (OK, b""),
    ],
)
def test_a_two_way_route_sends_the_body_back(
    open_connection: Make, result: Result, reply: bytes
) -> None:
    connection = open_connection(ALL_ROUTES)
    outcome = connection.receive('{"action":"echo"}', now_ms=NOW_MS)
    assert not isinstance(outcome, Send)
    assert connection.answered(outcome[0], result, request_id="r") == Send(reply)


def test_a_one_way_route_sends_nothing(open_connection: Make) -> None:
    connection = open_connection(ALL_ROUTES)
    outcome = connection.receive('{"action":"set"}', now_ms=NOW_MS)
    assert not isinstance(outcome, Send)
    result = Result(b'{"statusCode":200,"body":"hi"}')
    assert connection.answered(outcome[0], result, request_id="r") is None


@pytest.mark.parametrize("action", ["echo", "set"])
@pytest.mark.parametrize(
    ("result", "message"),
    [
        (RAISED, "Internal server error"),
        (MALFORMED, "Internal server error"),
        (None, "Endpoint request timed out"),
    ],
)
def test_a_failure_is_told_even_on_a_one_way_route(
    open_connection: Make, action: str, result: Result | None, message: str
) -> None:
    connection = open_connection(ALL_ROUTES)
    outcome = connection.receive(f'{{"action":"{action}"}}', now_ms=NOW_MS)
    assert not isinstance(outcome, Send)
    assert connection.answered(outcome[0], result, request_id="r1") == Send(
        error_frame(connection, "r1", message)
    )
    assert connection.state is State.OPEN


def test_a_reply_larger_than_a_message_is_a_failure(open_connection: Make) -> None:
    connection = open_connection(ALL_ROUTES, message_bytes=10)
    outcome = connection.receive('{"action":"echo"}', now_ms=NOW_MS)
    assert not isinstance(outcome, Send)
    fits, over = ({"statusCode": 200, "body": "x" * length} for length in (10, 11))
    assert connection.answered(outcome[0], Result(orjson.dumps(fits)), request_id="r1") == Send(
        b"x" * 10
    )
    assert connection.answered(outcome[0], Result(orjson.dumps(over)), request_id="r1") == Send(
        error_frame(connection, "r1", "Internal server error")
    )


def test_a_message_that_could_not_be_given_to_its_function(open_connection: Make) -> None:
    connection = open_connection(ALL_ROUTES)
    assert connection.throttled("r1") == Send(error_frame(connection, "r1", "Too Many Requests"))
    assert connection.failed("r1") == Send(error_frame(connection, "r1", "Internal server error"))


# The end


@pytest.mark.parametrize(
    ("code", "reason", "seen"),
    [
        (None, "", (1005, "Client-side close frame status not set")),
        (1005, "", (1005, "Client-side close frame status not set")),
        (1006, "", (1006, "Connection Closed Abnormally")),
        (1000, "", (1000, "")),
        (1001, "", (1001, "")),
        (1001, "Going away", (1001, "Going away")),
        (4000, "bye", (4000, "bye")),
    ],
)
def test_disconnect_is_told_code_and_reason(
    open_connection: Make, code: int | None, reason: str, seen: tuple[int, str]
) -> None:
    connection = open_connection(ALL_ROUTES)
    invoke = invoke_of(connection.closed(code, reason, now_ms=NOW_MS + 9))
    context = orjson.loads(invoke.event)["requestContext"]
    assert invoke.function == "on_disconnect"
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == seen
    assert context["requestTimeEpoch"] == NOW_MS + 9
    assert connection.state is State.CLOSED


def test_disconnect_runs_once(open_connection: Make) -> None:
    connection = open_connection(ALL_ROUTES)
    assert connection.closed(1000, "", now_ms=NOW_MS) is not None
    assert connection.closed(1000, "", now_ms=NOW_MS) is None


def test_disconnect_runs_only_where_there_is_such_a_route(open_connection: Make) -> None:
    connection = open_connection(("$connect",))
    assert connection.closed(1000, "", now_ms=NOW_MS) is None
    assert connection.state is State.CLOSED


def test_a_peer_that_leaves_before_it_was_let_in_has_no_disconnect(
    make_connection: Make, handshake: Handshake
) -> None:
    connection = make_connection(ALL_ROUTES)
    connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert connection.closed(1006, "", now_ms=NOW_MS) is None


def test_a_connect_that_lets_in_a_peer_already_gone_is_followed_by_disconnect(
    make_connection: Make, handshake: Handshake
) -> None:
    connection = make_connection(ALL_ROUTES)
    connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    connection.closed(1006, "", now_ms=NOW_MS)
    connection.connected(OK, request_id="r", now_ms=NOW_MS)
    assert connection.closed(1006, "", now_ms=NOW_MS) is not None


def test_a_rejected_handshake_has_no_disconnect(
    make_connection: Make, handshake: Handshake
) -> None:
    connection = make_connection(ALL_ROUTES)
    connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    connection.connected(Result(b'{"statusCode":403}'), request_id="r", now_ms=NOW_MS)
    assert connection.closed(1006, "", now_ms=NOW_MS) is None


def test_delete_closes_as_aws_does(open_connection: Make) -> None:
    assert open_connection().delete() == Close(1000, "Connection Closed Normally")


# The clock


GOING_AWAY = Close(1001, "Going away")
DEAD = Close(1006, "Connection Closed Abnormally", at_once=True)


def test_an_idle_connection_is_closed(open_connection: Make) -> None:
    connection = open_connection(ping_interval_s=0)
    assert connection.check(now_ms=NOW_MS + 599_999) is None
    assert connection.check(now_ms=NOW_MS + 600_000) == GOING_AWAY


def test_a_message_starts_the_idle_time_anew(open_connection: Make) -> None:
    connection = open_connection(("set",), ping_interval_s=0)
    connection.receive('{"action":"set"}', now_ms=NOW_MS + 500_000)
    assert connection.check(now_ms=NOW_MS + 1_099_999) is None
    assert connection.check(now_ms=NOW_MS + 1_100_000) == GOING_AWAY


def test_what_is_no_message_leaves_the_idle_time_alone(open_connection: Make) -> None:
    connection = open_connection(ping_interval_s=0)
    connection.last_heard_ms = NOW_MS + 599_000
    assert connection.check(now_ms=NOW_MS + 600_000) == GOING_AWAY


def test_an_old_connection_is_closed_however_busy(open_connection: Make) -> None:
    connection = open_connection(("set",), ping_interval_s=0)
    connection.receive('{"action":"set"}', now_ms=NOW_MS + 7_199_999)
    assert connection.check(now_ms=NOW_MS + 7_199_999) is None
    assert connection.check(now_ms=NOW_MS + 7_200_000) == GOING_AWAY


def test_silence_is_pinged_and_a_peer_that_does_not_answer_is_dead(open_connection: Make) -> None:
    connection = open_connection(ping_interval_s=30, ping_timeout_s=20)
    assert connection.check(now_ms=NOW_MS + 29_999) is None
    assert connection.check(now_ms=NOW_MS + 30_000) == Ping()
    assert connection.check(now_ms=NOW_MS + 31_000) is None
    assert connection.check(now_ms=NOW_MS + 49_999) is None
    assert connection.check(now_ms=NOW_MS + 50_000) == DEAD


def test_a_pong_starts_the_silence_anew(open_connection: Make) -> None:
    connection = open_connection(ping_interval_s=30, ping_timeout_s=20)
    assert connection.check(now_ms=NOW_MS + 30_000) == Ping()
    connection.last_heard_ms = NOW_MS + 30_000  # within the same millisecond
    assert connection.check(now_ms=NOW_MS + 50_000) is None
    assert connection.check(now_ms=NOW_MS + 60_000) == Ping()


def test_a_peer_that_talks_is_never_pinged(open_connection: Make) -> None:
    connection = open_connection(ping_interval_s=30)
    for second in range(0, 500, 10):
        connection.last_heard_ms = NOW_MS + second * 1000
        assert connection.check(now_ms=NOW_MS + second * 1000 + 9_999) is None


def test_two_connections_never_have_the_same_id(make_connection: Make, ids: IdSource) -> None:
    made = [make_connection().connection_id for _ in range(50)]
    assert len(set(made)) == 50
    assert ids.request_id() not in made
