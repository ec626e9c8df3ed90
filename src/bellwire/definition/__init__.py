"""serverless.yml as a typed model: read it with `load_service`."""

from bellwire.definition.model import (
    Finding,
    Function,
    Route,
    Service,
    TextRun,
    TopicRule,
    WebSocketApi,
)
from bellwire.definition.service import load_service
from bellwire.definition.source_text import sql_position


__all__ = [
    "Finding",
    "Function",
    "Route",
    "Service",
    "TextRun",
    "TopicRule",
    "WebSocketApi",
    "load_service",
    "sql_position",
]
