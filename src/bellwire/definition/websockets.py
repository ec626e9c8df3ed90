"""`websocket` events of functions → the resources that the framework makes of them.

Sources: the framework's pages on the event and on the provider's settings
[www.serverless.com/framework/docs/providers/aws/events/websocket, …/guide/serverless.yml].
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bellwire.definition.findings import Findings
from bellwire.definition.naming import (
    WEBSOCKETS_API,
    WEBSOCKETS_DEPLOYMENT,
    WEBSOCKETS_STAGE,
    authorizer_logical_id,
    function_logical_id,
    integration_logical_id,
    route_logical_id,
    route_response_logical_id,
)
from bellwire.definition.nodes import MappingNode, Node, Plain, ScalarNode, make_map, make_node
from bellwire.definition.suggestion import clipped, did_you_mean, nearest
from bellwire.definition.values import Fields, text_of
from bellwire.definition.variables import Variables
from bellwire.definition.vocabulary import AUTHORIZER_KEYS, LOGS_KEYS, WEBSOCKET_KEYS
from bellwire.errors import DefinitionError, Place, UnknownKeyError


DEFAULT_SELECTION = "$request.body.action"
DEFAULT_IDENTITY_SOURCE = "route.request.header.Auth"
DEFAULT_LOG_FORMAT = (
    "$context.identity.sourceIp $context.identity.caller $context.identity.user "
    '[$context.requestTime] "$context.eventType $context.routeKey $context.connectionId" '
    "$context.requestId"
)
"""The framework's defaults."""

_API_ID = re.compile(r"[A-Za-z0-9]{1,64}")
_LOG_LEVELS = ("INFO", "ERROR")


@dataclass(frozen=True, slots=True)
class AuthorizerSetting:
    """The `authorizer` of an event: a function of the service by its name, or an ARN.

    `identity_source` is as in the file, None if it is not there.
    """

    name: str
    arn: Node | None
    identity_source: Node | None
    place: Place


@dataclass(frozen=True, slots=True)
class WebsocketEvent:
    """One `websocket` event; `response` is its routeResponseSelectionExpression."""

    function: str
    route_key: str
    route: Node
    response: Node | None
    authorizer: AuthorizerSetting | None

    @property
    def place(self) -> Place:
        """Where the route key stands."""
        return self.route.place


@dataclass(frozen=True, slots=True)
class ProviderApi:
    """What `provider` says of the functions' API.

    `attached` is `provider.apiGateway.websocketApiId`; `log_format` None means no access log.
    """

    name: Node
    selection: Node
    stage: Node
    attached: Node | None
    log_format: Node | None
    place: Place

    def given_id(self) -> str | None:
        """Return the id of the API that the routes are attached to, if it is a text."""
        return text_of(self.attached, "") if isinstance(self.attached, ScalarNode) else None

    def reference(self) -> Node:
        """Return the value of ApiId in what is made of the events."""
        if isinstance(self.attached, MappingNode):
            return self.attached
        return make_map({"Ref": WEBSOCKETS_API}, self.place)


def read_event(
    function: str, node: Node, path: str, place: Place, variables: Variables
) -> WebsocketEvent:
    """Read a `websocket` event: a route key, or a map with more about it.

    `place` is that of the whole event. Raises DefinitionError.
    """
    if isinstance(node, ScalarNode):
        return WebsocketEvent(function, text_of(node, path), node, None, None)
    fields = Fields(node, path, variables)
    fields.check_keys(WEBSOCKET_KEYS)
    route_key, route = fields.text("route"), fields.get("route")
    if route_key is None or route is None:
        raise DefinitionError(f"`{path}` has no route", place=place)
    authorizer = _authorizer(fields)
    if authorizer and route_key != "$connect":
        raise DefinitionError(
            f"the route {clipped(route_key)} has an authorizer: AWS takes one for $connect only",
            place=authorizer.place,
            hint="move it to the event of the route $connect; who is let in there may send to all",
        )
    return WebsocketEvent(
        function, route_key, route, fields.get("routeResponseSelectionExpression"), authorizer
    )


