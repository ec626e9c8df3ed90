"""The service as Bellwire understands it: plain frozen values, no behaviour.

Words are those of the Serverless Framework and of AWS. Every value that can be wrong later (a
handler, a statement) carries its place in the file, so that the error can name it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from bellwire.definition.access import Devices
from bellwire.errors import Place
from bellwire.limits import Limits


_AWS_HOST = re.compile(r".+\.iot\.[a-z0-9-]+\.amazonaws\.com(\.cn)?", re.IGNORECASE)
_AWS_TLS_PORT = 443


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the reader of serverless.yml noticed and went on: skipped, or doubtful."""

    message: str
    place: Place | None = None
    hint: str | None = None

    def __str__(self) -> str:
        """Return it as one line."""
        place = f"{self.place}: " if self.place else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{hint}"


@dataclass(frozen=True, slots=True)
class EventInvokeConfig:
    """What becomes of a function's asynchronous events.

    `retry_attempts` None means the limit `function_retries`. Each destination is the key of the
    function that gets a record of the outcome.
    docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
    """

    retry_attempts: int | None = None
    event_age_s: float = 21_600.0
    on_success: str | None = None
    on_failure: str | None = None


@dataclass(frozen=True, slots=True)
class Logging:
    """What a function's log looks like: Lambda's advanced logging controls.

    The levels are None where the format is Text, which Lambda does not filter. `group` is the log
    group where it is not the function's own.
    docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
    """

    format: Literal["Text", "JSON"] = "Text"
    application_level: str | None = None
    system_level: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """One entry of `functions:`.

    `key` is the name in the file, `name` the deployed one (`{service}-{stage}-{key}` unless set).
    `handler` is as written (`subscribers/websocket_event_handler.connect`). `layers` are the
    folders that Lambda would lay over one another in `/opt`, the first below.
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
    event_invoke_config: EventInvokeConfig = EventInvokeConfig()
    provisioned_concurrency: int = 0
    layers: tuple[Path, ...] = ()
    logging: Logging = Logging()


IntegrationType: TypeAlias = Literal["AWS_PROXY", "AWS", "HTTP_PROXY", "HTTP", "MOCK"]
Passthrough: TypeAlias = Literal["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"]
ContentHandling: TypeAlias = Literal["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"]
AuthorizationType: TypeAlias = Literal["NONE", "AWS_IAM", "CUSTOM"]


@dataclass(frozen=True, slots=True)
class IntegrationResponse:
    """An answer of an integration that is no proxy.

    `key` is `$default`, or a regular expression between slashes for a status code or, with a
    function, an error message.
    """

    key: str
    place: Place | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    template_selection: str | None = None
    content_handling: ContentHandling | None = None


@dataclass(frozen=True, slots=True)
class Integration:
    """What a route hands its messages to.

    `function` is the key of a function (AWS_PROXY, AWS); `uri` and `method` are those of an HTTP
    endpoint (HTTP, HTTP_PROXY), stage variables replaced. `timeout_ms` None means the limit.
    docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integrations.html
    """

    type: IntegrationType
    place: Place | None = None
    function: str | None = None
    uri: str | None = None
    method: str = "POST"
    timeout_ms: int | None = None
    passthrough: Passthrough = "WHEN_NO_MATCH"
    content_handling: ContentHandling | None = None
    request_parameters: Mapping[str, str] = field(default_factory=dict)
    request_templates: Mapping[str, str] = field(default_factory=dict)
    template_selection: str | None = None
    responses: tuple[IntegrationResponse, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A JSON schema (draft 4) that messages are checked against; `schema` is its JSON text."""

    name: str
    schema: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Authorizer:
    """A REQUEST authorizer: a function, by its key, that decides who may connect.

    `identity_sources` are as AWS writes them: `route.request.header.Auth`,
    `route.request.querystring.token`, `context.X`, `stageVariables.X`.
    """

    name: str
    function: str
    identity_sources: tuple[str, ...]
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the WebSocket API.

    `two_way` is true where it has the route response `$default`: only then does what the
    integration answers go back to the client. `request_models` are by the key that
    `model_selection` gives; `request_parameters` tell of each declared one if it must be there.
    `integration` is None where the route has none, which AWS answers as an internal error.
    """

    route_key: str
    integration: Integration | None
    two_way: bool
    place: Place
    authorization: AuthorizationType = "NONE"
    authorizer: Authorizer | None = None
    api_key_required: bool = False
    model_selection: str | None = None
    request_models: Mapping[str, Model] = field(default_factory=dict)
    request_parameters: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Throttle:
    """A token bucket: requests per second, and how many may come at once. None: no bound."""

    rate_per_s: float | None = None
    burst: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of an API, with the routes deployed to it.

    `route_throttles` are by route key; other routes have `default_throttle` each.
    `access_log_format` holds `$context` variables; None means no access log.
    """

    name: str
    routes: tuple[Route, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    default_throttle: Throttle = Throttle()
    route_throttles: Mapping[str, Throttle] = field(default_factory=dict)
    access_log_format: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that a client may send as `x-api-key`, and the bound that its usage plan sets."""

    name: str
    value: str = field(repr=False)
    throttle: Throttle = Throttle()


@dataclass(frozen=True, slots=True)
class WebSocketApi:
    """A WebSocket API. `api_id` is ten characters, the same on every start.

    `api_keys` are, by stage name, those of the usage plans that the stage belongs to.
    """

    api_id: str
    name: str
    route_selection_expression: str
    route_selection_place: Place | None
    stages: tuple[Stage, ...]
    api_key_selection_expression: str = "$request.header.x-api-key"
    api_keys: Mapping[str, tuple[ApiKey, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """Who may sign requests (`custom.bellwire.accessKeys`): secret access keys by their ids.

    `sign_connections` is true where @connections asks for a signature too.
    """

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    sign_connections: bool = False


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
class TemplateText:
    """A parameter of an action: a text that may hold substitution templates `${…}`.

    `place` is where it starts in the file, `runs` where each part of it stands.
    docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html
    """

    text: str
    place: Place
    runs: tuple[TextRun, ...] = ()


@dataclass(frozen=True, slots=True)
class LambdaAction:
    """Invokes a function of the service, by its key, with what SELECT gives.

    docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html
    """

    function: str
    place: Place


@dataclass(frozen=True, slots=True)
class RepublishHeaders:
    """The MQTT 5 properties of what is republished; each None is absent.

    docs.aws.amazon.com/iot/latest/apireference/API_MqttHeaders.html
    """

    payload_format: TemplateText | None = None
    content_type: TemplateText | None = None
    response_topic: TemplateText | None = None
    correlation_data: TemplateText | None = None
    message_expiry: TemplateText | None = None
    user_properties: tuple[tuple[TemplateText, TemplateText], ...] = ()


@dataclass(frozen=True, slots=True)
class RepublishAction:
    """Publishes what SELECT gives to another topic, with a QoS of 0 or 1.

    docs.aws.amazon.com/iot/latest/developerguide/republish-rule-action.html
    """

    topic: TemplateText
    qos: TemplateText
    place: Place
    headers: RepublishHeaders | None = None


@dataclass(frozen=True, slots=True)
class HttpAction:
    """Posts what SELECT gives to a URL, once who serves `confirmation_url` has confirmed.

    docs.aws.amazon.com/iot/latest/developerguide/https-rule-action.html
    """

    url: TemplateText
    confirmation_url: str
    place: Place
    headers: tuple[tuple[str, TemplateText], ...] = ()


@dataclass(frozen=True, slots=True)
class NotifyAction:
    """Pushes what SELECT gives to those who listen to a device, without a function. Ours.

    `timestamp` is epoch milliseconds; None stands for when the message arrived.
    """

    device_id: TemplateText
    place: Place
    timestamp: TemplateText | None = None


Action: TypeAlias = LambdaAction | RepublishAction | HttpAction | NotifyAction


@dataclass(frozen=True, slots=True)
class TopicRule:
    """A topic rule: from a function's `iot` event, or of one's own.

    `sql` is the statement as AWS would get it; `sql_place` is where it starts in the file, and
    `sql_runs` where each part of it stands (see `sql_position`).
    `sql_version` is `2015-10-08` where the file names none, as on AWS. `error_action` is for
    messages for which an action has failed; it is never a NotifyAction.
    """

    name: str
    sql: str
    sql_version: str
    actions: tuple[Action, ...]
    error_action: Action | None
    enabled: bool
    description: str
    sql_place: Place
    sql_runs: tuple[TextRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and how the node logs in there.

    `ca` is who signed the broker's certificate, None for the system's authorities; `certificate`
    and `key` are the node's own. `shadows` tells whether the node serves device shadows there.
    """

    host: str
    port: int
    tls: bool
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    shadows: bool = True

    @property
    def url(self) -> str:
        """The address, without a secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.tls else ''}://{host}:{self.port}"

    @property
    def is_aws(self) -> bool:
        """Whether it is AWS IoT Core."""
        return bool(_AWS_HOST.fullmatch(self.host))

    @property
    def alpn(self) -> str | None:
        """What AWS tells MQTT from HTTPS by on port 443; None elsewhere.

        docs.aws.amazon.com/iot/latest/developerguide/protocols.html
        """
        if not self.is_aws or self.port != _AWS_TLS_PORT:
            return None
        return "mqtt" if self.certificate is None else "x-amzn-mqtt-ca"


@dataclass(frozen=True, slots=True)
class Service:
    """A whole serverless.yml, with variables resolved for one stage.

    The first of `apis` is that of the functions' `websocket` events, others are declared under
    `resources`. `host_names` are those under which a proxy serves the console. Without `devices`
    every device may connect. `broker` is None where devices publish to the node's own. `files` are
    those that `${file(…)}` names, whether they are there or not. `sql_functions` gives the
    functions, by key, that answer functions of IoT SQL.
    """

    name: str
    stage: str
    region: str
    account_id: str
    directory: Path
    file: Path
    functions: Mapping[str, Function]
    apis: tuple[WebSocketApi, ...]
    rules: tuple[TopicRule, ...]
    limits: Limits
    access_keys: AccessKeys = field(default_factory=AccessKeys)
    host_names: tuple[str, ...] = ()
    devices: Devices | None = None
    broker: Broker | None = None
    findings: tuple[Finding, ...] = field(default=())
    files: tuple[Path, ...] = ()
    sql_functions: Mapping[str, str] = field(default_factory=dict)

    @property
    def api(self) -> WebSocketApi:
        """The service's own API, that of its functions' `websocket` events."""
        return self.apis[0]
