"""The stages of an API: variables, throttles, access log.

docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bellwire.definition.findings import Findings
from bellwire.definition.model import Stage, Throttle
from bellwire.definition.properties import Properties
from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.definition.vocabulary import (
    DEPLOYMENT_IGNORED,
    DEPLOYMENT_READ,
    ROUTE_SETTINGS_IGNORED,
    ROUTE_SETTINGS_READ,
    STAGE_IGNORED,
    STAGE_READ,
)
from bellwire.errors import DefinitionError, UnknownKeyError


_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_]+")
_VARIABLE_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=,]{1,2048}")


def read_stage(properties: Properties, route_keys: Iterable[str], findings: Findings) -> Stage:
    """Read an AWS::ApiGatewayV2::Stage, without its routes. Raises DefinitionError."""
    properties.check(STAGE_READ, STAGE_IGNORED, findings)
    default = properties.fields("DefaultRouteSettings")
    return Stage(
        name=_name(properties),
        routes=(),
        variables=_variables(properties),
        default_throttle=_throttle(default, findings) if default else Throttle(),
        route_throttles=_route_throttles(properties, list(route_keys), findings),
        access_log_format=_log_format(properties),
        place=properties.place("StageName"),
    )


def read_deployment(properties: Properties, findings: Findings) -> Stage | None:
    """Read an AWS::ApiGatewayV2::Deployment: the stage that it makes, if it names one."""
    properties.check(DEPLOYMENT_READ, DEPLOYMENT_IGNORED, findings)
    if not properties.get("StageName"):
        return None
    return Stage(_name(properties), (), place=properties.place("StageName"))


def _name(properties: Properties) -> str:
    name = properties.required("StageName")
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            f"{clipped(name)} is no name for a stage of a WebSocket API: up to 128 letters, "
            "digits, `-` and `_`",
            place=properties.place("StageName"),
        )
    return name


def _variables(properties: Properties) -> Mapping[str, str]:
    fields = properties.fields("StageVariables")
    if not fields:
        return {}
    variables = properties.texts("StageVariables")
    for name, value in variables.items():
        if not _VARIABLE_NAME.fullmatch(name):
            raise DefinitionError(
                f"{clipped(name)} is no name for a stage variable: letters, digits and `_`",
                place=fields.node.entries[name].place,
            )
        if not _VARIABLE_VALUE.fullmatch(value):
            raise DefinitionError(
                f"the stage variable `{name}` must be 1 to 2048 letters, digits and -._~:/?#&=,",
                place=fields.place(name),
            )
    return variables


def _throttle(settings: Properties, findings: Findings) -> Throttle:
    settings.check(ROUTE_SETTINGS_READ, ROUTE_SETTINGS_IGNORED, findings)
    return Throttle(
        settings.number("ThrottlingRateLimit"), settings.integer("ThrottlingBurstLimit", low=0)
    )


def _route_throttles(
    properties: Properties, route_keys: list[str], findings: Findings
) -> Mapping[str, Throttle]:
    fields = properties.fields("RouteSettings")
    throttles: dict[str, Throttle] = {}
    for route_key, entry in fields.node.entries.items() if fields else ():
        if route_key not in route_keys:
            raise UnknownKeyError(
                f"RouteSettings names the route {clipped(route_key)}, which this API does not have",
                place=entry.place,
                hint=did_you_mean(route_key, route_keys),
            )
        settings = fields.fields(route_key) if fields else None
        if settings:
            throttles[route_key] = _throttle(settings, findings)
    return throttles


def _log_format(properties: Properties) -> str | None:
    settings = properties.fields("AccessLogSettings")
    text = settings.text("Format") if settings else None
    if not settings or text is None:
        return None
    return text.removesuffix("\n")
