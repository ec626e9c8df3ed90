"""One request on its way through an API: a handshake, a message, or the end of a connection.

What happens to it is a generator (see `pipeline`): it yields the work that takes time, is sent the
outcome, and returns what is to be done in the end. So the whole way of a request can be read in
one place, and nothing in it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from bellwire.gateway.effects import Accept, Outcome, Reject, Send, Work
from bellwire.gateway.events import (
    ConnectionContext,
    Handshake,
    clf_time,
    connect_event,
    disconnect_event,
    message_event,
)


if TYPE_CHECKING:
    from bellwire.gateway.api import Api, Route
    from bellwire.gateway.throttle import TokenBucket


Ending: TypeAlias = Accept | Reject | Send | None
"""What is done in the end; None for a message without a reply."""
Lookup: TypeAlias = Callable[[str], str | None]
"""Gives a `$context` variable as text, by the name that follows `$context.`."""
Steps: TypeAlias = Generator[Work, Outcome, Ending]


class Exchange:
    """One request: what it is, how far it got, and how it ended.

    `status`, `error`, `integration_status` and the latencies are for the access log and the
    `$context` variables; `status` is that of the gateway's answer, 200 until something failed.
    `service_status` is that of Lambda itself, which says 200 of a function that failed too.
    `reason` is a sentence for the node's log, `done_ms` when the last piece of work ended, `usage`
    the bound of the usage plan that the connection's API key belongs to.
    """

    __slots__ = (
        "_steps",
        "api",
        "authorizer_latency_ms",
        "authorizer_status",
        "body",
        "close",
        "context",
        "done_ms",
        "error",
        "handshake",
        "integration_error",
        "integration_latency_ms",
        "integration_status",
        "message_id",
        "reason",
        "request_id",
        "route",
        "service_status",
        "status",
        "time_ms",
        "trace_id",
        "usage",
        "validation_error",
    )

    def __init__(
        self,
        api: Api,
        context: ConnectionContext,
        route: Route | None,
        *,
        request_id: str,
        now_ms: int,
        body: str = "",
        message_id: str | None = None,
        handshake: Handshake | None = None,
        trace_id: str = "",
        close: tuple[int, str] | None = None,
    ) -> None:
        self.api = api
        self.context = context
        self.route = route
        self.request_id = request_id
        self.time_ms = now_ms
        self.body = body
        self.message_id = message_id
        self.handshake = handshake
        self.trace_id = trace_id
        self.close = close
        self.usage: TokenBucket | None = None
        self.done_ms = now_ms
        self.status = 200
        self.error: str | None = None
        self.reason = ""
        self.validation_error: str | None = None
        self.authorizer_status: int | None = None
        self.authorizer_latency_ms: float | None = None
        self.service_status: int | None = None
        self.integration_error: str | None = None
        self.integration_status: int | None = None
        self.integration_latency_ms: float | None = None
        self._steps: Steps | None = None

    def run(self, steps: Steps) -> Exchange:
        """Set the way it goes; `advance` starts it."""
        self._steps = steps
        return self

    def advance(self, outcome: Outcome | None = None) -> Work | Ending:
        """Go on to the next piece of work, or to the end.

        The first call comes without an outcome, each further one with that of the work before.
        """
        assert self._steps is not None
        try:
            return self._steps.send(outcome)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as end:
            ending: Ending = end.value
            return ending

    @property
    def event_type(self) -> str:
        """CONNECT, MESSAGE or DISCONNECT."""
        if self.handshake is not None:
            return "CONNECT"
        return "DISCONNECT" if self.close is not None else "MESSAGE"

    def event(self) -> bytes:
        """Return the event of a Lambda proxy integration."""
        if self.handshake is not None:
            return connect_event(
                self.context,
                self.handshake,
                request_id=self.request_id,
                now_ms=self.time_ms,
                trace_id=self.trace_id,
                authorizer_latency_ms=self.authorizer_latency_ms,
            )
        if self.close is not None:
            code, reason = self.close
            return disconnect_event(
                self.context,
                code=code,
                reason=reason,
                request_id=self.request_id,
                now_ms=self.time_ms,
            )
        assert self.route is not None
        assert self.message_id is not None
        return message_event(
            self.context,
            self.body,
            route_key=self.route.route_key,
            message_id=self.message_id,
            request_id=self.request_id,
            now_ms=self.time_ms,
        )

    # `$context`, for mapping templates, parameters and the access log

    def variables(self) -> dict[str, object]:
        """Return the `$context` variables; those without a value are left out."""
        context = self.context
        known: dict[str, object] = {
            "apiId": context.api_id,
            "authorizer": self._authorizer(),
            "connectedAt": context.connected_at_ms,
            "connectionId": context.connection_id,
            "domainName": context.domain_name,
            "error": self._error(),
            "eventType": self.event_type,
            "extendedRequestId": self.request_id,
            "identity": self._identity(),
            "integration": self._integration(),
            "integrationLatency": _milliseconds(self.integration_latency_ms),
            "messageId": self.message_id,
            "messageDirection": "IN",
            "requestId": self.request_id,
            "requestTime": clf_time(self.time_ms),
            "requestTimeEpoch": self.time_ms,
            "routeKey": self.route.route_key if self.route is not None else None,
            "stage": context.stage,
            "status": self.status,
        }
        return _present(known)

    def lookup(self) -> Lookup:
        """Return the look-up of what `variables` gives now, by the name after `$context.`."""
        return partial(_look_up, self.variables())

    def _identity(self) -> dict[str, object]:
        context = self.context
        known = {"sourceIp": context.source_ip, "userAgent": context.user_agent}
        return _present({**known, **context.caller})

    def _authorizer(self) -> dict[str, object]:
        latency = _milliseconds(self.authorizer_latency_ms)
        known = {"latency": latency, "integrationLatency": latency}
        status = {"status": self.authorizer_status, "integrationStatus": self.authorizer_status}
        return _present({**known, **status, **(self.context.authorizer or {})})

    def _integration(self) -> dict[str, object]:
        latency = _milliseconds(self.integration_latency_ms)
        return _present(
            {
                "error": self.integration_error,
                "integrationStatus": self.service_status,
                "latency": latency,
                "status": self.integration_status,
            }
        )

    def _error(self) -> dict[str, object]:
        message = self.error
        return _present(
            {
                "message": message,
                "messageString": None if message is None else f'"{message}"',
                "validationErrorString": self.validation_error,
            }
        )


def _look_up(variables: Mapping[str, object], name: str) -> str | None:
    value: object = variables
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return None if value is None or isinstance(value, Mapping) else str(value)


def _present(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _milliseconds(latency_ms: float | None) -> int | None:
    return None if latency_ms is None else round(latency_ms)
