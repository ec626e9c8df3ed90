"""What a delivery takes from the node: its events, and who performs what a rule asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bellwire.definition.model import EventInvokeConfig
from bellwire.iot.actions import Notify, Post, Republish
from bellwire.iot.republished import Republished
from bellwire.iot.sql.scope import Question
from bellwire.iot.sql.values import Value
from bellwire.origin import Origin


class Event(Protocol):
    """What the broker hands over. `done` is final, `in_progress` asks for more time."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def durable(self) -> bool: ...
    def done(self) -> None: ...
    def in_progress(self) -> None: ...


class InvocationResult(Protocol):
    """What a delivery reads of a function's result."""

    @property
    def payload(self) -> bytes: ...
    @property
    def error(self) -> str | None: ...


class FailedInvocation(NamedTuple):
    """An invocation that failed for good, for the function's destination."""

    function: str
    event: bytes
    request_id: str
    attempts: int
    result: InvocationResult


InvokeFunction = Callable[[str, bytes, str], "asyncio.Future[InvocationResult]"]
"""Runs a function: its key, the event as JSON, the request id. Raises CallerError."""
Bury = Callable[[str, Event, Mapping[str, str]], Awaitable[None]]
"""Stores what failed for good: rule, event, headers that say why. Raises UpstreamError."""


@dataclass(frozen=True, slots=True)
class Performers:
    """Those in the node who perform what a rule asks for.

    What cannot be done raises CallerError, or UpstreamError, which tells if trying again may help.
    `tell` sends the record of a failed invocation to the function's destination; `settings` gives
    a function's settings for asynchronous events, by its key.
    """

    invoke: InvokeFunction
    publish: Callable[[Republish], Awaitable[None]]
    post: Callable[[Post], Awaitable[None]]
    notify: Callable[[Notify], None]
    ask: Callable[[Question], Awaitable[Value]]
    tell: Callable[[FailedInvocation], Awaitable[None]]
    settings: Callable[[str], EventInvokeConfig]
    bury: Bury
    request_id: Callable[[], str]
    republished: Republished
