"""A stage of a WebSocket API, ready to serve: routes, who may come in, how much, and its counters.

docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bellwire.definition import model
from bellwire.errors import CallerError, DefinitionError
from bellwire.gateway import responses
from bellwire.gateway.access_log import compile_access_log
from bellwire.gateway.authorization import (
    IdentitySources,
    compile_identity_sources,
    method_arn,
)
from bellwire.gateway.events import Handshake
from bellwire.gateway.exchange import Exchange, Lookup
from bellwire.gateway.integration import Integration, compile_integration
from bellwire.gateway.metrics import RouteMetrics
from bellwire.gateway.models import compile_model
from bellwire.gateway.refusal import Refused
from bellwire.gateway.selection import Select, compile_selection
from bellwire.gateway.signature import SignedRequest, verify_signature
from bellwire.gateway.throttle import TokenBucket
from bellwire.limits import Limits


CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"

Validate = Callable[[str], str | None]
"""Takes a message, returns what is wrong with it."""
AccessLog = Callable[[Lookup], str]

_KEY_FROM_AUTHORIZER = "$context.authorizer.usageIdentifierKey"
_DECLARED = ("route.request.header.", "route.request.querystring.")
_NO_MODEL = "no model of this route is for the message"


class Authorizer(NamedTuple):
    """A Lambda authorizer, ready to ask; `gives_key` where its answer names the API key."""

    function: str
    sources: IdentitySources
    method_arn: str
    gives_key: bool


@dataclass(slots=True)
class Route:
    """A route, ready to serve. `two_way`: what its integration answers is sent to the client."""

    route_key: str
    integration: Integration | None
    two_way: bool = False
    validate: Validate | None = None
    authorizer: Authorizer | None = None
    is_signed: bool = False
    needs_key: bool = False
    required_parameters: Sequence[str] = ()
    throttle: TokenBucket = field(default_factory=lambda: TokenBucket(None, None))
    metrics: RouteMetrics = field(default_factory=RouteMetrics)


class Account(NamedTuple):
    """What all APIs of a node share, as those of an AWS account do."""

    region: str
    account_id: str
    connects: TokenBucket
    requests: TokenBucket
    access_keys: model.AccessKeys


class UsageKey(NamedTuple):
    """An API key, and what its usage plan still allows."""

    name: str
    value: bytes
    usage: TokenBucket


class Api:
    """One stage of one API."""

    def __init__(
        self,
        *,
        api_id: str,
        stage: str,
        select: Select,
        routes: Mapping[str, Route],
        limits: Limits,
        account: Account,
        variables: Mapping[str, str] | None = None,
        access_log: AccessLog | None = None,
        keys: Sequence[UsageKey] = (),
        keys_from_authorizer: bool = False,
    ) -> None:
        self.api_id = api_id
        self.stage = stage
        self.limits = limits
        self.account = account
        self.routes = routes
        self.variables = variables or {}
        self.access_log = access_log
        self.unrouted = RouteMetrics()
        self.messages_out = 0
        self.keys_from_authorizer = keys_from_authorizer
        self._select = select
        self._keys = keys
        # A message cannot reach `$connect` or `$disconnect` by naming it. AWS does not say;
        # this is our choice.
        self._by_message = {
            key: route for key, route in routes.items() if key not in (CONNECT, DISCONNECT)
        }

    def route_of(self, message: str) -> Route | None:
        """Return the route of a message: the one it names, else `$default`, else None."""
        return self._by_message.get(self._select(message)) or self._by_message.get(DEFAULT)

    def metrics_of(self, route: Route | None) -> RouteMetrics:
        """Return the counters of a route; those of no route have a place of their own."""
        return self.unrouted if route is None else route.metrics

    def succeed(self, former: Sequence[Api]) -> None:
        """Go on where the stages of before were: its own counters, what bounds it and all others.

        A bound that is no longer the same starts anew.
        """
        account = former[0].account
        self.account = self.account._replace(connects=account.connects, requests=account.requests)
        usages = {(key.name, key.value): key.usage for each in former for key in each._keys}
        self._keys = [
            key._replace(usage=_kept(usages.get((key.name, key.value)), key.usage))
            for key in self._keys
        ]
        for each in former:
            if (each.api_id, each.stage) == (self.api_id, self.stage):
                self._take_over(each)

    def _take_over(self, former: Api) -> None:
        self.unrouted, self.messages_out = former.unrouted, former.messages_out
        for key, route in self.routes.items():
            if was := former.routes.get(key):
                route.metrics = was.metrics
                route.throttle = _kept(was.throttle, route.throttle)

    # How much: each raises Refused

    def admit_connection(self, now_ms: int) -> None:
        """Take one of the account's new connections."""
        if not self.account.connects.take(now_ms):
            raise Refused(429, responses.TOO_MANY_REQUESTS)

    def admit_request(self, route: Route | None, now_ms: int) -> None:
        """Take one request from what the route, if it has one, and the account allow."""
        if route is not None and not route.throttle.take(now_ms):
            raise Refused(429, responses.TOO_MANY_REQUESTS)
        if not self.account.requests.take(now_ms):
            raise Refused(429, responses.TOO_MANY_REQUESTS)

    def admit_message(self, exchange: Exchange) -> None:
        """Take one message from what usage plan, route and account allow."""
        if exchange.usage is not None and not exchange.usage.take(exchange.time_ms):
            raise Refused(429, responses.TOO_MANY_REQUESTS)
        self.admit_request(exchange.route, exchange.time_ms)

    # Who: each raises Refused

    def check_key(self, given: str, now_ms: int) -> tuple[Mapping[str, str], TokenBucket]:
        """Return whose API key this is, as members of `identity`, and its usage plan's bound."""
        value = given.encode("utf-8", "surrogatepass")
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.value, value):
                found = key
        if found is None:
            raise Refused(403, responses.FORBIDDEN, reason="no such API key")
        if not found.usage.take(now_ms):
            raise Refused(429, responses.TOO_MANY_REQUESTS)
        return {"apiKey": given, "apiKeyId": found.name}, found.usage

    def verify_caller(self, handshake: Handshake, now_ms: int) -> Mapping[str, str]:
        """Return who signed a handshake, as members of `identity`.

        docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
        """
        account = self.account
        request = SignedRequest("GET", handshake.path, handshake.query, handshake.headers, b"")
        try:
            key_id = verify_signature(
                request,
                secret_of=account.access_keys.secrets.get,
                region=account.region,
                now_ms=now_ms,
            )
        except CallerError as error:
            raise Refused(403, responses.FORBIDDEN, reason=error.message) from None
        return {
            "accountId": account.account_id,
            "accessKey": key_id,
            "caller": key_id,
            "user": key_id,
            "userArn": f"arn:aws:iam::{account.account_id}:user/{key_id}",
        }


