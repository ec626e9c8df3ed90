"""The routes of an API, their models, authorizers and responses.

docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from bellwire.definition.findings import Findings
from bellwire.definition.functions import Functions
from bellwire.definition.integrations import IntegrationDraft, Uri, read_uri
from bellwire.definition.keys import ACCESS_KEYS_HINT
from bellwire.definition.model import AuthorizationType, Authorizer, Model, Route, Stage
from bellwire.definition.nodes import MappingNode
from bellwire.definition.properties import Properties
from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.definition.vocabulary import (
    AUTHORIZER_IGNORED,
    AUTHORIZER_READ,
    MODEL_IGNORED,
    MODEL_READ,
    ROUTE_IGNORED,
    ROUTE_READ,
    ROUTE_RESPONSE_IGNORED,
    ROUTE_RESPONSE_READ,
)
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


Found = TypeVar("Found")

SCHEMA_BYTES = 32 * 1024
"""[docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-models.html]"""

_RESERVED = ("$connect", "$disconnect", "$default")
_AUTHORIZATION: tuple[AuthorizationType, ...] = ("NONE", "AWS_IAM", "CUSTOM")
_PARAMETER = re.compile(
    r"route\.request\.(querystring|header|multivaluequerystring|multivalueheader)\.[\w.$-]+"
)


@dataclass(frozen=True, slots=True)
class AuthorizerDraft:
    """An authorizer, of no stage yet."""

    authorizer: Authorizer
    uri: Uri

    def at(self, stage: Stage, functions: Functions) -> Authorizer:
        """Return the authorizer in a stage. Raises DefinitionError."""
        return replace(self.authorizer, function=self.uri.at(stage).function(functions))


@dataclass(frozen=True, slots=True)
class RouteDraft:
    """A route, of no stage yet."""

    route: Route
    integration: IntegrationDraft | None
    authorizer: AuthorizerDraft | None

    def at(self, stage: Stage, functions: Functions) -> Route:
        """Return the route in a stage. Raises DefinitionError."""
        return replace(
            self.route,
            integration=self.integration.at(stage, functions) if self.integration else None,
            authorizer=self.authorizer.at(stage, functions) if self.authorizer else None,
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """What routes of one API refer to: integrations and authorizers by logical id, models by name,
    and the logical ids of the routes that have a response.

    `model_names` are by logical id, for who refers to a model by that. `can_sign` tells if there
    are access keys that signatures can be checked with.
    """

    integrations: Mapping[str, IntegrationDraft]
    authorizers: Mapping[str, AuthorizerDraft]
    models: Mapping[str, Model]
    model_names: Mapping[str, str]
    answered: frozenset[str]
    can_sign: bool


def read_model(properties: Properties, findings: Findings) -> Model:
    """Read an AWS::ApiGatewayV2::Model. Raises DefinitionError."""
    properties.check(MODEL_READ, MODEL_IGNORED, findings)
    name, node = properties.required("Name"), properties.get("Schema")
    if node is None:
        raise DefinitionError(f"`{properties.name}` has no Schema", place=properties.origin)
    is_map = isinstance(node, MappingNode)
    schema = json.dumps(properties.json("Schema")) if is_map else properties.required("Schema")
    if len(schema.encode()) > SCHEMA_BYTES:
        raise DefinitionError(
            f"`{properties.path('Schema')}` is larger than {SCHEMA_BYTES // 1024} KB",
            place=node.place,
        )
    return Model(name, schema, node.place)


def read_authorizer(properties: Properties, findings: Findings) -> AuthorizerDraft:
    """Read an AWS::ApiGatewayV2::Authorizer. Raises DefinitionError."""
    properties.check(AUTHORIZER_READ, AUTHORIZER_IGNORED, findings)
    if properties.required("AuthorizerType") != "REQUEST":
        raise DefinitionError(
            f"`{properties.path('AuthorizerType')}` must be REQUEST for a WebSocket API",
            place=properties.place("AuthorizerType"),
            hint="a function can check a token, too",
        )
    sources = properties.text_list("IdentitySource")
    name = properties.required("Name")
    authorizer = Authorizer(name, "", sources, properties.origin)
    return AuthorizerDraft(authorizer, read_uri(properties, "AuthorizerUri"))


def read_route_response(properties: Properties, findings: Findings) -> None:
    """Check an AWS::ApiGatewayV2::RouteResponse. Raises DefinitionError."""
    properties.check(ROUTE_RESPONSE_READ, ROUTE_RESPONSE_IGNORED, findings)
    key = properties.required("RouteResponseKey")
    if key != "$default":
        raise DefinitionError(
            f"RouteResponseKey must be $default, not {clipped(key)}",
            place=properties.place("RouteResponseKey"),
        )


def read_route(properties: Properties, parts: Parts, findings: Findings) -> RouteDraft:
    """Read an AWS::ApiGatewayV2::Route. Raises DefinitionError."""
    properties.check(ROUTE_READ, ROUTE_IGNORED, findings)
    route_key = properties.required("RouteKey")
    place = properties.place("RouteKey")
    _check_route_key(route_key, place)
    authorization, authorizer = _authorization(properties, route_key, parts, findings)
    if route_key != "$connect":
        _report_connect_only(properties, route_key, findings)
    route = Route(
        route_key=route_key,
        integration=None,
        two_way=_is_two_way(properties, parts, findings),
        place=place,
        authorization=authorization,
        api_key_required=properties.boolean("ApiKeyRequired") or False,
        model_selection=properties.text("ModelSelectionExpression"),
        request_models=_request_models(properties, parts),
        request_parameters=_request_parameters(properties),
    )
    return RouteDraft(route, _target(properties, parts), authorizer)


def _report_connect_only(properties: Properties, route_key: str, findings: Findings) -> None:
    """Name what says something of handshakes on a route that has none: a message has no headers."""
    for key in ("ApiKeyRequired", "RequestParameters"):
        if properties.get(key):
            findings.notice(
                f"{key} of the route {clipped(route_key)} is without effect: only a handshake has "
                "a key and parameters",
                properties.place(key),
                "set it on the route $connect",
            )


def _check_route_key(route_key: str, place: Place) -> None:
    if not route_key or (route_key[0] == "$" and route_key not in _RESERVED):
        raise DefinitionError(
            f"{clipped(route_key)} is no route key: only "
            f"{', '.join(_RESERVED[:-1])} and {_RESERVED[-1]} start with `$`",
            place=place,
            hint=did_you_mean(route_key, _RESERVED),
        )


def _target(properties: Properties, parts: Parts) -> IntegrationDraft | None:
    target = properties.text("Target")
    if not target:
        return None
    place = properties.place("Target")
    kind, slash, logical_id = target.partition("/")
    if kind != "integrations" or not slash:
        raise DefinitionError(
            f"`{properties.path('Target')}` must be integrations/ and an integration's id, not "
            f"{clipped(target)}",
            place=place,
            hint="write !Sub integrations/${MyIntegration}",
        )
    return find("integration", logical_id, parts.integrations, place)


def find(what: str, name: str, known: Mapping[str, Found], place: Place) -> Found:
    """Return what a resource refers to. Raises UnknownKeyError."""
    if name not in known:
        raise UnknownKeyError(
            f"this API has no {what} {clipped(name)}", place=place, hint=did_you_mean(name, known)
        )
    return known[name]


def _is_two_way(properties: Properties, parts: Parts, findings: Findings) -> bool:
    key = "RouteResponseSelectionExpression"
    expression = properties.text(key)
    if expression not in (None, "$default"):
        raise DefinitionError(
            f"{key} must be $default, not {clipped(str(expression))}",
            place=properties.place(key),
        )
    answered = properties.name in parts.answered
    if answered != (expression is not None):
        there, lacks = (
            ("a RouteResponse", key) if answered else (key, "RouteResponse with the key $default")
        )
        findings.notice(
            f"the route `{properties.name}` has {there} but no {lacks}: answers are not sent back",
            properties.origin,
        )
    return answered and expression is not None


def _authorization(
    properties: Properties, route_key: str, parts: Parts, findings: Findings
) -> tuple[AuthorizationType, AuthorizerDraft | None]:
    key = "AuthorizationType"
    if properties.text(key) == "JWT":
        raise UnsupportedFeatureError(
            "AuthorizationType JWT is for HTTP APIs, not for WebSocket APIs",
            place=properties.place(key),
            hint="use CUSTOM with a function that checks the token",
        )
    kind = properties.choice(key, _AUTHORIZATION) or "NONE"
    if kind != "NONE" and route_key != "$connect":
        findings.notice(
            f"AuthorizationType {kind} of the route {clipped(route_key)} is without effect: AWS "
            "checks who connects, not each message",
            properties.place(key),
            "set it on the route $connect",
        )
        return "NONE", None
    if kind == "AWS_IAM" and not parts.can_sign:
        raise DefinitionError(
            "AuthorizationType AWS_IAM asks for signatures, and there are no access keys to check "
            "them with",
            place=properties.place(key),
            hint=ACCESS_KEYS_HINT,
        )
    if kind == "CUSTOM":
        return kind, _custom(properties, parts)
    return kind, None


def _custom(properties: Properties, parts: Parts) -> AuthorizerDraft:
    if not properties.text("AuthorizerId"):
        raise DefinitionError(
            f"`{properties.name}` has AuthorizationType CUSTOM and no AuthorizerId",
            place=properties.place("AuthorizationType"),
            hint="write AuthorizerId: !Ref MyAuthorizer",
        )
    logical_id = properties.required("AuthorizerId")
    place = properties.place("AuthorizerId")
    return find("authorizer", logical_id, parts.authorizers, place)


def _request_models(properties: Properties, parts: Parts) -> dict[str, Model]:
    names = properties.texts("RequestModels")
    if not names:
        return {}
    place = properties.place("RequestModels")
    return {key: _model(name, parts, place) for key, name in names.items()}


def _model(name: str, parts: Parts, place: Place) -> Model:
    named = parts.model_names.get(name)
    if named and name not in parts.models:
        raise UnknownKeyError(
            f"this API has no model {clipped(name)}",
            place=place,
            hint=f"RequestModels takes a model's Name: `{named}`",
        )
    return find("model", name, parts.models, place)


def _request_parameters(properties: Properties) -> dict[str, bool]:
    fields = properties.fields("RequestParameters")
    if not fields:
        return {}
    found: dict[str, bool] = {}
    for name, entry in fields.node.entries.items():
        if not _PARAMETER.fullmatch(name):
            raise DefinitionError(
                f"{clipped(name)} is no parameter of a request",
                place=entry.place,
                hint="write route.request.querystring.NAME or route.request.header.NAME",
            )
        if isinstance(fields.get(name), MappingNode):
            constraints = fields.fields(name)
            found[name] = bool(constraints and constraints.boolean("Required"))
        else:
            found[name] = fields.boolean(name) or False
    return found
