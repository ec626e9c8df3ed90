from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import orjson
import pytest

from bellwire.gateway.api import Api
from bellwire.gateway.connection import Connection, State
from bellwire.gateway.effects import Close, Invoke, Outcome, Ping
from bellwire.gateway.events import Handshake
from bellwire.gateway.ids import IdSource


if TYPE_CHECKING:
    from tests.gateway.conftest import Drive

Make = Callable[..., Connection]
NOW_MS = 1_731_324_924_553
ALL_ROUTES = ("$connect", "$disconnect", "$default", "echo", "set")


class Result(NamedTuple):
    payload: bytes
    error: str | None = None


OK = Result(b'{"statusCode":200}')


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
    exchange = connection.closed(code, reason, now_ms=NOW_MS + 9)
    assert exchange is not None
    invoke = exchange.advance()
    assert isinstance(invoke, Invoke)
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
    connection.connect(handshake, now_ms=NOW_MS, trace_id="t").advance()
    assert connection.closed(1006, "", now_ms=NOW_MS) is None


def test_a_connect_that_lets_in_a_peer_already_gone_is_followed_by_disconnect(
    make_connection: Make, handshake: Handshake
) -> None:
    connection = make_connection(ALL_ROUTES)
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    exchange.advance()
    connection.closed(1006, "", now_ms=NOW_MS)
    exchange.advance(Outcome(OK, 1.0, NOW_MS))
    assert connection.closed(1006, "", now_ms=NOW_MS) is not None


def test_a_rejected_handshake_has_no_disconnect(
    make_connection: Make, handshake: Handshake, drive: Drive
) -> None:
    connection = make_connection(ALL_ROUTES)
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    drive(exchange, Result(b'{"statusCode":403}'))
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


def test_a_connection_goes_on_by_another_definition_of_its_stage(
    open_connection: Make, make_api: Callable[..., Api]
) -> None:
    connection = open_connection(ALL_ROUTES)
    on_its_way = connection.receive('{"action":"echo"}', now_ms=NOW_MS)
    api = make_api(("set",))
    api.variables = {"table": "new"}
    connection.follow(api)
    assert on_its_way.route is not None
    assert on_its_way.route.route_key == "echo"
    exchange = connection.receive('{"action":"set"}', now_ms=NOW_MS)
    invoke = exchange.advance()
    assert isinstance(invoke, Invoke)
    event = orjson.loads(invoke.event)
    assert event["stageVariables"] == {"table": "new"}
    assert event["requestContext"]["connectionId"] == connection.connection_id
    assert connection.receive('{"action":"echo"}', now_ms=NOW_MS).route is None
    assert connection.closed(1000, "", now_ms=NOW_MS) is None  # it has no $disconnect any more