def _authorizer(event: Fields) -> AuthorizerSetting | None:
    node = event.get("authorizer")
    path = event.path("authorizer")
    if node is None:
        return None
    if isinstance(node, ScalarNode):
        text = text_of(node, path)
        is_arn = ":" in text
        name = text.rpartition(":")[2]
        return AuthorizerSetting(name, node if is_arn else None, None, node.place)
    fields = Fields(node, path, event.variables)
    fields.check_keys(AUTHORIZER_KEYS)
    arn, name_given = fields.get("arn"), fields.text("name")
    if isinstance(arn, ScalarNode):
        name_given = text_of(arn, fields.path("arn")).rpartition(":")[2]
    if not name_given:
        what = "an arn that is no text, and no name beside it" if arn else "neither name nor arn"
        raise DefinitionError(
            f"`{path}` has {what}", place=node.place, hint="write `name:`, the name of a function"
        )
    return AuthorizerSetting(name_given, arn, fields.get("identitySource"), node.place)


def read_provider(
    provider: Fields, service: str, stage: str, stage_place: Place, findings: Findings
) -> ProviderApi:
    """Read what `provider` says of the API. Raises DefinitionError."""
    place = provider.node.place
    attached = _attached(provider, findings)
    return ProviderApi(
        name=_given(provider, "websocketsApiName", f"{stage}-{service}-websockets"),
        selection=_given(provider, "websocketsApiRouteSelectionExpression", DEFAULT_SELECTION),
        stage=make_node(stage, stage_place),
        attached=attached,
        log_format=_log_format(provider, findings),
        place=place,
    )


def _given(provider: Fields, key: str, default: str) -> Node:
    provider.text(key)
    return make_node(provider.get(key) or default, provider.node.place)


def _attached(provider: Fields, findings: Findings) -> Node | None:
    gateway = provider.fields("apiGateway")
    if not gateway:
        return None
    for key, entry in gateway.node.entries.items():
        if key != "websocketApiId":
            meant = nearest(key, ["websocketApiId"])
            if meant and "websocket" in key.lower():
                raise UnknownKeyError(
                    f"unknown key `{gateway.path(key)}`",
                    place=entry.place,
                    hint=f"did you mean `{meant}`?",
                )
            findings.skip_key("provider.apiGateway", key, entry.place)
    node = gateway.get("websocketApiId")
    if isinstance(node, ScalarNode) and not _API_ID.fullmatch(text_of(node, "websocketApiId")):
        raise DefinitionError(
            f"{clipped(text_of(node, 'websocketApiId'))} is no id of an API", place=node.place
        )
    return node


def _log_format(provider: Fields, findings: Findings) -> Node | None:
    logs = provider.fields("logs")
    if not logs:
        return None
    for key, entry in logs.node.entries.items():
        if key not in ("websocket", "lambda"):
            findings.skip_key("provider.logs", key, entry.place)
    node = logs.get("websocket")
    if isinstance(node, MappingNode):
        fields = Fields(node, logs.path("websocket"), logs.variables)
        fields.check_keys(LOGS_KEYS)
        _check_log_level(fields)
        for key in ("executionLogging", "fullExecutionData"):
            fields.boolean(key)
        if fields.boolean("accessLogging") is False:
            return None
        return fields.get("format") or make_node(DEFAULT_LOG_FORMAT, node.place)
    wanted = logs.boolean("websocket")
    return make_node(DEFAULT_LOG_FORMAT, node.place) if node and wanted else None


def _check_log_level(fields: Fields) -> None:
    level = fields.text("level")
    if level is not None and level not in _LOG_LEVELS:
        raise DefinitionError(
            f"`{fields.path('level')}` must be INFO or ERROR, not {clipped(level)}",
            place=fields.place("level"),
        )


def compile_events(
    events: Iterable[WebsocketEvent], provider: ProviderApi, functions: Collection[str]
) -> dict[str, MappingNode]:
    """Return the resources by logical id, as the framework makes them.

    `functions` are the names of all functions of the service. Raises DefinitionError.
    """
    api = provider.reference()
    resources: dict[str, MappingNode] = {}
    if not isinstance(provider.attached, MappingNode):
        resources[WEBSOCKETS_API] = _resource(
            "Api",
            provider.place,
            Name=provider.name,
            ProtocolType="WEBSOCKET",
            RouteSelectionExpression=provider.selection,
        )
    routes: dict[str, WebsocketEvent] = {}
    for event in events:
        first = routes.setdefault(route_logical_id(event.route_key), event)
        if first is not event:
            raise _twice(first, event)
        for name, resource in _of_event(event, api, functions).items():
            resources.setdefault(name, resource)  # a function's routes share its integration
    resources.update(_stage(provider, api))
    return resources


