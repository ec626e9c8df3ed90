"""What tests of the gateway's core share: an API, ids that can be foretold, one handshake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from bellwire.definition.model import AccessKeys
from bellwire.gateway.api import Account, Api, Route
from bellwire.gateway.connection import Connection
from bellwire.gateway.effects import HttpRequest, Invoke, Outcome
from bellwire.gateway.events import Handshake
from bellwire.gateway.exchange import Ending, Exchange
from bellwire.gateway.ids import IdSource
from bellwire.gateway.integration import LambdaProxy
from bellwire.gateway.selection import compile_selection
from bellwire.gateway.throttle import TokenBucket
from bellwire.limits import Limits


NOW_MS = 1_731_324_924_553

MakeApi = Callable[..., Api]
MakeConnection = Callable[..., Connection]


class Result(NamedTuple):
    """What a function returned."""

    payload: bytes
    error: str | None = None


@pytest.fixture
def account() -> Account:
    """Give an account without bounds and without keys."""
    free = TokenBucket(None, None)
    return Account("eu-west-1", "123456789012", free, free, AccessKeys())


@pytest.fixture
def make_api(account: Account) -> MakeApi:
    """Give a function that builds an API from route keys and limits; `echo` is two-way.

    A route may be given whole; other arguments of Api by their names, and limits by theirs.
    """

    def make(
        routes: Sequence[str | Route], *, api: dict[str, Any] | None = None, **bounds: float
    ) -> Api:
        limits = replace(Limits(), **bounds)  # type: ignore[arg-type]  # ints too
        timeout_ms = limits.integration_timeout_ms

        def route(key: str) -> Route:
            return Route(key, LambdaProxy(f"on_{key.lstrip('$')}", timeout_ms), key == "echo")

        whole = [route(each) if isinstance(each, str) else each for each in routes]
        given: dict[str, Any] = {
            "api_id": "abcdef1234",
            "stage": "dev",
            "select": compile_selection("$request.body.action"),
            "account": account,
        }
        return Api(
            **given | (api or {}), routes={each.route_key: each for each in whole}, limits=limits
        )

    return make


@pytest.fixture
def ids() -> IdSource:
    return IdSource("0a0b0c", sequence=0, clock=lambda: 1_731_324_924.5)


@pytest.fixture
def handshake() -> Handshake:
    return Handshake(
        host="localhost:3001",
        path="/dev",
        query="",
        headers=[("Host", "localhost:3001"), ("Upgrade", "websocket")],
        source_ip="127.0.0.1",
        user_agent=None,
    )


class Drive:
    """Brings an exchange to its end; `asked` is the work that the last one asked for."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __call__(self, exchange: Exchange, *results: Any, now_ms: int = NOW_MS) -> Ending:
        """Give each piece of work the next of `results`, and return what is done in the end."""
        self.asked = []
        waiting = list(results)
        step = exchange.advance()
        while isinstance(step, Invoke | HttpRequest):
            self.asked.append(step)
            step = exchange.advance(Outcome(waiting.pop(0), 1.5, now_ms))
        assert waiting == [], "more results than pieces of work"
        return step


@pytest.fixture
def drive() -> Drive:
    return Drive()


@pytest.fixture
def make_connection(make_api: MakeApi, ids: IdSource, handshake: Handshake) -> MakeConnection:
    """Give a function that makes a connection of a new API, at NOW_MS."""

    def make(routes: Sequence[str | Route] = (), **arguments: Any) -> Connection:
        return Connection(make_api(routes, **arguments), ids, handshake, now_ms=NOW_MS)

    return make


@pytest.fixture
def open_connection(
    make_connection: MakeConnection, handshake: Handshake, drive: Drive
) -> MakeConnection:
    """Give a function that makes a connection and opens it, through `$connect` where it has one."""

    def make(routes: Sequence[str | Route] = (), **arguments: Any) -> Connection:
        connection = make_connection(routes, **arguments)
        exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="Root=1-0-0")
        answers = [Result(b'{"statusCode":200}')] if exchange.route is not None else []
        drive(exchange, *answers)
        return connection

    return make