def apis_of(service: model.Service) -> tuple[Api, ...]:
    """Make all stages of all APIs of a service ready; the first is the service's own.

    Raises DefinitionError for an expression, a template or a schema that is wrong.
    """
    limits = service.limits
    account = Account(
        service.region,
        service.account_id,
        connects=_off_at_zero(limits.new_connections_per_s, limits.new_connections_per_s),
        requests=_off_at_zero(limits.requests_per_s, limits.requests_burst),
        access_keys=service.access_keys,
    )
    # A key's plan bounds it over all stages together.
    every = {key for api in service.apis for keys in api.api_keys.values() for key in keys}
    keys = {key: UsageKey(key.name, key.value.encode(), _bucket(key.throttle)) for key in every}
    return tuple(
        _stage(api, stage, limits, account, keys) for api in service.apis for stage in api.stages
    )


def _off_at_zero(rate: int, burst: int) -> TokenBucket:
    return TokenBucket(rate, burst) if rate else TokenBucket(None, None)


def _kept(former: TokenBucket | None, new: TokenBucket) -> TokenBucket:
    return former if former is not None and former.has_bound_of(new) else new


def _bucket(throttle: model.Throttle) -> TokenBucket:
    return TokenBucket(throttle.rate_per_s, throttle.burst)


def _stage(
    api: model.WebSocketApi,
    stage: model.Stage,
    limits: Limits,
    account: Account,
    keys: Mapping[model.ApiKey, UsageKey],
) -> Api:
    arn = method_arn(
        region=account.region,
        account_id=account.account_id,
        api_id=api.api_id,
        stage=stage.name,
        route_key=CONNECT,
    )
    keys_from_authorizer = api.api_key_selection_expression == _KEY_FROM_AUTHORIZER
    log = stage.access_log_format
    return Api(
        api_id=api.api_id,
        stage=stage.name,
        select=compile_selection(api.route_selection_expression, api.route_selection_place),
        routes={
            route.route_key: _route(route, stage, limits, arn, keys_from_authorizer)
            for route in stage.routes
        },
        limits=limits,
        account=account,
        variables=stage.variables,
        access_log=compile_access_log(log, stage.place) if log is not None else None,
        keys=[keys[key] for key in api.api_keys.get(stage.name, ())],
        keys_from_authorizer=keys_from_authorizer,
    )


def _route(
    route: model.Route, stage: model.Stage, limits: Limits, arn: str, keys_from_authorizer: bool
) -> Route:
    integration = route.integration
    _check_declared(route)
    throttle = stage.route_throttles.get(route.route_key, stage.default_throttle)
    return Route(
        route_key=route.route_key,
        integration=compile_integration(integration, limits) if integration else None,
        two_way=route.two_way,
        validate=_validation(route),
        authorizer=_authorizer(route, arn, keys_from_authorizer),
        is_signed=route.authorization == "AWS_IAM",
        needs_key=route.api_key_required,
        required_parameters=[
            name for name, required in route.request_parameters.items() if required
        ],
        throttle=_bucket(throttle),
    )


def _check_declared(route: model.Route) -> None:
    """Raise DefinitionError where a parameter is mapped that the route does not declare.

    docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-data-mapping.html
    """
    integration = route.integration
    declared = {name.replace(".multivalue", ".") for name in route.request_parameters}
    for source in integration.request_parameters.values() if integration else ():
        plain = source.replace(".multivalue", ".")
        if plain.startswith(_DECLARED) and plain not in declared:
            raise DefinitionError(
                f"the route {route.route_key} does not declare {source}",
                place=integration.place if integration else route.place,
                hint=f"add {source} to the route's RequestParameters",
            )


def _authorizer(route: model.Route, arn: str, keys_from_authorizer: bool) -> Authorizer | None:
    authorizer = route.authorizer
    if authorizer is None:
        return None
    return Authorizer(
        authorizer.function,
        compile_identity_sources(authorizer.identity_sources, authorizer.place),
        arn,
        gives_key=route.api_key_required and keys_from_authorizer,
    )


def _validation(route: model.Route) -> Validate | None:
    """Return the check of a route's messages.

    docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-request-validation.html
    """
    if not route.request_models and route.model_selection is None:
        return None
    models = {
        key: compile_model(each.schema, each.place) for key, each in route.request_models.items()
    }
    if route.model_selection is None:
        return models.get(DEFAULT)
    select = compile_selection(route.model_selection, route.place)

    def validate(message: str) -> str | None:
        check = models.get(select(message)) or models.get(DEFAULT)
        return _NO_MODEL if check is None else check(message)

    return validate
