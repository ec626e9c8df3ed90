"""The template's resources → the WebSocket APIs of a service.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGatewayV2.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bellwire.definition.findings import Findings
from bellwire.definition.functions import Functions
from bellwire.definition.integrations import IntegrationDraft, read_integration, read_response
from bellwire.definition.intrinsics import Intrinsics
from bellwire.definition.keys import KEY_TYPES, read_api_keys
from bellwire.definition.model import ApiKey, IntegrationResponse, Model, Stage, WebSocketApi
from bellwire.definition.naming import HTTP_API, RULE_TYPE
from bellwire.definition.nodes import MappingNode, Node
from bellwire.definition.properties import Properties, is_reference
from bellwire.definition.routes import (
    AuthorizerDraft,
    Parts,
    RouteDraft,
    find,
    read_authorizer,
    read_model,
    read_route,
    read_route_response,
)
from bellwire.definition.stages import read_deployment, read_stage
from bellwire.definition.suggestion import clipped, did_you_mean, listed
from bellwire.definition.template import Record, Template
from bellwire.definition.variables import Variables
from bellwire.definition.vocabulary import API_IGNORED, API_READ
from bellwire.errors import DefinitionError, UnknownKeyError, UnsupportedFeatureError


ROUTES = 300
INTEGRATIONS = 300
AUTHORIZERS = 10
STAGES = 10
"""Most of each in one API [docs.aws.amazon.com/apigateway/latest/developerguide/
apigateway-execution-service-websocket-limits-table.html]."""

_V2 = "AWS::ApiGatewayV2::"
_PARTS = (
    *("Route", "RouteResponse", "Integration", "IntegrationResponse"),
    *("Model", "Authorizer", "Stage", "Deployment"),
)
_DOMAINS = (f"{_V2}DomainName", f"{_V2}ApiMapping")
_KEY_EXPRESSIONS = ("$request.header.x-api-key", "$context.authorizer.usageIdentifierKey")


class Context(NamedTuple):
    """What reading a template needs.

    `stage` is the service's; `main` gives the id of the functions' API; `can_sign` tells if there
    are access keys.
    """

    template: Template
    intrinsics: Intrinsics
    variables: Variables
    functions: Functions
    findings: Findings
    stage: str
    main: Node
    can_sign: bool

    def properties(self, record: Record) -> Properties:
        """Return a resource's properties."""
        found = self.variables.get(record.node, "Properties")
        return Properties(
            found or MappingNode({}, record.place),
            record.logical_id,
            self.variables,
            self.intrinsics,
            record.place,
        )


@dataclass(slots=True)
class _Declared:
    """An API and the resources that belong to it, by kind."""

    api_id: str
    properties: Properties
    parts: dict[str, list[Properties]] = field(
        default_factory=lambda: {kind: [] for kind in _PARTS}
    )


def read_apis(context: Context) -> tuple[WebSocketApi, ...]:
    """Read the APIs: first that of the functions' events, then the others.

    Raises DefinitionError for what AWS would refuse, UnsupportedFeatureError for what is not built
    here; what has no effect here is named in the findings.
    """
    main = context.intrinsics.text(context.main, "provider.apiGateway.websocketApiId")
    records = list(context.template.records())
    _report(records, context)
    declared, others = _declare(records, context)
    if main not in declared:
        raise DefinitionError(
            f"the service has no WebSocket API {clipped(str(main))}", place=context.main.place
        )
    _assign(records, declared, others, context)
    drafts = [_Reader(each, context) for each in declared.values()]
    stages = {each.api_id: each.stages() for each in drafts}
    names = {api_id: [stage.name for stage in found] for api_id, found in stages.items()}
    keys = read_api_keys(
        [(r.type, context.properties(r)) for r in records if r.type in KEY_TYPES],
        names,
        context.findings,
    )
    apis = [each.api(stages[each.api_id], keys.get(each.api_id, {})) for each in drafts]
    return tuple(sorted(apis, key=lambda api: api.api_id != main))


def _declare(records: Iterable[Record], context: Context) -> tuple[dict[str, _Declared], set[str]]:
    """Return the WebSocket APIs by id, and the ids of those of another protocol."""
    declared: dict[str, _Declared] = {}
    others: set[str] = set()
    for record in records:
        if record.type != f"{_V2}Api":
            continue
        properties = context.properties(record)
        api_id = context.intrinsics.api_id(record.logical_id)
        if _is_websocket(properties, context.findings):
            declared[api_id] = _Declared(api_id, properties)
        else:
            others.add(api_id)
    return declared, others


