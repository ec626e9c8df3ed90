"""What a rule does with a message: its actions, ready to run, and the effects that they ask for.

An action is compiled when the rule is loaded and makes one effect of each message; the shell
performs it. Templates in an action see the message as it came, not what SELECT made of it.
docs.aws.amazon.com/iot/latest/developerguide/iot-rule-actions.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import orjson

from bellwire.definition.model import (
    Action,
    HttpAction,
    LambdaAction,
    NotifyAction,
    RepublishAction,
    RepublishHeaders,
    TemplateText,
)
from bellwire.definition.source_text import text_position
from bellwire.errors import DefinitionError, SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.sql.scope import Scope
from bellwire.iot.sql.templates import Template, compile_template
from bellwire.iot.sql.values import Value, to_json
from bellwire.origin import MqttProperties


JSON = "application/json"
BYTES = "application/octet-stream"
"""Content types of what an HTTP action posts
[docs.aws.amazon.com/iot/latest/developerguide/https-rule-action.html]."""


class Invoke(NamedTuple):
    """Invoke a function, by its key, with an event as JSON."""

    function: str
    event: bytes


class Republish(NamedTuple):
    """Publish to a topic."""

    topic: str
    payload: bytes
    qos: int
    properties: MqttProperties | None = None


class Post(NamedTuple):
    """POST to a URL, which `confirmation_url` stands for."""

    url: str
    confirmation_url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Notify(NamedTuple):
    """Push a device's new values to its listeners; `timestamp` is epoch milliseconds."""

    device_id: str
    value: dict[str, object]
    timestamp: int


class Unfit(NamedTuple):
    """A message that matched, but gives nothing an action can take; the reason is for the log."""

    reason: str


Effect: TypeAlias = Invoke | Republish | Post | Notify | Unfit
Make: TypeAlias = Callable[[Scope, Value, bytes, bool], Effect]
"""Makes the effect of a message: of what SELECT gives, and of the bytes to hand on, which are JSON
or, where the last is false, the message as it came."""


class Described(NamedTuple):
    """An action as failures name it: AWS's name of its kind, and what it leads to."""

    kind: str
    resource: str

    def __str__(self) -> str:
        return f"{self.kind} {self.resource}"


@dataclass(frozen=True, slots=True)
class CompiledAction:
    """An action ready to run; what its templates need is as in `Template`.

    `takes_bytes` where it can hand on what is no JSON; `needs_payload` where it hands on bytes at
    all.
    """

    definition: Action
    described: Described
    make: Make
    takes_bytes: bool
    needs_payload: bool
    newer: tuple[str, ...] = ()
    broker: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Surroundings(NamedTuple):
    """What the templates of a rule's actions may use: its version, its variables, its functions."""

    version: str
    variables: Collection[str]
    external: Collection[str]


def compile_action(action: Action, surroundings: Surroundings) -> CompiledAction:
    """Compile an action.

    Raises SqlSyntaxError and UnsupportedFeatureError, with their place, for a template in it.
    """
    templates = _Templates(surroundings)
    match action:
        case LambdaAction(function=function):
            described, make = Described("LambdaAction", function), _invoke(function)
        case RepublishAction(topic=topic):
            described = Described("RepublishAction", topic.text)
            make = _republish(action, templates)
        case HttpAction(url=url):
            described = Described("HttpAction", url.text)
            make = _post(action, templates)
        case NotifyAction(device_id=device_id):
            described = Described("NotifyAction", device_id.text)
            make = _notify(action, templates)
    made = templates.made
    return CompiledAction(
        action,
        described,
        make,
        takes_bytes=isinstance(action, RepublishAction | HttpAction),
        needs_payload=not isinstance(action, NotifyAction),
        newer=tuple(name for each in made for name in each.newer),
        broker=tuple(name for each in made for name in each.broker),
        external=tuple(name for each in made for name in each.external),
        warnings=tuple(text for each in made for text in each.warnings),
    )


def check_error_action(action: CompiledAction) -> None:
    """Raise DefinitionError where an error action asks a service.

    docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
    """
    if action.external:
        raise DefinitionError(
            f"an error action may not call {action.external[0]}()",
            place=action.definition.place,
            hint="AWS allows no function there that asks a service",
        )


