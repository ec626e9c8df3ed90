"""The service as Bellwire understands it: plain frozen values, no behaviour.

Words are those of the Serverless Framework and of AWS. Every value that can be wrong later (a
handler, a statement) carries its place in the file, so that the error can name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bellwire.errors import Place
from bellwire.limits import Limits


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the reader of serverless.yml noticed and went on: skipped, or doubtful."""

    message: str
    place: Place | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """One entry of `functions:`.

    `key` is the name in the file, `name` the deployed one (`{service}-{stage}-{key}` unless set).
    `handler` is as written (`subscribers/websocket_event_handler.connect`).
    """

    key: str
    name: str
    handler: str
    runtime: str
    timeout_s: float
    memory_mb: int
    environment: Mapping[str, str]
    reserved_concurrency: int | None
    place: Place


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the WebSocket API, from a function's `websocket` event.

    `two_way` is true where `routeResponseSelectionExpression: $default` is set: only then does
    the function's `body` go back to the client.
    """

    route_key: str
    function: str
    two_way: bool
    place: Place


@dataclass(frozen=True, slots=True)
class WebSocketApi:
    """The WebSocket API of the service. `api_id` is ten characters, the same on every start."""

    api_id: str
    name: str
    route_selection_expression: str
    route_selection_place: Place | None
    routes: tuple[Route, ...]


class TextRun(NamedTuple):
    """Characters of a text from `offset` on, up to the next run, as they stand in a file.

    The first is at `line` and `column`, both from 1. Each further one is a column to the right, or
    at the same place if not `steps`: they all came from the variable that stands there.
    """

    offset: int
    line: int
    column: int
    steps: bool


@dataclass(frozen=True, slots=True)
class TopicRule:
    """A topic rule, from a function's `iot` event.

    `sql` is the statement as AWS would get it; `sql_place` is where it starts in the file, and
    `sql_runs` where each part of it stands (see `sql_position`).
    `sql_version` is `2015-10-08` where the file names none, as on AWS.
    """

    name: str
    sql: str
    sql_version: str
    function: str
    enabled: bool
    description: str
    sql_place: Place
    sql_runs: tuple[TextRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A whole serverless.yml, with variables resolved for one stage."""

    name: str
    stage: str
    region: str
    account_id: str
    directory: Path
    file: Path
    functions: Mapping[str, Function]
    api: WebSocketApi
    rules: tuple[TopicRule, ...]
    limits: Limits
    findings: tuple[Finding, ...] = field(default=())