def _is_websocket(properties: Properties, findings: Findings) -> bool:
    protocol = properties.text("ProtocolType")
    if protocol is None and not properties.node.entries.keys() & {"Body", "BodyS3Location"}:
        if properties.name == HTTP_API:
            return False
        properties.required("ProtocolType")
    if protocol == "WEBSOCKET":
        return True
    properties.choice("ProtocolType", ("WEBSOCKET", "HTTP"))
    findings.notice(f"`{properties.name}` is an HTTP API: not served here", properties.origin)
    return False


def _assign(
    records: list[Record],
    declared: Mapping[str, _Declared],
    others: set[str],
    context: Context,
) -> None:
    """Give each resource to its API."""
    for record in records:
        kind = record.type.removeprefix(_V2)
        if kind not in _PARTS or kind == record.type:
            continue
        properties = context.properties(record)
        if _is_of_http_api(properties):
            continue
        api_id = _api_id(properties, records)
        if api_id in others:
            continue
        if api_id not in declared:
            raise UnknownKeyError(
                f"`{record.logical_id}` belongs to the API {clipped(api_id)}, which this service "
                "does not have",
                place=properties.place("ApiId"),
                hint=f"write ApiId: !Ref {next(iter(declared.values())).properties.name}",
            )
        declared[api_id].parts[kind].append(properties)


def _api_id(properties: Properties, records: list[Record]) -> str:
    api_id = properties.text("ApiId")
    if api_id is None:
        others = (each.logical_id for each in records if each.logical_id != properties.name)
        raise DefinitionError(
            f"`{properties.name}` has no ApiId",
            place=properties.origin,
            hint=did_you_mean(properties.name, others),
        )
    return api_id


def _is_of_http_api(properties: Properties) -> bool:
    """Tell whether a resource is of the HTTP API that the framework makes of `httpApi` events."""
    node = properties.node.get("ApiId")
    return is_reference(node, HTTP_API) if node else properties.name.startswith(HTTP_API)


