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
from bellwire.gateway.authorization import Refusal, read_authorization
from bellwire.gateway.effects import Accept, HttpAnswer, Invoke, Outcome, Reject, Send, Work
from bellwire.gateway.events import Handshake, authorizer_event
from bellwire.gateway.exchange import Exchange, Steps
from bellwire.gateway.refusal import Fault, Refused, failed
from bellwire.gateway.responses import Response


if TYPE_CHECKING:
    from bellwire.gateway.api import Authorizer, Route
    from bellwire.gateway.connection import Connection


def connecting(connection: Connection, exchange: Exchange) -> Steps:
    """Decide on a handshake, and tell the connection."""
    try:
        response = yield from _connect(connection, exchange)
    except Refused as refused:
        connection.refused()
        return _reject(exchange, refused)
    if response is not None and not 200 <= response.status < 300:
        connection.refused()
        exchange.status = response.status
        return _passed_on(response)
    connection.opened(now_ms=exchange.done_ms)
    return Accept(response and response.headers.get("sec-websocket-protocol"))


def message(exchange: Exchange) -> Steps:
    """Take a message to its route, and what comes back to the client."""
    route = exchange.route
    try:
        if route is None:
            raise Refused(403, responses.FORBIDDEN)
        route.metrics.message_count += 1
        exchange.api.admit_message(exchange)
        if route.validate is not None:
            exchange.validation_error = route.validate(exchange.body)
            if exchange.validation_error is not None:
                raise Refused(400, responses.BAD_REQUEST_BODY)
        response = yield from _integrate(exchange, route)
        if not route.two_way:
            return None
        if len(response.body) > exchange.api.limits.message_bytes:
            raise failed("the reply is larger than a message may be")
    except Refused as refused:
        return _error(exchange, refused)
    return Send(response.body)


def disconnecting(exchange: Exchange, route: Route) -> Steps:
    """Run `$disconnect`: the connection is gone, nobody waits for an answer."""
    try:
        yield from _integrate(exchange, route)
    except Refused as refused:
        _note(exchange, refused)
    return None


def _connect(
    connection: Connection, exchange: Exchange
) -> Generator[Work, Outcome, Response | None]:
    """Return what `$connect` answered; None where the API has no such route. Raises Refused."""
    api, route = exchange.api, exchange.route
    api.admit_connection(exchange.time_ms)
    if route is None:
        return None
    route.metrics.connect_count += 1
    yield from _let_in(connection, exchange, route)
    response = yield from _integrate(exchange, route)
    if response.status < 200:
        raise failed(f"statusCode {response.status} is no answer to a handshake")
    return response


def _let_in(
    connection: Connection, exchange: Exchange, route: Route
) -> Generator[Work, Outcome, None]:
    """Check who asks. Raises Refused."""
    api, handshake = exchange.api, exchange.handshake
    assert handshake is not None
    api.admit_route(route, exchange.time_ms)
    if route.required_parameters:
        _check_parameters(route.required_parameters, handshake)
    if route.needs_key and not api.keys_from_authorizer:
        given = handshake.headers_by_name().get("x-api-key", [""])[-1]
        _check_key(connection, exchange, given)
    if route.is_signed:
        _add_caller(connection, exchange, api.verify_caller(handshake, exchange.time_ms))
    if route.authorizer is not None:
        yield from _authorize(connection, exchange, route.authorizer)


def _check_parameters(names: Sequence[str], handshake: Handshake) -> None:
    """Raise Refused where a parameter that the route declares as required is not there."""
    query, headers = handshake.query_by_name(), handshake.headers_by_name()
    missing = [
        name
        for _, kind, name in (full.removeprefix("route.").split(".", 2) for full in names)
        if name not in query and (kind != "header" or name.lower() not in headers)
    ]
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
    if isinstance(decision, Refusal):
        exchange.authorizer_status = decision.status
        fault = Fault.EXECUTION if decision.status >= 500 else Fault.CLIENT
        raise Refused(decision.status, decision.message, reason=decision.reason, fault=fault)
    exchange.authorizer_status = 200
    about = {"principalId": decision.principal_id, **decision.context}
    connection.context = exchange.context = connection.context._replace(authorizer=about)
    if authorizer.gives_key:
        _check_key(connection, exchange, decision.usage_identifier_key or "")


def _unusable(reason: str) -> Refused:
    return failed(reason, status=500)


def _integrate(exchange: Exchange, route: Route) -> Generator[Work, Outcome, Response]:
    """Hand the request to the route's integration. Raises Refused."""
    integration = route.integration
    if integration is None:
        raise failed(f"the route {route.route_key} has no integration", status=500)
    work = integration.request(exchange)
    if isinstance(work, HttpAnswer):
        response = integration.response(exchange, work)
    else:
        outcome = yield work
        exchange.integration_latency_ms = outcome.latency_ms
        exchange.done_ms = outcome.now_ms
        route.metrics.observe(outcome.latency_ms)
        result = outcome.result
        if result is None:
            raise Refused(504, responses.TIMED_OUT, fault=Fault.EXECUTION)
        if isinstance(result, TooManyRequestsError):
            raise Refused(429, responses.TOO_MANY_REQUESTS, fault=Fault.EXECUTION)
        if isinstance(result, CallerError):
            raise _unusable(result.message)
        response = integration.response(exchange, result)
    exchange.integration_status = response.status
    if response.status >= 400:
        route.metrics.integration_error += 1
    return response


def _passed_on(response: Response) -> Reject:
    content_type = response.headers.get("content-type", "application/json")
    return Reject(response.status, {"Content-Type": content_type}, response.body)


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