def _resource(kind: str, place: Place, **properties: Plain) -> MappingNode:
    whole: dict[str, Plain] = {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": properties}
    return make_map(whole, place)


def _twice(first: WebsocketEvent, second: WebsocketEvent) -> DefinitionError:
    if first.route_key == second.route_key:
        return DefinitionError(
            f"the route {clipped(first.route_key)} is there twice, for `{first.function}` and for "
            f"`{second.function}`; the first is at {first.place}",
            place=second.place,
        )
    return DefinitionError(
        f"the framework gives the routes {clipped(first.route_key)} and "
        f"{clipped(second.route_key)} the same logical id; the first is at {first.place}",
        place=second.place,
    )


def _of_event(
    event: WebsocketEvent, api: Plain, functions: Collection[str]
) -> dict[str, MappingNode]:
    place = event.place
    integration = integration_logical_id(event.function)
    route: dict[str, Plain] = {
        "ApiId": api,
        "RouteKey": event.route,
        "AuthorizationType": "NONE",
        "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integration}]]},
    }
    made = {
        integration: _resource(
            "Integration",
            place,
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=_invocation_uri(_arn(event.function)),
        )
    }
    if event.response:
        route["RouteResponseSelectionExpression"] = event.response
        made[route_response_logical_id(event.route_key)] = _resource(
            "RouteResponse",
            place,
            ApiId=api,
            RouteId={"Ref": route_logical_id(event.route_key)},
            RouteResponseKey="$default",
        )
    if event.authorizer:
        logical_id = authorizer_logical_id(event.authorizer.name)
        made[logical_id] = _authorizer_resource(event.authorizer, api, functions)
        route |= {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": logical_id}}
    made[route_logical_id(event.route_key)] = _resource("Route", place, **route)
    return made


def _authorizer_resource(
    setting: AuthorizerSetting, api: Plain, functions: Collection[str]
) -> MappingNode:
    if setting.arn is None and setting.name not in functions:
        raise UnknownKeyError(
            f"the authorizer {clipped(setting.name)} is no function of this service",
            place=setting.place,
            hint=did_you_mean(setting.name, functions),
        )
    sources: Plain = setting.identity_source or [DEFAULT_IDENTITY_SOURCE]
    return _resource(
        "Authorizer",
        setting.place,
        ApiId=api,
        Name=setting.name,
        AuthorizerType="REQUEST",
        AuthorizerUri=_invocation_uri(setting.arn or _arn(setting.name)),
        IdentitySource=[sources] if isinstance(sources, ScalarNode) else sources,
    )


def _arn(function: str) -> Plain:
    return {"Fn::GetAtt": [function_logical_id(function), "Arn"]}


def _invocation_uri(arn: Plain) -> Plain:
    parts: list[Plain] = [
        "arn:",
        {"Ref": "AWS::Partition"},
        ":apigateway:",
        {"Ref": "AWS::Region"},
        ":lambda:path/2015-03-31/functions/",
        arn,
        "/invocations",
    ]
    return {"Fn::Join": ["", parts]}


def _stage(provider: ProviderApi, api: Plain) -> dict[str, MappingNode]:
    """Return the stage; where the API is another's, the deployment that makes it."""
    place = provider.stage.place
    if provider.attached:
        deployment = _resource("Deployment", place, ApiId=api, StageName=provider.stage)
        return {WEBSOCKETS_DEPLOYMENT: deployment}
    stage: dict[str, Plain] = {"ApiId": api, "StageName": provider.stage}
    if provider.log_format:
        stage["AccessLogSettings"] = {"Format": provider.log_format}
    return {WEBSOCKETS_STAGE: _resource("Stage", place, **stage)}
