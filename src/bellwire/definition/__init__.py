"""serverless.yml as a typed model: read it with `load_service`."""

from bellwire.definition.model import (
    AccessKeys,
    ApiKey,
    Authorizer,
    EventInvokeConfig,
    Finding,
    Function,
    Integration,
    IntegrationResponse,
    Model,
    Route,
    Service,
    Stage,
    TextRun,
    Throttle,
    TopicRule,
    WebSocketApi,
)
from bellwire.definition.service import load_service
from bellwire.definition.source_text import sql_position


__all__ = [
    "AccessKeys",
    "ApiKey",
    "Authorizer",
    "EventInvokeConfig",
    "Finding",
    "Function",
    "Integration",
    "IntegrationResponse",
    "Model",
    "Route",
    "Service",
    "Stage",
    "TextRun",
    "Throttle",
    "TopicRule",
    "WebSocketApi",
    "load_service",
    "sql_position",
]
