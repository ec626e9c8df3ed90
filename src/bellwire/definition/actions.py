"""The actions of topic rules, as CloudFormation writes them.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-iot-topicrule-action.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from bellwire.definition.findings import Findings
from bellwire.definition.functions import Functions
from bellwire.definition.model import (
    Action,
    HttpAction,
    LambdaAction,
    RepublishAction,
    RepublishHeaders,
    TemplateText,
)
from bellwire.definition.naming import FUNCTION_ARN
from bellwire.definition.nodes import Node, ScalarNode
from bellwire.definition.properties import Properties, is_function
from bellwire.definition.source_text import positions_of, runs_of
from bellwire.definition.suggestion import clipped, did_you_mean, listed
from bellwire.definition.values import Fields, text_of
from bellwire.definition.vocabulary import (
    HTTP_ACTION_IGNORED,
    HTTP_ACTION_READ,
    REPUBLISH_HEADERS_READ,
    REPUBLISH_READ,
)
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


ACTIONS = 10
"""Most actions of a rule [docs.aws.amazon.com/general/latest/gr/iot-core.html#limits_iot]."""
HEADERS = 100
"""Most headers of an HTTP action, and most user properties of a republish action
[docs.aws.amazon.com/iot/latest/apireference/API_HttpAction.html, …/API_MqttHeaders.html]."""

_IN_A_FUNCTION = "invoke a function that does it with boto3: `Lambda: {FunctionArn: …}`"
_INSTEAD: Mapping[str, str] = {
    "CloudwatchAlarm": _IN_A_FUNCTION,
    "CloudwatchLogs": "print it in a function: what a function prints is its log",
    "CloudwatchMetric": _IN_A_FUNCTION,
    "DynamoDB": _IN_A_FUNCTION,
    "DynamoDBv2": _IN_A_FUNCTION,
    "Elasticsearch": _IN_A_FUNCTION,
    "Firehose": _IN_A_FUNCTION,
    "IotAnalytics": _IN_A_FUNCTION,
    "IotEvents": _IN_A_FUNCTION,
    "IotSiteWise": _IN_A_FUNCTION,
    "Kafka": "invoke a function that produces the record",
    "Kinesis": _IN_A_FUNCTION,
    "Location": _IN_A_FUNCTION,
    "OpenSearch": _IN_A_FUNCTION,
    "S3": _IN_A_FUNCTION,
    "Salesforce": "use an Http action, or invoke a function",
    "Sns": "invoke a function that publishes with boto3; for apps, push by the notifier",
    "Sqs": _IN_A_FUNCTION,
    "StepFunctions": _IN_A_FUNCTION,
    "Timestream": _IN_A_FUNCTION,
}
"""AWS's actions that are not done here, and what to do instead."""
_DONE = ("Lambda", "Republish", "Http")
_KEYS = (*_DONE, *_INSTEAD)

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_OUR_HEADERS = {"connection", "content-length", "host", "te", "trailer", "transfer-encoding"}
_OUR_HEADERS |= {"upgrade", "expect", "keep-alive", "proxy-connection"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ActionReader:
    """Reads the actions of a service's rules. Raises DefinitionError."""

    def __init__(self, functions: Functions, findings: Findings) -> None:
        self._functions = functions
        self._findings = findings

    def read(self, action: Properties) -> Action:
        """Read one action: a map with one key, the kind of action."""
        kind = self._kind(action)
        fields = action.fields(kind)
        if fields is None:
            raise DefinitionError(f"`{action.path(kind)}` is empty", place=action.node.place)
        match kind:
            case "Lambda":
                return self._lambda(fields)
            case "Republish":
                return self._republish(fields)
            case _:
                return self._http(fields)

    def _kind(self, action: Properties) -> str:
        kinds = list(action.node.entries)
        if len(kinds) != 1:
            raise DefinitionError(
                f"`{action.name}` must have one key, the kind of action, not "
                f"{listed(kinds) or 'none'}",
                place=action.node.place,
                hint="start each action with a `-` of its own; over what the framework makes of an "
                "`iot` event, a list is merged item by item"
                if kinds
                else f"one of {', '.join(_DONE)}",
            )
        (kind,) = kinds
        place = action.node.entries[kind].place
        if kind in _INSTEAD:
            raise UnsupportedFeatureError(
                f"`{action.name}` is an action of the kind {kind}, which is not done here",
                place=place,
                hint=_INSTEAD[kind],
            )
        if kind not in _DONE:
            raise UnknownKeyError(
                f"`{action.name}`: there is no kind of action {clipped(kind)}",
                place=place,
                hint=did_you_mean(kind, _KEYS) or f"there are {', '.join(_DONE)}",
            )
        return kind

    def _lambda(self, action: Properties) -> LambdaAction:
        action.check(("FunctionArn",), (), self._findings)
        arn = action.required("FunctionArn")
        path, place = action.path("FunctionArn"), action.place("FunctionArn")
        if "${" in arn:
            raise UnsupportedFeatureError(
                f"`{path}` depends on the message, which is not done here",
                place=place,
                hint="make a rule for each function, with a WHERE",
            )
        found = FUNCTION_ARN.fullmatch(arn)
        if found is None:
            raise DefinitionError(
                f"`{path}` names {clipped(arn)}, which is no Lambda function",
                place=place,
                hint="write `!GetAtt NameLambdaFunction.Arn`",
            )
        key = self._functions.called(found["name"], path, place)
        return LambdaAction(key, action.node.place)

    def _republish(self, action: Properties) -> RepublishAction:
        action.check(REPUBLISH_READ, ("RoleArn",), self._findings)
        topic = _required(action, "Topic")
        qos = template_of(action, "Qos") or TemplateText("0", action.node.place)
        if "${" not in qos.text and qos.text not in ("0", "1"):
            raise DefinitionError(
                f"`{action.path('Qos')}` must be 0 or 1, not {clipped(qos.text)}", place=qos.place
            )
        headers = action.fields("Headers")
        return RepublishAction(
            topic, qos, action.node.place, self._properties(headers) if headers else None
        )

    def _properties(self, headers: Properties) -> RepublishHeaders:
        headers.check(REPUBLISH_HEADERS_READ, (), self._findings)
        return RepublishHeaders(
            payload_format=template_of(headers, "PayloadFormatIndicator"),
            content_type=template_of(headers, "ContentType"),
            response_topic=template_of(headers, "ResponseTopic"),
            correlation_data=template_of(headers, "CorrelationData"),
            message_expiry=template_of(headers, "MessageExpiry"),
            user_properties=tuple(
                (_required(each, "Key"), _required(each, "Value"))
                for each in self._pairs(headers, "UserProperties")
            ),
        )

    def _http(self, action: Properties) -> HttpAction:
        action.check(HTTP_ACTION_READ, HTTP_ACTION_IGNORED, self._findings)
        for key, on in (("Auth", True), ("EnableBatching", action.boolean("EnableBatching"))):
            if action.get(key) is not None and on:
                raise UnsupportedFeatureError(
                    f"`{action.path(key)}` is not done here",
                    place=action.place(key),
                    hint="invoke a function that signs or gathers",
                )
        url = _required(action, "Url")
        confirmation = template_of(action, "ConfirmationUrl") or url
        _check_url(action.path("Url"), url)
        _check_confirmation(action, url, confirmation)
        headers = tuple(
            (self._header_name(each), _required(each, "Value"))
            for each in self._pairs(action, "Headers")
        )
        return HttpAction(url, confirmation.text, action.node.place, headers)

    def _header_name(self, header: Properties) -> str:
        name = header.required("Key")
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OUR_HEADERS:
            raise DefinitionError(
                f"`{header.path('Key')}` is {clipped(name)}, no header that a rule may set",
                place=header.place("Key"),
            )
        return name

    def _pairs(self, fields: Properties, key: str) -> list[Properties]:
        items = fields.items(key)
        if len(items) > HEADERS:
            raise DefinitionError(
                f"`{fields.path(key)}` has {len(items)} items, more than {HEADERS}",
                place=fields.place(key),
            )
        pairs = [fields.item(item, key, index) for index, item in enumerate(items)]
        for pair in pairs:
            pair.check(("Key", "Value"), (), self._findings)
        return pairs


def read_actions(payload: Properties, reader: ActionReader) -> tuple[Action, ...]:
    """Read the list of a rule's actions. Raises DefinitionError."""
    items = payload.items("Actions")
    if len(items) > ACTIONS:
        raise DefinitionError(
            f"`{payload.path('Actions')}` has {len(items)} actions; AWS takes {ACTIONS}",
            place=payload.place("Actions"),
            hint="make a second rule with the same statement",
        )
    for item in items:
        if is_function(payload.variables.resolve(item)):
            raise UnsupportedFeatureError(
                f"`{payload.path('Actions')}` has an action that a function gives, which is not "
                "resolved here",
                place=item.place,
            )
    return tuple(
        reader.read(payload.item(item, "Actions", index)) for index, item in enumerate(items)
    )


def template_of(fields: Fields, key: str) -> TemplateText | None:
    """Return a parameter that may hold templates, None if it is absent."""
    node = fields.get(key)
    return template_text(node, fields.path(key)) if node else None


def template_text(node: Node, path: str) -> TemplateText:
    """Return a text with the places of its characters. Raises DefinitionError if it is none."""
    text = text_of(node, path)
    assert isinstance(node, ScalarNode)
    positions = positions_of(node) if isinstance(node.value, str) else []
    start = Place(node.place.file, *positions[0]) if positions else node.place
    return TemplateText(text, start, runs_of(positions))


def _required(fields: Properties, key: str) -> TemplateText:
    fields.required(key)
    found = template_of(fields, key)
    assert found, "it is required"
    return found


def _check_url(path: str, url: TemplateText) -> None:
    """Raise DefinitionError where what stands before the first template is no address."""
    fixed, template, _ = url.text.partition("${")
    try:
        parts = urlsplit(fixed)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    is_whole = not template or "/" in fixed.partition("://")[2]
    if parts.scheme not in ("https", "http") or not host or not is_whole:
        raise DefinitionError(
            f"`{path}` must start with https:// and a host, not {clipped(url.text)}",
            place=url.place,
        )
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise DefinitionError(
            f"`{path}` is {clipped(url.text)}: AWS takes https:// only",
            place=url.place,
            hint="here http:// may be used for this machine: http://127.0.0.1:…",
        )


def _check_confirmation(action: Properties, url: TemplateText, confirmation: TemplateText) -> None:
    # docs.aws.amazon.com/iot/latest/developerguide/https-rule-action.html
    if "${" in confirmation.text:
        is_given = confirmation is not url
        raise DefinitionError(
            f"`{action.path('ConfirmationUrl')}` has a template in it"
            if is_given
            else f"`{action.name}` has a template in its Url, and no ConfirmationUrl",
            place=confirmation.place,
            hint="give the part of the Url before the first ${ as ConfirmationUrl",
        )
    if not url.text.startswith(confirmation.text):
        raise DefinitionError(
            f"`{action.path('ConfirmationUrl')}` is {clipped(confirmation.text)}, which is no "
            f"beginning of the Url {clipped(url.text)}",
            place=confirmation.place,
        )
    _check_url(action.path("ConfirmationUrl"), confirmation)
