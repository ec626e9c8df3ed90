"""What the gateway's core asks its shell to do: small values, matched in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class Invoke(NamedTuple):
    """Run a function with this event (JSON); give its result back with the same `request_id`.

    If it takes longer than `timeout_ms`, give back None instead of a result.
    """

    function: str
    event: bytes
    request_id: str
    timeout_ms: int


class HttpRequest(NamedTuple):
    """Send this request to an HTTP endpoint and give its answer back.

    If it takes longer than `timeout_ms`, give back None instead of an answer.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    request_id: str
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
    """Answer the handshake with this status and JSON body."""

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
