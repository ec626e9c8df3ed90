"""What tests of the gateway's core share: an API, ids that can be foretold, one handshake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import pytest

from bellwire.gateway.api import Api, Route
from bellwire.gateway.connection import Connection
from bellwire.gateway.events import Handshake
from bellwire.gateway.ids import IdSource
from bellwire.gateway.selection import compile_selection
from bellwire.limits import Limits


NOW_MS = 1_731_324_924_553

MakeApi = Callable[..., Api]
MakeConnection = Callable[..., Connection]


class Result(NamedTuple):
    """What a function returned."""

    payload: bytes
    error: str | None = None


@pytest.fixture
def make_api() -> MakeApi:
    """Give a function that builds an API from route keys and limits; `echo` is two-way."""

    def make(routes: Sequence[str], limits: Limits | None = None, **bounds: float) -> Api:
        return Api(
            api_id="abcdef1234",
            stage="dev",
            select=compile_selection("$request.body.action"),
            routes={key: Route(key, f"on_{key.lstrip('$')}", key == "echo") for key in routes},
            limits=replace(limits or Limits(), **bounds),  # type: ignore[arg-type]  # ints too
        )

    return make


@pytest.fixture
def ids() -> IdSource:
    return IdSource("0a0b0c", sequence=0, clock=lambda: 1_731_324_924.5)


@pytest.fixture
def handshake() -> Handshake:
    return Handshake(
        host="localhost:3001",
        query="",
        headers=[("Host", "localhost:3001"), ("Upgrade", "websocket")],
        source_ip="127.0.0.1",
        user_agent=None,
    )


@pytest.fixture
def make_connection(make_api: MakeApi, ids: IdSource, handshake: Handshake) -> MakeConnection:
    """Give a function that makes a connection of a new API, at NOW_MS."""

    def make(routes: Sequence[str] = (), **bounds: float) -> Connection:
        return Connection(make_api(routes, **bounds), ids, handshake, now_ms=NOW_MS)

    return make


@pytest.fixture
def open_connection(make_connection: MakeConnection, handshake: Handshake) -> MakeConnection:
    """Give a function that makes a connection and opens it, through `$connect` where it has one."""

    def make(routes: Sequence[str] = (), **bounds: float) -> Connection:
        connection = make_connection(routes, **bounds)
        connection.connect(handshake, now_ms=NOW_MS, trace_id="Root=1-0-0")
        connection.connected(Result(b'{"statusCode":200}'), request_id="r", now_ms=NOW_MS)
        return connection

    return make
