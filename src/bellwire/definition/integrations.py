"""What a route hands its messages to: integrations, their responses, and where they lead.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integrations.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, get_args

from bellwire.definition.findings import Findings
from bellwire.definition.functions import Functions
from bellwire.definition.model import (
    ContentHandling,
    Integration,
    IntegrationResponse,
    IntegrationType,
    Passthrough,
    Stage,
)
from bellwire.definition.naming import FUNCTION_ARN
from bellwire.definition.properties import Properties
from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.definition.vocabulary import (
    INTEGRATION_IGNORED,
    INTEGRATION_READ,
    INTEGRATION_RESPONSE_IGNORED,
    INTEGRATION_RESPONSE_READ,
)
from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError


TIMEOUT_MS = (50, 29_000)
"""[docs.aws.amazon.com/apigateway/latest/developerguide/
apigateway-execution-service-websocket-limits-table.html]"""

_TYPES: tuple[IntegrationType, ...] = get_args(IntegrationType)
_PASSTHROUGH: tuple[Passthrough, ...] = get_args(Passthrough)
_CONTENT_HANDLING: tuple[ContentHandling, ...] = get_args(ContentHandling)
_METHOD = re.compile(r"[A-Z]{1,16}")
_HTTP = re.compile(r"https?://[^\s/?#]+[^\s]*")
_SERVICE = re.compile(r"arn:[\w-]+:apigateway:[\w-]*:(?P<service>[\w.-]+):(?P<action>.*)")
_INVOCATION = re.compile(r"path/\d{4}-\d\d-\d\d/functions/(?P<arn>.+)/invocations")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([^}]*)\}")


class Uri(NamedTuple):
    """Where an integration or an authorizer leads, stage variables not yet replaced."""

    text: str
    path: str
    place: Place

    def at(self, stage: Stage) -> Uri:
        """Return the URI in a stage. Raises DefinitionError for a variable that it does not have.

        docs.aws.amazon.com/apigateway/latest/developerguide/aws-api-gateway-stage-variables-reference.html
        """
        for name in _STAGE_VARIABLE.findall(self.text):
            if name not in stage.variables:
                raise DefinitionError(
                    f"`{self.path}` needs the stage variable {clipped(name)}, which the stage "
                    f"`{stage.name}` does not have",
                    place=self.place,
                    hint=did_you_mean(name, stage.variables) or "set it in StageVariables",
                )
        text = _STAGE_VARIABLE.sub(lambda found: stage.variables[found[1]], self.text)
        return self._replace(text=text)

    def function(self, functions: Functions) -> str:
        """Return the key of the function that is invoked. Raises DefinitionError."""
        service = _SERVICE.fullmatch(self.text)
        if service and service["service"] != "lambda":
            raise UnsupportedFeatureError(
                f"`{self.path}` calls the AWS service {clipped(service['service'])}; "
                "only Lambda functions are called here",
                place=self.place,
                hint="call the service from a function",
            )
        invocation = _INVOCATION.fullmatch(service["action"]) if service else None
        arn = invocation["arn"] if invocation else self.text
        found = FUNCTION_ARN.fullmatch(arn)
        if not found:
            raise DefinitionError(
                f"`{self.path}` names {clipped(arn)}, which is no Lambda function",
                place=self.place,
                hint="write arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
                "${NameLambdaFunction.Arn}/invocations",
            )
        return functions.called(found["name"], self.path, self.place)

    def http(self) -> str:
        """Return the URI of an HTTP endpoint. Raises DefinitionError."""
        if not _HTTP.fullmatch(self.text):
            raise DefinitionError(
                f"`{self.path}` must be an address with http:// or https://, not "
                f"{clipped(self.text)}",
                place=self.place,
            )
        return self.text


@dataclass(frozen=True, slots=True)
class IntegrationDraft:
    """An integration, of no stage yet. `uri` is None for MOCK."""

    integration: Integration
    uri: Uri | None

    def at(self, stage: Stage, functions: Functions) -> Integration:
        """Return the integration in a stage. Raises DefinitionError."""
        if self.uri is None:
            return self.integration
        uri = self.uri.at(stage)
        if self.integration.type in ("AWS_PROXY", "AWS"):
            return replace(self.integration, function=uri.function(functions))
        return replace(self.integration, uri=uri.http())


def read_uri(properties: Properties, key: str) -> Uri:
    """Read a URI, which must be there."""
    text = properties.required(key)
    return Uri(text, properties.path(key), properties.place(key))


def read_integration(
    properties: Properties, responses: Sequence[IntegrationResponse], findings: Findings
) -> IntegrationDraft:
    """Read an AWS::ApiGatewayV2::Integration. Raises DefinitionError."""
    properties.check(INTEGRATION_READ, INTEGRATION_IGNORED, findings)
    properties.required("IntegrationType")
    kind = properties.choice("IntegrationType", _TYPES)
    assert kind, "required"
    _check_connection(properties)
    low, high = TIMEOUT_MS
    integration = Integration(
        type=kind,
        place=properties.origin,
        method=_method(properties),
        timeout_ms=properties.integer("TimeoutInMillis", low=low, high=high),
        passthrough=properties.choice("PassthroughBehavior", _PASSTHROUGH) or "WHEN_NO_MATCH",
        content_handling=properties.choice("ContentHandlingStrategy", _CONTENT_HANDLING),
        request_parameters=properties.texts("RequestParameters"),
        request_templates=properties.texts("RequestTemplates"),
        template_selection=properties.text("TemplateSelectionExpression"),
        responses=tuple(responses),
    )
    uri = None if kind == "MOCK" else read_uri(properties, "IntegrationUri")
    return IntegrationDraft(integration, uri)


def _check_connection(properties: Properties) -> None:
    if properties.text("ConnectionType") == "VPC_LINK":
        raise UnsupportedFeatureError(
            f"`{properties.name}` uses a VPC link: ConnectionType VPC_LINK is not built here",
            place=properties.place("ConnectionType"),
            hint="leave ConnectionType out; the address is called from where Bellwire runs",
        )
    properties.choice("ConnectionType", ("INTERNET",))


def _method(properties: Properties) -> str:
    method = properties.text("IntegrationMethod")
    if method is not None and not _METHOD.fullmatch(method):
        raise DefinitionError(
            f"{clipped(method)} is no HTTP method",
            place=properties.place("IntegrationMethod"),
            hint="write it in capitals: POST",
        )
    return method or "POST"


def read_response(properties: Properties, findings: Findings) -> IntegrationResponse:
    """Read an AWS::ApiGatewayV2::IntegrationResponse. Raises DefinitionError.

    docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-responses.html
    """
    properties.check(INTEGRATION_RESPONSE_READ, INTEGRATION_RESPONSE_IGNORED, findings)
    key = properties.required("IntegrationResponseKey")
    return IntegrationResponse(
        key=key,
        place=properties.place("IntegrationResponseKey"),
        parameters=properties.texts("ResponseParameters"),
        templates=properties.texts("ResponseTemplates"),
        template_selection=properties.text("TemplateSelectionExpression"),
        content_handling=properties.choice("ContentHandlingStrategy", _CONTENT_HANDLING),
    )