class _Reader:
    """Reads one API."""

    def __init__(self, declared: _Declared, context: Context) -> None:
        self.api_id = declared.api_id
        self._properties = declared.properties
        self._parts = declared.parts
        self._context = context
        self._findings = context.findings

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages, each with the routes as they are there."""
        for kind, most in (
            *(("Route", ROUTES), ("Integration", INTEGRATIONS)),
            *(("Authorizer", AUTHORIZERS), ("Stage", STAGES)),
        ):
            self._check_number(kind, most)
        routes = self._routes()
        keys = [draft.route.route_key for draft in routes]
        functions = self._context.functions
        return tuple(
            replace(stage, routes=tuple(draft.at(stage, functions) for draft in routes))
            for stage in self._bare_stages(keys)
        )

    def api(
        self, stages: tuple[Stage, ...], keys: Mapping[str, tuple[ApiKey, ...]]
    ) -> WebSocketApi:
        """Return the API of these stages and keys."""
        properties = self._properties
        properties.check(API_READ, API_IGNORED, self._findings)
        expression = properties.choice("ApiKeySelectionExpression", _KEY_EXPRESSIONS)
        selection = properties.required("RouteSelectionExpression")
        self._report_keyless(stages, keys)
        return WebSocketApi(
            api_id=self.api_id,
            name=properties.required("Name"),
            route_selection_expression=selection,
            route_selection_place=properties.place("RouteSelectionExpression"),
            stages=stages,
            api_key_selection_expression=expression or _KEY_EXPRESSIONS[0],
            api_keys=keys,
        )

    def _check_number(self, kind: str, most: int) -> None:
        if len(self._parts[kind]) > most:
            raise DefinitionError(
                f"the API `{self._properties.name}` has more than {most} resources of the type "
                f"{_V2}{kind}",
                place=self._parts[kind][most].origin,
            )

    def _bare_stages(self, route_keys: list[str]) -> list[Stage]:
        stages: dict[str, Stage] = {}
        for properties in self._parts["Stage"]:
            stage = read_stage(properties, route_keys, self._findings)
            first = stages.setdefault(stage.name, stage)
            if first is not stage:
                raise DefinitionError(
                    f"the stage {clipped(stage.name)} is there twice; the first is at "
                    f"{first.place}",
                    place=stage.place,
                )
        for properties in self._parts["Deployment"]:
            made = read_deployment(properties, self._findings)
            if made:
                stages.setdefault(made.name, made)
        if not stages:
            return [Stage(self._context.stage, (), place=self._properties.origin)]
        return list(stages.values())

    def _routes(self) -> list[RouteDraft]:
        parts = Parts(
            self._integrations(),
            self._authorizers(),
            self._models(),
            {each.name: each.required("Name") for each in self._parts["Model"]},
            self._answered(),
            self._context.can_sign,
        )
        routes: dict[str, RouteDraft] = {}
        for properties in self._parts["Route"]:
            draft = read_route(properties, parts, self._findings)
            first = routes.setdefault(draft.route.route_key, draft)
            if first is not draft:
                raise DefinitionError(
                    f"the route {clipped(draft.route.route_key)} is there twice; the first is at "
                    f"{first.route.place}",
                    place=draft.route.place,
                )
        return list(routes.values())

    def _integrations(self) -> dict[str, IntegrationDraft]:
        own = {each.name: each for each in self._parts["Integration"]}
        responses: dict[str, dict[str, IntegrationResponse]] = {name: {} for name in own}
        for properties in self._parts["IntegrationResponse"]:
            integration = properties.required("IntegrationId")
            place = properties.place("IntegrationId")
            answers = find("integration", integration, responses, place)
            response = read_response(properties, self._findings)
            first = answers.setdefault(response.key, response)
            if first is not response:
                raise DefinitionError(
                    f"`{integration}` has two responses with the key {clipped(response.key)}; the "
                    f"first is at {first.place}",
                    place=response.place,
                )
        return {
            name: read_integration(each, [*responses[name].values()], self._findings)
            for name, each in own.items()
        }

    def _authorizers(self) -> dict[str, AuthorizerDraft]:
        parts = self._parts["Authorizer"]
        return {each.name: read_authorizer(each, self._findings) for each in parts}

    def _models(self) -> dict[str, Model]:
        models: dict[str, Model] = {}
        for properties in self._parts["Model"]:
            model = read_model(properties, self._findings)
            first = models.setdefault(model.name, model)
            if first is not model:
                raise DefinitionError(
                    f"two models have the name {clipped(model.name)}; the first is at "
                    f"{first.place}",
                    place=model.place,
                )
        return models

    def _answered(self) -> frozenset[str]:
        routes = {each.name: each for each in self._parts["Route"]}
        answered: set[str] = set()
        for properties in self._parts["RouteResponse"]:
            read_route_response(properties, self._findings)
            route = properties.required("RouteId")
            answered.add(find("route", route, routes, properties.place("RouteId")).name)
        return frozenset(answered)

    def _report_keyless(
        self, stages: tuple[Stage, ...], keys: Mapping[str, tuple[ApiKey, ...]]
    ) -> None:
        for stage in stages:
            asks = [r for r in stage.routes if r.api_key_required and r.route_key == "$connect"]
            if asks and not keys.get(stage.name):
                self._findings.notice(
                    "the route `$connect` asks for an API key, and no usage plan gives one to the "
                    f"stage `{stage.name}`: nobody can connect",
                    asks[0].place,
                )


def _report(records: list[Record], context: Context) -> None:
    """Name what the user declares and has no effect here, and refuse what would be missed."""
    strangers: dict[str, Record] = {}
    for record in records:
        if record.type == "AWS::Serverless::WebSocketApi":
            raise UnsupportedFeatureError(
                f"`{record.logical_id}` is of the type {record.type}, which is not built here",
                place=record.place,
                hint="write `websocket` events, or resources of the types AWS::ApiGatewayV2::…",
            )
        if not _is_read(record.type):
            strangers.setdefault(record.type, record)
        elif "Condition" in record.node.entries:
            context.findings.notice(
                f"the Condition of `{record.logical_id}` is not evaluated here: it counts as true",
                record.place,
            )
    domains = [strangers.pop(kind) for kind in _DOMAINS if kind in strangers]
    if domains:
        context.findings.notice(
            "custom domains are not set up here: that is the task of the reverse proxy in front "
            "of Bellwire",
            domains[0].place,
        )
    if strangers:
        context.findings.notice(
            f"`resources` of these types are not created here: {listed(strangers)}",
            next(iter(strangers.values())).place,
            "create what the functions use; AWS_ENDPOINT_URL_DYNAMODB and the like name it",
        )


def _is_read(kind: str) -> bool:
    part = kind.removeprefix(_V2)
    known = (*KEY_TYPES, RULE_TYPE)
    return kind in known or (part != kind and part in ("Api", *_PARTS))
