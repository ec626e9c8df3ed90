"""The way of a request through an API, step by step.

A handshake: throttle → API key → authorizer → `$connect` → 101. A message: throttle → model →
integration → route response. The end: `$disconnect`, whatever it answers. Each way is a generator
that yields the work that takes time (see `exchange`); what ends a request early is `Refused`.
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-routes-integrations.html
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING

from bellwire.errors import CallerError, TooManyRequestsError
from bellwire.gateway import responses
from bellwire.gateway.authorization import Denial, read_authorization
from bellwire.gateway.effects import (
    Accept,
    HttpAnswer,
    IntegrationResult,
    Invoke,
    Outcome,
    Reject,
    Send,
    Work,
)
from bellwire.gateway.events import Handshake, authorizer_event
from bellwire.gateway.exchange import Ending, Exchange, Steps
from bellwire.gateway.refusal import Fault, Refused, failed
from bellwire.gateway.responses import Response


if TYPE_CHECKING:
    from bellwire.gateway.api import Authorizer, Route
    from bellwire.gateway.connection import Connection
    from bellwire.gateway.integration import Integration


_BODILESS = frozenset({204, 304})


def connecting(connection: Connection, exchange: Exchange) -> Steps:
    """Decide on a handshake, and tell the connection."""
    try:
        response = yield from _connect(connection, exchange)
    except Refused as refused:
        connection.rejected()
        return _reject(exchange, refused)
    if response is not None and not 200 <= response.status < 300:
        connection.rejected()
        exchange.status = response.status
        return _passed_on(response)
    connection.opened(now_ms=exchange.done_ms)
    return Accept(response and response.headers.get("sec-websocket-protocol"))


def message(exchange: Exchange) -> Steps:
    """Take a message to its route, and what comes back to the client."""
    api, route = exchange.api, exchange.route
    api.metrics_of(route).message_count += 1
    try:
        api.admit_message(exchange)
        if route is None:
            raise Refused(403, responses.FORBIDDEN)
        if route.validate is not None:
            exchange.validation_error = route.validate(exchange.body)
            if exchange.validation_error is not None:
                raise Refused(400, responses.BAD_REQUEST_BODY)
        if route.integration is None:
            raise failed(f"the route {route.route_key} has no integration")
        result = yield from _run(exchange, route, route.integration)
        response = _response(exchange, route, route.integration, result)
        if not route.two_way:
            return None
        if len(response.body) > api.limits.message_bytes:
            raise failed("the reply is larger than a message may be")
    except Refused as refused:
        return _error(exchange, refused)
    return Send(response.body)


def disconnecting(exchange: Exchange, route: Route) -> Steps:
    """Run `$disconnect`: the connection is gone, and what is answered counts for nothing.

    No throttle holds it back: what `$connect` stored would stay for ever.
    """
    try:
        if route.integration is not None:
            result = yield from _run(exchange, route, route.integration)
            if not isinstance(result, HttpAnswer) and result.error is not None:
                raise Refused(502, responses.INTERNAL_SERVER_ERROR, fault=Fault.INTEGRATION)
    except Refused as refused:
        _note(exchange, refused)
    return None


def broken(exchange: Exchange) -> Ending:
    """Return how an exchange ends that a bug of ours has stopped."""
    refused = Refused(500, responses.INTERNAL_SERVER_ERROR, fault=Fault.EXECUTION)
    if exchange.handshake is not None:
        return _reject(exchange, refused)
    if exchange.close is not None:
        return None
    return _error(exchange, refused)


def _connect(
    connection: Connection, exchange: Exchange
) -> Generator[Work, Outcome, Response | None]:
    """Return what `$connect` answered; None where nobody is to be asked. Raises Refused.

    "Setting up an integration for $connect is optional": who may come in is let in without.
    """
    api, route = exchange.api, exchange.route
    api.admit_connection(exchange.time_ms)
    api.admit_request(route, exchange.time_ms)
    if route is None:
        return None
    route.metrics.connect_count += 1
    yield from _let_in(connection, exchange, route)
    if route.integration is None:
        return None
    result = yield from _run(exchange, route, route.integration)
    response = _response(exchange, route, route.integration, result)
    if response.status < 200:
        raise failed(f"statusCode {response.status} is no answer to a handshake")
    return response


def _let_in(
    connection: Connection, exchange: Exchange, route: Route
) -> Generator[Work, Outcome, None]:
    """Check who asks. Raises Refused."""
    api, handshake = exchange.api, exchange.handshake
    assert handshake is not None
    if route.required_parameters:
        _check_parameters(route.required_parameters, handshake)
    if route.needs_key and not api.keys_from_authorizer:
        given = handshake.headers_by_name().get("x-api-key", [""])[-1]
        _check_key(connection, exchange, given)
    if route.is_signed:
        _add_caller(connection, exchange, api.verify_caller(handshake, exchange.time_ms))
    if route.authorizer is not None:
        yield from _authorize(connection, exchange, route.authorizer)
    elif route.needs_key and api.keys_from_authorizer:
        raise Refused(403, responses.FORBIDDEN, reason="no authorizer could name an API key")


def _check_parameters(names: Sequence[str], handshake: Handshake) -> None:
    """Raise Refused where a parameter that the route declares as required is not there."""
    query, headers = handshake.query_by_name(), handshake.headers_by_name()
    missing = []
    for full in names:
        kind, name = full.removeprefix("route.request.").split(".", 1)
        is_there = name.lower() in headers if kind.endswith("header") else name in query
        if not is_there:
            missing.append(name)
    if missing:
        raise Refused(400, f"Missing required request parameters: [{', '.join(missing)}]")


def _check_key(connection: Connection, exchange: Exchange, given: str) -> None:
    about, usage = exchange.api.check_key(given, exchange.time_ms)
    connection.usage = usage
    _add_caller(connection, exchange, about)


def _add_caller(connection: Connection, exchange: Exchange, about: Mapping[str, str]) -> None:
    """Keep who is calling, for this request and all that follow."""
    context = connection.context
    connection.context = exchange.context = context._replace(caller={**context.caller, **about})


def _authorize(
    connection: Connection, exchange: Exchange, authorizer: Authorizer
) -> Generator[Work, Outcome, None]:
    handshake, context = exchange.handshake, exchange.context
    assert handshake is not None
    if authorizer.sources.missing(
        handshake.headers_by_name(),
        handshake.query_by_name(),
        exchange.lookup(),
        context.stage_variables,
    ):
        raise Refused(401, responses.UNAUTHORIZED)
    event = authorizer_event(
        context,
        handshake,
        method_arn=authorizer.method_arn,
        request_id=exchange.request_id,
        now_ms=exchange.time_ms,
        trace_id=exchange.trace_id,
    )
    timeout_ms = exchange.api.limits.integration_timeout_ms
    outcome = yield Invoke(authorizer.function, event, exchange.request_id, timeout_ms)
    exchange.authorizer_latency_ms = outcome.latency_ms
    exchange.done_ms = outcome.now_ms
    result = outcome.result
    if result is None or isinstance(result, CallerError | HttpAnswer):
        exchange.authorizer_status = 500
        raise _unusable(f"the authorizer {authorizer.function} did not answer: {result}")
    decision = read_authorization(result.payload, result.error, method_arn=authorizer.method_arn)
    if isinstance(decision, Denial):
        exchange.authorizer_status = decision.status
        fault = Fault.EXECUTION if decision.status >= 500 else Fault.CLIENT
        raise Refused(decision.status, decision.message, reason=decision.reason, fault=fault)
    exchange.authorizer_status = 200
    about = {**decision.context, "principalId": decision.principal_id}
    connection.context = exchange.context = connection.context._replace(authorizer=about)
    if authorizer.gives_key:
        _check_key(connection, exchange, decision.usage_identifier_key or "")


def _unusable(reason: str) -> Refused:
    return failed(reason, status=500)


def _run(
    exchange: Exchange, route: Route, integration: Integration
) -> Generator[Work, Outcome, IntegrationResult | HttpAnswer]:
    """Hand the request to an integration; return what came back. Raises Refused."""
    work = integration.request(exchange)
    if isinstance(work, HttpAnswer):
        return work
    outcome = yield work
    exchange.integration_latency_ms = outcome.latency_ms
    exchange.done_ms = outcome.now_ms
    route.metrics.observe(outcome.latency_ms)
    result = outcome.result
    if result is None:
        reason = f"the integration took longer than {work.timeout_ms} ms"
        raise Refused(504, responses.TIMED_OUT, reason=reason, fault=Fault.EXECUTION)
    if isinstance(result, TooManyRequestsError):
        raise Refused(429, responses.TOO_MANY_REQUESTS, fault=Fault.EXECUTION)
    if isinstance(result, CallerError):
        raise _unusable(result.message)
    if not isinstance(result, HttpAnswer):
        exchange.service_status = 200
    return result


def _response(
    exchange: Exchange,
    route: Route,
    integration: Integration,
    result: IntegrationResult | HttpAnswer,
) -> Response:
    response = integration.response(exchange, result)
    exchange.integration_status = response.status
    if response.status >= 400:
        route.metrics.integration_error += 1
    return response


def _passed_on(response: Response) -> Reject:
    content_type = response.headers.get("content-type", "application/json")
    body = b"" if response.status in _BODILESS else response.body
    return Reject(response.status, {"Content-Type": content_type}, body)


def _reject(exchange: Exchange, refused: Refused) -> Reject:
    _note(exchange, refused)
    body = responses.error_frame(
        refused.message,
        connection_id=exchange.context.connection_id,
        request_id=exchange.request_id,
    )
    return responses.rejection(refused.status, body, exchange.request_id)


def _error(exchange: Exchange, refused: Refused) -> Send:
    _note(exchange, refused)
    connection_id = exchange.context.connection_id
    if exchange.validation_error is not None:
        assert exchange.message_id is not None
        return Send(
            responses.validation_frame(connection_id=connection_id, message_id=exchange.message_id)
        )
    return Send(
        responses.error_frame(
            refused.message, connection_id=connection_id, request_id=exchange.request_id
        )
    )


def _note(exchange: Exchange, refused: Refused) -> None:
    """Keep how the request ended, for the log and the metrics."""
    exchange.status = refused.status
    exchange.error = refused.message
    exchange.reason = refused.reason
    metrics = exchange.api.metrics_of(exchange.route)
    if refused.fault is Fault.CLIENT:
        metrics.client_error += 1
    elif refused.fault is Fault.INTEGRATION:
        metrics.integration_error += 1
    else:
        metrics.execution_error += 1
    if refused.fault is not Fault.CLIENT:
        exchange.integration_error = refused.reason or refused.message
