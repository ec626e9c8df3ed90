"""What becomes of handshakes, messages and ends, by what their functions answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bellwire.definition import model
from bellwire.errors import CallerError, TooManyRequestsError
from bellwire.gateway.api import Account, Authorizer, Route, UsageKey
from bellwire.gateway.authorization import compile_identity_sources
from bellwire.gateway.connection import Connection, State
from bellwire.gateway.effects import Accept, Invoke, Reject, Send
from bellwire.gateway.events import Handshake
from bellwire.gateway.exchange import Ending
from bellwire.gateway.integration import LambdaProxy
from bellwire.gateway.pipeline import broken
from bellwire.gateway.throttle import TokenBucket


if TYPE_CHECKING:
    from tests.gateway.conftest import Drive

Make = Callable[..., Connection]
NOW_MS = 1_731_324_924_553
ALL_ROUTES = ("$connect", "$disconnect", "$default", "echo", "set")
ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/dev/$connect"


class Result(NamedTuple):
    payload: bytes
    error: str | None = None


OK = Result(b'{"statusCode":200}')
RAISED = Result(b'{"errorMessage":"x","errorType":"KeyError"}', "Unhandled")
MALFORMED = Result(b'"ok"')


def error_frame(connection: Connection, request_id: str, message: str) -> bytes:
    return (
        f'{{"message": "{message}", "connectionId":"{connection.connection_id}", '
        f'"requestId":"{request_id}"}}'
    ).encode()


def rejected(answer: Ending) -> tuple[int, str]:
    """Return status and message of a handshake that the gateway refused."""
    assert isinstance(answer, Reject)
    return answer.status, orjson.loads(answer.body)["message"]


# The handshake


def test_connect_runs_its_function_and_stays_pending(
    make_connection: Make, handshake: Handshake
) -> None:
    connection = make_connection(ALL_ROUTES)
    exchange = connection.connect(handshake, now_ms=NOW_MS + 3, trace_id="Root=1-1-1")
    invoke = exchange.advance()
    assert isinstance(invoke, Invoke)
    event = orjson.loads(invoke.event)
    assert (invoke.function, invoke.timeout_ms) == ("on_connect", 29_000)
    assert event["requestContext"]["requestId"] == invoke.request_id
    assert event["requestContext"]["connectionId"] == connection.connection_id
    assert event["requestContext"]["connectedAt"] == NOW_MS
    assert event["requestContext"]["requestTimeEpoch"] == NOW_MS + 3
    assert event["headers"]["X-Amzn-Trace-Id"] == "Root=1-1-1"
    assert connection.state is State.CONNECTING


def test_without_a_connect_route_everybody_is_let_in(
    make_connection: Make, handshake: Handshake, drive: Drive
) -> None:
    connection = make_connection(("$disconnect",))
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange) == Accept(None)
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
    make_connection: Make,
    handshake: Handshake,
    drive: Drive,
    result: Result,
    answer: Accept | Reject,
) -> None:
    connection = make_connection(ALL_ROUTES)
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange, result, now_ms=NOW_MS + 70) == answer
    is_open = isinstance(answer, Accept)
    assert connection.state is (State.OPEN if is_open else State.CLOSED)
    assert connection.last_active_ms == (NOW_MS + 70 if is_open else NOW_MS)


@pytest.mark.parametrize(
    ("result", "status", "message", "error_type"),
    [
        (RAISED, 502, "Internal server error", "InternalServerErrorException"),
        (MALFORMED, 502, "Internal server error", "InternalServerErrorException"),
        (
            Result(b'{"statusCode":101}'),
            502,
            "Internal server error",
            "InternalServerErrorException",
        ),
        (None, 504, "Endpoint request timed out", "InternalServerErrorException"),
        (TooManyRequestsError("full"), 429, "Too Many Requests", "LimitExceededException"),
        (CallerError("no"), 500, "Internal server error", "InternalServerErrorException"),
    ],
)
def test_a_connect_that_failed_is_answered_by_the_gateway(
    make_connection: Make,
    handshake: Handshake,
    drive: Drive,
    result: Any,
    status: int,
    message: str,
    error_type: str,
) -> None:
    connection = make_connection(ALL_ROUTES)
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange, result) == Reject(
        status,
        {
            "Content-Type": "application/json",
            "x-amzn-ErrorType": error_type,
            "x-amzn-RequestId": exchange.request_id,
            "x-amz-apigw-id": exchange.request_id,
        },
        error_frame(connection, exchange.request_id, message),
    )
    assert connection.state is State.CLOSED


# Authorizers


def policy(effect: str, resource: str = ARN) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def authorized(**more: Any) -> Result:
    return Result(orjson.dumps({"principalId": "user", "policyDocument": policy("Allow")} | more))


@pytest.fixture
def guarded() -> Route:
    """Give a `$connect` route with an authorizer that wants a token in the query string."""
    sources = compile_identity_sources(["route.request.querystring.token"], None)
    authorizer = Authorizer("guard", sources, ARN, gives_key=False)
    return Route("$connect", LambdaProxy("on_connect", 29_000), authorizer=authorizer)


@pytest.fixture
def with_token(handshake: Handshake) -> Handshake:
    return handshake._replace(query="token=t1")


def test_an_authorizer_lets_in_and_is_quoted_in_every_later_event(
    make_connection: Make, guarded: Route, with_token: Handshake, drive: Drive
) -> None:
    connection = make_connection((guarded, "$disconnect", "set"))
    exchange = connection.connect(with_token, now_ms=NOW_MS, trace_id="t")
    answer = drive(exchange, authorized(context={"n": 1, "is": True, "s": "x"}), OK)
    assert answer == Accept(None)
    asked = drive.asked
    first, second = (orjson.loads(work.event) for work in asked)
    assert [work.function for work in asked] == ["guard", "on_connect"]
    assert (first["type"], first["methodArn"]) == ("REQUEST", ARN)
    assert first["queryStringParameters"] == {"token": "t1"}
    about = {"principalId": "user", "n": "1", "is": "true", "s": "x"}
    assert second["requestContext"]["authorizer"] == {**about, "integrationLatency": 2}
    message = connection.receive('{"action":"set"}', now_ms=NOW_MS).advance()
    end = connection.closed(1000, "", now_ms=NOW_MS)
    assert end is not None
    for work in (message, end.advance()):
        assert isinstance(work, Invoke)
        assert orjson.loads(work.event)["requestContext"]["authorizer"] == about


def test_without_its_identity_source_the_authorizer_is_not_asked(
    make_connection: Make, guarded: Route, handshake: Handshake, drive: Drive
) -> None:
    connection = make_connection((guarded,))
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert rejected(drive(exchange)) == (401, "Unauthorized")
    assert guarded.metrics.client_error == 1


@pytest.mark.parametrize(
    ("result", "refusal"),
    [
        (Result(b'{"errorMessage":"Unauthorized"}', "Unhandled"), (401, "Unauthorized")),
        (Result(b'{"errorMessage":"other"}', "Unhandled"), (500, "Internal server error")),
        (authorized(policyDocument=policy("Deny")), (403, "Forbidden")),
        (authorized(policyDocument=policy("Allow", f"{ARN}x")), (403, "Forbidden")),
        (Result(b'{"statusCode":401}'), (500, "Internal server error")),
        (authorized(context={"list": []}), (500, "Internal server error")),
        (None, (500, "Internal server error")),
        (CallerError("no"), (500, "Internal server error")),
    ],
)
def test_an_authorizer_that_does_not_let_in(
    make_connection: Make,
    guarded: Route,
    with_token: Handshake,
    drive: Drive,
    result: Any,
    refusal: tuple[int, str],
) -> None:
    connection = make_connection((guarded,))
    exchange = connection.connect(with_token, now_ms=NOW_MS, trace_id="t")
    assert rejected(drive(exchange, result)) == refusal
    assert connection.state is State.CLOSED


# API keys and throttles


KEY = "key-of-20-characters"


def keys(burst: int = 2) -> dict[str, Any]:
    """Return the argument of Api for one API key that may do one request a second."""
    return {"keys": [UsageKey("app", KEY.encode(), TokenBucket(1, burst))]}


def test_a_route_that_asks_for_an_api_key(
    make_connection: Make, handshake: Handshake, drive: Drive
) -> None:
    route = Route("$connect", LambdaProxy("on_connect", 29_000), needs_key=True)
    connection = make_connection((route,), api=keys())
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert rejected(drive(exchange)) == (403, "Forbidden")
    wrong = handshake._replace(headers=[("X-Api-Key", "wrong")])
    exchange = connection.connect(wrong, now_ms=NOW_MS, trace_id="t")
    assert rejected(drive(exchange)) == (403, "Forbidden")
    right = handshake._replace(headers=[("X-Api-Key", KEY)])
    exchange = connection.connect(right, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange, OK) == Accept(None)
    assert connection.context.caller == {"apiKey": KEY, "apiKeyId": "app"}


def test_a_usage_plan_bounds_handshakes_and_messages_of_its_key(
    make_connection: Make, handshake: Handshake, drive: Drive
) -> None:
    route = Route("$connect", LambdaProxy("on_connect", 29_000), needs_key=True)
    connection = make_connection((route, "set"), api=keys())
    right = handshake._replace(headers=[("x-api-key", KEY)])
    drive(connection.connect(right, now_ms=NOW_MS, trace_id="t"), OK)
    assert drive(connection.receive('{"action":"set"}', now_ms=NOW_MS), OK) is None
    exchange = connection.receive('{"action":"set"}', now_ms=NOW_MS)
    assert drive(exchange) == Send(
        error_frame(connection, exchange.request_id, "Too Many Requests")
    )
    assert drive(connection.receive('{"action":"set"}', now_ms=NOW_MS + 1000), OK) is None


def test_a_key_that_no_authorizer_names_lets_nobody_in(
    make_connection: Make, handshake: Handshake, drive: Drive
) -> None:
    route = Route("$connect", LambdaProxy("on_connect", 29_000), needs_key=True)
    connection = make_connection((route,), api={**keys(), "keys_from_authorizer": True})
    right = handshake._replace(headers=[("x-api-key", KEY)])
    exchange = connection.connect(right, now_ms=NOW_MS, trace_id="t")
    assert rejected(drive(exchange)) == (403, "Forbidden")


def test_a_usage_plan_refuses_handshakes_beyond_it(
    make_connection: Make, handshake: Handshake, drive: Drive
) -> None:
    route = Route("$connect", LambdaProxy("on_connect", 29_000), needs_key=True)
    connection = make_connection((route,), api=keys(burst=1))
    right = handshake._replace(headers=[("x-api-key", KEY)])
    exchange = connection.connect(right, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange, OK) == Accept(None)
    exchange = connection.connect(right, now_ms=NOW_MS, trace_id="t")
    assert rejected(drive(exchange)) == (429, "Too Many Requests")


def test_an_authorizer_may_name_the_api_key(
    make_connection: Make, guarded: Route, with_token: Handshake, drive: Drive
) -> None:
    assert guarded.authorizer is not None
    guarded.authorizer = guarded.authorizer._replace(gives_key=True)
    guarded.needs_key = True
    connection = make_connection((guarded,), api={**keys(), "keys_from_authorizer": True})
    exchange = connection.connect(with_token, now_ms=NOW_MS, trace_id="t")
    assert rejected(drive(exchange, authorized())) == (403, "Forbidden")
    exchange = connection.connect(with_token, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange, authorized(usageIdentifierKey=KEY), OK) == Accept(None)


def test_the_accounts_bounds(
    make_connection: Make, account: Account, handshake: Handshake, drive: Drive
) -> None:
    small = account._replace(connects=TokenBucket(1, 1), requests=TokenBucket(1, 2))
    connection = make_connection(ALL_ROUTES, api={"account": small})
    assert drive(connection.connect(handshake, now_ms=NOW_MS, trace_id="t"), OK) == Accept(None)
    again = drive(connection.connect(handshake, now_ms=NOW_MS, trace_id="t"))
    assert rejected(again) == (429, "Too Many Requests")
    assert drive(connection.receive('{"action":"set"}', now_ms=NOW_MS), OK) is None
    assert isinstance(drive(connection.receive('{"action":"set"}', now_ms=NOW_MS)), Send)


def test_a_routes_throttle_is_its_own(open_connection: Make, drive: Drive) -> None:
    slow = Route("set", LambdaProxy("on_set", 29_000), throttle=TokenBucket(1, 1))
    connection = open_connection((slow, "echo"))
    assert drive(connection.receive('{"action":"set"}', now_ms=NOW_MS), OK) is None
    exchange = connection.receive('{"action":"set"}', now_ms=NOW_MS)
    assert drive(exchange) == Send(
        error_frame(connection, exchange.request_id, "Too Many Requests")
    )
    assert slow.metrics.client_error == 1
    assert drive(connection.receive('{"action":"echo"}', now_ms=NOW_MS), OK) == Send(b"")


def test_a_route_that_asks_for_a_signature_refuses_without(
    make_connection: Make, handshake: Handshake, drive: Drive
) -> None:
    route = Route("$connect", LambdaProxy("on_connect", 29_000), is_signed=True)
    connection = make_connection((route,))
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert rejected(drive(exchange)) == (403, "Forbidden")


def test_a_signed_handshake_tells_who_signed_it(
    make_connection: Make, account: Account, handshake: Handshake, drive: Drive
) -> None:
    """docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html"""
    request = AWSRequest("GET", "https://localhost/dev", headers={"Host": "localhost"})
    SigV4Auth(Credentials("AKID", "secret"), "execute-api", "eu-west-1").add_auth(request)
    signed = handshake._replace(headers=list(request.headers.items()))
    now_ms = int(
        datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ")
        .replace(tzinfo=UTC)
        .timestamp()
        * 1000
    )
    route = Route("$connect", LambdaProxy("on_connect", 29_000), is_signed=True)
    keys = account._replace(access_keys=model.AccessKeys({"AKID": "secret"}))
    connection = make_connection((route,), api={"account": keys})
    exchange = connection.connect(signed, now_ms=now_ms, trace_id="t")
    assert drive(exchange, OK) == Accept(None)
    assert connection.context.caller == {
        "accountId": "123456789012",
        "accessKey": "AKID",
        "caller": "AKID",
        "user": "AKID",
        "userArn": "arn:aws:iam::123456789012:user/AKID",
    }
    wrong = account._replace(access_keys=model.AccessKeys({"AKID": "other"}))
    connection = make_connection((route,), api={"account": wrong})
    exchange = connection.connect(signed, now_ms=now_ms, trace_id="t")
    assert rejected(drive(exchange)) == (403, "Forbidden")
    assert "signature" in exchange.reason


def test_required_parameters_of_connect(
    make_connection: Make, handshake: Handshake, drive: Drive
) -> None:
    required = [
        "route.request.querystring.token",
        "route.request.header.Device",
        "route.request.multivalueheader.More",
    ]
    route = Route("$connect", LambdaProxy("on_connect", 29_000), required_parameters=required)
    connection = make_connection((route,))
    half = handshake._replace(query="token=1&Device=1")
    exchange = connection.connect(half, now_ms=NOW_MS, trace_id="t")
    message = "Missing required request parameters: [Device, More]"
    assert rejected(drive(exchange)) == (400, message)
    whole = handshake._replace(query="token=1", headers=[("device", "x"), ("MORE", "y")])
    exchange = connection.connect(whole, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange, OK) == Accept(None)


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
    invoke = connection.receive(message, now_ms=NOW_MS + 5).advance()
    assert isinstance(invoke, Invoke)
    event = orjson.loads(invoke.event)
    assert (invoke.function, invoke.timeout_ms) == (function, 50)
    assert event["requestContext"]["routeKey"] == route_key
    assert event["body"] == message
    assert event["requestContext"]["requestId"] == invoke.request_id
    assert event["requestContext"]["messageId"] not in (invoke.request_id, "")
    assert connection.last_active_ms == NOW_MS + 5


def test_a_message_without_route_is_forbidden_and_the_connection_stays(
    open_connection: Make, drive: Drive
) -> None:
    connection = open_connection(("set",))
    exchange = connection.receive("hello", now_ms=NOW_MS)
    assert drive(exchange) == Send(error_frame(connection, exchange.request_id, "Forbidden"))
    assert connection.state is State.OPEN
    assert connection.api.unrouted.client_error == 1


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
    open_connection: Make, drive: Drive, result: Result, reply: bytes
) -> None:
    connection = open_connection(ALL_ROUTES)
    exchange = connection.receive('{"action":"echo"}', now_ms=NOW_MS)
    assert drive(exchange, result) == Send(reply)


def test_a_one_way_route_sends_nothing(open_connection: Make, drive: Drive) -> None:
    connection = open_connection(ALL_ROUTES)
    exchange = connection.receive('{"action":"set"}', now_ms=NOW_MS)
    assert drive(exchange, Result(b'{"statusCode":200,"body":"hi"}')) is None


@pytest.mark.parametrize("action", ["echo", "set"])
@pytest.mark.parametrize(
    ("result", "message"),
    [
        (RAISED, "Internal server error"),
        (MALFORMED, "Internal server error"),
        (None, "Endpoint request timed out"),
        (TooManyRequestsError("full"), "Too Many Requests"),
        (CallerError("no"), "Internal server error"),
    ],
)
def test_a_failure_is_told_even_on_a_one_way_route(
    open_connection: Make, drive: Drive, action: str, result: Any, message: str
) -> None:
    connection = open_connection(ALL_ROUTES)
    exchange = connection.receive(f'{{"action":"{action}"}}', now_ms=NOW_MS)
    assert drive(exchange, result) == Send(error_frame(connection, exchange.request_id, message))
    assert connection.state is State.OPEN


def test_a_reply_larger_than_a_message_is_a_failure(open_connection: Make, drive: Drive) -> None:
    connection = open_connection(ALL_ROUTES, message_bytes=10)
    fits, over = ({"statusCode": 200, "body": "x" * length} for length in (10, 11))
    exchange = connection.receive('{"action":"echo"}', now_ms=NOW_MS)
    assert drive(exchange, Result(orjson.dumps(fits))) == Send(b"x" * 10)
    exchange = connection.receive('{"action":"echo"}', now_ms=NOW_MS)
    assert drive(exchange, Result(orjson.dumps(over))) == Send(
        error_frame(connection, exchange.request_id, "Internal server error")
    )


def test_a_message_its_model_does_not_allow(open_connection: Make, drive: Drive) -> None:
    """docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-request-validation.html"""
    route = Route(
        "set", LambdaProxy("on_set", 29_000), validate=lambda text: "no" if "x" in text else None
    )
    connection = open_connection((route,))
    exchange = connection.receive('{"action":"set","x":1}', now_ms=NOW_MS)
    frame = (
        f'{{"message" : "Bad request body", "connectionId": "{connection.connection_id}", '
        f'"messageId": "{exchange.message_id}"}}'
    )
    assert drive(exchange) == Send(frame.encode())
    assert exchange.lookup()("error.validationErrorString") == "no"
    assert drive(connection.receive('{"action":"set"}', now_ms=NOW_MS), OK) is None


def test_a_route_without_integration_is_an_internal_error(
    open_connection: Make, drive: Drive
) -> None:
    connection = open_connection((Route("set", None),))
    exchange = connection.receive('{"action":"set"}', now_ms=NOW_MS)
    assert drive(exchange) == Send(
        error_frame(connection, exchange.request_id, "Internal server error")
    )


# What is counted


def test_each_request_is_counted_once(
    make_connection: Make, handshake: Handshake, drive: Drive
) -> None:
    connection = make_connection(ALL_ROUTES)
    routes = connection.api.routes
    drive(connection.connect(handshake, now_ms=NOW_MS, trace_id="t"), OK)
    for result in (OK, RAISED, MALFORMED, None, Result(b'{"statusCode":404}')):
        drive(connection.receive('{"action":"set"}', now_ms=NOW_MS), result)
    counts = routes["set"].metrics
    assert routes["$connect"].metrics.connect_count == 1
    assert counts.message_count == 5
    assert (counts.client_error, counts.integration_error, counts.execution_error) == (0, 2, 2)
    assert counts.integration_latency.view().total == 5


def test_without_an_integration_connect_lets_in_and_disconnect_does_nothing(
    make_connection: Make, guarded: Route, with_token: Handshake, drive: Drive
) -> None:
    guarded.integration = None
    connection = make_connection((guarded, Route("$disconnect", None)))
    exchange = connection.connect(with_token, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange, authorized()) == Accept(None)
    end = connection.closed(1000, "", now_ms=NOW_MS)
    assert end is not None
    assert drive(end) is None
    assert end.reason == ""


def test_messages_of_no_route_count_against_the_accounts_bound(
    open_connection: Make, account: Account, drive: Drive
) -> None:
    small = account._replace(requests=TokenBucket(1, 3))
    connection = open_connection((), api={"account": small})
    messages = []
    for _ in range(3):
        answer = drive(connection.receive("nowhere", now_ms=NOW_MS))
        assert isinstance(answer, Send)
        messages.append(orjson.loads(answer.text)["message"])
    assert messages == ["Forbidden", "Forbidden", "Too Many Requests"]
    assert connection.api.unrouted.message_count == 3


def test_no_throttle_holds_disconnect_back(open_connection: Make, drive: Drive) -> None:
    end = Route("$disconnect", LambdaProxy("on_disconnect", 29_000), throttle=TokenBucket(0, 0))
    exchange = open_connection((end,)).closed(1000, "", now_ms=NOW_MS)
    assert exchange is not None
    assert drive(exchange, OK) is None
    assert [work.function for work in drive.asked] == ["on_disconnect"]


@pytest.mark.parametrize(
    ("result", "reason"),
    [(RAISED, ""), (OK, ""), (Result(b"null"), ""), (None, "took longer than 29000 ms")],
)
def test_what_disconnect_returns_counts_for_nothing(
    open_connection: Make, drive: Drive, result: Any, reason: str
) -> None:
    connection = open_connection(ALL_ROUTES)
    exchange = connection.closed(1000, "", now_ms=NOW_MS)
    assert exchange is not None
    assert drive(exchange, result) is None
    assert exchange.reason.endswith(reason)
    metrics = connection.api.routes["$disconnect"].metrics
    assert metrics.execution_error == (1 if result is None else 0)


def test_a_bug_ends_a_request_as_an_internal_error(
    make_connection: Make, handshake: Handshake, open_connection: Make
) -> None:
    connection = make_connection(ALL_ROUTES)
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert rejected(broken(exchange)) == (500, "Internal server error")
    opened = open_connection(ALL_ROUTES)
    exchange = opened.receive('{"action":"set"}', now_ms=NOW_MS)
    assert broken(exchange) == Send(
        error_frame(opened, exchange.request_id, "Internal server error")
    )
    end = opened.closed(1000, "", now_ms=NOW_MS)
    assert end is not None
    assert broken(end) is None
