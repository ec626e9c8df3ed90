"""What the gateway's core asks its shell to do: small values, matched in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from bellwire.errors import CallerError


class Invoke(NamedTuple):
    """Run a function with this event (JSON) and go on with its result.

    If it takes longer than `timeout_ms`, go on without one.
    """

    function: str
    event: bytes
    request_id: str
    timeout_ms: int


class HttpRequest(NamedTuple):
    """Send this request to an HTTP endpoint and go on with its answer.

    If it takes longer than `timeout_ms`, go on without one.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_ms: int


class HttpAnswer(NamedTuple):
    """What an HTTP endpoint answered; the values of a header by its name in lower case."""

    status: int
    headers: Mapping[str, Sequence[str]]
    body: bytes


class Accept(NamedTuple):
    """Answer the handshake with 101; `subprotocol` goes into Sec-WebSocket-Protocol."""

    subprotocol: str | None = None


class Reject(NamedTuple):
    """Answer the handshake with this status, these headers and this body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Send(NamedTuple):
    """Send one text message."""

    text: bytes


class Close(NamedTuple):
    """Start the closing handshake. `at_once` cuts the socket: the peer is taken for dead."""

    code: int
    reason: str
    at_once: bool = False


class Ping(NamedTuple):
    """Send a ping, to see whether the peer is alive."""


class IntegrationResult(Protocol):
    """What the gateway reads of a function's result."""

    @property
    def payload(self) -> bytes:
        """The JSON document the function returned, or Lambda's error document."""

    @property
    def error(self) -> str | None:
        """None, or the kind of function error."""


Work: TypeAlias = Invoke | HttpRequest
"""What takes time: the shell does it and goes on with its outcome."""


class Outcome(NamedTuple):
    """How a piece of work ended.

    `result` is None where it took too long, a CallerError where it could not be done.
    """

    result: IntegrationResult | HttpAnswer | CallerError | None
    latency_ms: float
    now_ms: int