class _Templates:
    """Compiles the templates of one action, and keeps them."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self.made: list[Template] = []

    def compile(self, written: TemplateText) -> Callable[[Scope], str]:
        around = self._around
        try:
            template = compile_template(
                written.text, around.version, variables=around.variables, external=around.external
            )
        except SqlSyntaxError as error:
            place = text_position(written.place, written.runs, error.position)
            raise error.at(place) from None
        except UnsupportedFeatureError as error:
            raise UnsupportedFeatureError(
                error.message, place=written.place, hint=error.hint
            ) from None
        self.made.append(template)
        if template.is_constant:
            constant = "".join(part for part in template.parts if isinstance(part, str))
            return lambda scope: constant
        return template.render

    def optional(self, written: TemplateText | None) -> Callable[[Scope], str | None]:
        return _nothing if written is None else self.compile(written)


def _nothing(scope: Scope) -> None:
    return None


def _invoke(function: str) -> Make:
    def make(scope: Scope, value: Value, payload: bytes, is_json: bool) -> Effect:
        if not is_json:
            return Unfit(NOT_JSON)
        return Invoke(function, payload)

    return make


NOT_JSON = (
    "the message is no JSON object or array, which SELECT * hands to a function as it is; publish "
    "JSON, or select encode(*, 'base64') AS data"
)


def _republish(action: RepublishAction, templates: _Templates) -> Make:
    topic_of, qos_of = templates.compile(action.topic), templates.compile(action.qos)
    properties_of = _properties(action.headers, templates) if action.headers else _nothing

    def make(scope: Scope, value: Value, payload: bytes, is_json: bool) -> Effect:
        topic, qos = topic_of(scope), qos_of(scope)
        if qos not in ("0", "1"):
            return Unfit(f"the QoS must be 0 or 1, not {qos[:80]!r}")
        try:
            properties = properties_of(scope)
        except ValueError as error:
            return Unfit(str(error))
        # $$aws/… stands for $aws/….
        # docs.aws.amazon.com/iot/latest/developerguide/republish-rule-action.html
        topic = topic[1:] if topic.startswith("$$") else topic
        return Republish(topic, payload, int(qos), properties)

    return make


def _properties(
    headers: RepublishHeaders, templates: _Templates
) -> Callable[[Scope], MqttProperties]:
    """Return what renders the MQTT 5 properties; it raises ValueError for one that is none."""
    format_of = templates.optional(headers.payload_format)
    content_of = templates.optional(headers.content_type)
    response_of = templates.optional(headers.response_topic)
    data_of = templates.optional(headers.correlation_data)
    expiry_of = templates.optional(headers.message_expiry)
    user = [
        (templates.compile(key), templates.compile(value)) for key, value in headers.user_properties
    ]

    def make(scope: Scope) -> MqttProperties:
        return MqttProperties(
            content_type=content_of(scope),
            is_text=_is_text(format_of(scope)),
            response_topic=response_of(scope),
            correlation_data=_bytes(data_of(scope)),
            user=tuple((key(scope), value(scope)) for key, value in user),
            message_expiry_s=_expiry(expiry_of(scope)),
        )

    return make


def _is_text(indicator: str | None) -> bool | None:
    if indicator is None:
        return None
    if indicator not in _FORMATS:
        raise ValueError(f"payloadFormatIndicator is one of {', '.join(_FORMATS)}")
    return _FORMATS[indicator]


_FORMATS = {"UNSPECIFIED_BYTES": False, "UTF8_DATA": True}
"""[docs.aws.amazon.com/iot/latest/apireference/API_MqttHeaders.html]"""


def _bytes(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("correlationData is no base64") from None


def _expiry(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 10:
        raise ValueError("messageExpiry is no number of seconds")
    return int(text)


def _post(action: HttpAction, templates: _Templates) -> Make:
    url_of = templates.compile(action.url)
    headers = [(name, templates.compile(value)) for name, value in action.headers]
    has_type = any(name.lower() == "content-type" for name, _ in headers)
    confirmation_url = action.confirmation_url

    def make(scope: Scope, value: Value, payload: bytes, is_json: bool) -> Effect:
        rendered = [(name, text_of(scope)) for name, text_of in headers]
        if not has_type:
            rendered.append(("content-type", JSON if is_json else BYTES))
        return Post(url_of(scope), confirmation_url, tuple(rendered), payload)

    return make


def _notify(action: NotifyAction, templates: _Templates) -> Make:
    device_of = templates.compile(action.device_id)
    timestamp_of = templates.optional(action.timestamp)

    def make(scope: Scope, value: Value, payload: bytes, is_json: bool) -> Effect:
        if not isinstance(value, dict):
            return Unfit("what SELECT gives is no object of parameters")
        text = timestamp_of(scope)
        timestamp = scope.message.timestamp_ms
        if text:
            try:
                timestamp = int(text)
            except ValueError:
                return Unfit(f"the timestamp must be epoch milliseconds, not {text[:80]!r}")
        return Notify(device_of(scope), value, timestamp)

    return make


def plain(value: Value) -> dict[str, object]:
    """Return an object with no numbers but doubles and integers. Raises orjson.JSONEncodeError."""
    found: dict[str, object] = orjson.loads(to_json(value))
    return found


class PostFailure(NamedTuple):
    """Why a post has failed."""

    reason: str
    may_be_retried: bool


def post_failure(url: str, status: int) -> PostFailure | None:
    """Return what an answer's status means; None for success.

    docs.aws.amazon.com/iot/latest/developerguide/https-rule-action.html
    """
    if 200 <= status < 300:
        return None
    where = url.partition("?")[0]  # a query may hold a secret
    return PostFailure(f"{where} answered {status}", status == 429 or status >= 500)
