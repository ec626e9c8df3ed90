"""What becomes of a function's asynchronous events: retries, age, and where their outcome goes.

www.serverless.com/framework/docs/providers/aws/guide/functions#destinations
docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventinvokeconfig.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bellwire.definition.intrinsics import Intrinsics
from bellwire.definition.model import EventInvokeConfig
from bellwire.definition.naming import FUNCTION_ARN
from bellwire.definition.nodes import MappingNode, Node
from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.definition.values import Fields
from bellwire.definition.vocabulary import DESTINATION_KEYS, DESTINATIONS_KEYS
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


_RETRIES = (0, 2)
_AGE_S = (60, 21_600)
"""[docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html]"""
_ARN = re.compile(r"arn:[\w-]+:(?P<service>[\w-]+):.*")
_TYPES = {"function": "lambda", "sns": "sns", "sqs": "sqs", "eventBus": "events"}
"""The framework's names of what a destination may be, and the services in their ARNs."""


class Targets(NamedTuple):
    """The functions that may be destinations: deployed names by key, and which run here."""

    names: Mapping[str, str]
    runs: Callable[[str], bool]


def read_event_invoke_config(
    function: Fields, targets: Targets, intrinsics: Intrinsics
) -> EventInvokeConfig:
    """Read `destinations`, `maximumRetryAttempts` and `maximumEventAge` of a function.

    A destination is a function of the service, by its key or its ARN. Raises DefinitionError, and
    UnsupportedFeatureError for destinations of another kind.
    """
    low, high = _RETRIES
    retries = function.integer("maximumRetryAttempts", low=low, high=high)
    low, high = _AGE_S
    age_s = function.integer("maximumEventAge", low=low, high=high)
    success = failure = None
    destinations = function.fields("destinations")
    if destinations:
        destinations.check_keys(DESTINATIONS_KEYS)
        success = _read(destinations, "onSuccess", targets, intrinsics)
        failure = _read(destinations, "onFailure", targets, intrinsics)
    return EventInvokeConfig(retries, float(age_s or high), success, failure)


def _read(
    destinations: Fields, outcome: str, targets: Targets, intrinsics: Intrinsics
) -> str | None:
    node = destinations.get(outcome)
    if node is None:
        return None
    path, place = destinations.path(outcome), node.place
    node, service = _typed(node, path, destinations)
    text = intrinsics.text(node, path)
    if not text:
        raise DefinitionError(f"`{path}` names no function", place=place)
    arn = _ARN.fullmatch(text)
    service = arn["service"] if arn else service
    if service not in (None, "lambda"):
        raise UnsupportedFeatureError(
            f"`{path}` is {clipped(text)}; only functions of this service are destinations here",
            place=place,
            hint="name a function that passes the record on",
        )
    return _key_of_arn(text, path, place, targets) if arn else _key(text, path, place, targets)


def _typed(node: Node, path: str, destinations: Fields) -> tuple[Node, str | None]:
    """Return what names a destination, and its service where `type` tells it."""
    if not isinstance(node, MappingNode) or not {"arn", "type"} & node.entries.keys():
        return node, None
    fields = Fields(node, path, destinations.variables)
    fields.check_keys(DESTINATION_KEYS)
    kind, arn = fields.text("type"), fields.get("arn")
    if kind not in _TYPES or arn is None:
        raise DefinitionError(
            f"`{path}` needs an `arn` and a `type`: {', '.join(_TYPES)}", place=node.place
        )
    return arn, _TYPES[kind]


def _key_of_arn(arn: str, path: str, place: Place, targets: Targets) -> str:
    found = FUNCTION_ARN.fullmatch(arn)
    name = found["name"] if found else arn
    key = next((key for key, each in targets.names.items() if each == name), None)
    if key is None:
        raise UnsupportedFeatureError(
            f"`{path}` is {clipped(arn)}, no function of this service: others are not called here",
            place=place,
            hint=did_you_mean(name, targets.names.values()),
        )
    return _key(key, path, place, targets)


def _key(key: str, path: str, place: Place, targets: Targets) -> str:
    if key not in targets.names:
        raise UnknownKeyError(
            f"`{path}` names {clipped(key)}, and there is no such function",
            place=place,
            hint=did_you_mean(key, targets.names),
        )
    if not targets.runs(key):
        raise UnsupportedFeatureError(
            f"`{path}` names the function `{key}`, which does not run here", place=place
        )
    return key
