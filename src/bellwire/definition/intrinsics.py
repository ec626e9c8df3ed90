"""CloudFormation's functions in environment values and in properties of resources, as far as they
name what is known here
[docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html].

Known are the pseudo parameters, the functions, the WebSocket APIs and the rules of the service, and
the names of what stands under `resources`. Everything else is refused: a wrong value in a handler's
environment is found much later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from bellwire.definition.naming import WEBSOCKETS_API, make_api_id
from bellwire.definition.nodes import MappingNode, Node, ScalarNode, value_text
from bellwire.definition.suggestion import clipped, described, did_you_mean
from bellwire.definition.template import Template
from bellwire.definition.values import items_of, text_of
from bellwire.definition.variables import ACCOUNT_ID, Variables
from bellwire.definition.vocabulary import INTRINSICS
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError
from bellwire.limits import DEFINITION_BYTES, DEFINITION_VALUES, VARIABLE_DEPTH


@dataclass(frozen=True, slots=True)
class Names:
    """What a template of this service can refer to.

    `functions` and `layers` hold their names by logical id; `api_id` is that of the functions' API.
    """

    service: str
    stage: str
    stack: str
    region: str
    api_id: str
    functions: Mapping[str, str]
    layers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of resource: the property that names it, what Ref gives, and its attributes.

    `default_name` is the name where that property is not there, one like AWS's.
    """

    name_property: str
    ref: str = "{name}"
    attributes: Mapping[str, str] = field(default_factory=dict)
    default_name: str = "{service}-{stage}-{id}"


def _named(name_property: str, arn: str) -> _Kind:
    return _Kind(name_property, attributes={"Arn": arn})


_QUEUE_URL = "https://sqs.{region}.amazonaws.com/{account}/{name}"
_TOPIC_ARN = "arn:aws:sns:{region}:{account}:{name}"
_LAYER_ARN = "arn:aws:lambda:{region}:{account}:layer:{name}:1"
_API = "AWS::ApiGatewayV2::Api"
_ENDPOINT = {"ApiEndpoint": "wss://{api_id}.execute-api.{region}.amazonaws.com"}

_KINDS = {
    "AWS::DynamoDB::Table": _named("TableName", "arn:aws:dynamodb:{region}:{account}:table/{name}"),
    "AWS::S3::Bucket": _named("BucketName", "arn:aws:s3:::{name}"),
    "AWS::SQS::Queue": _Kind(
        "QueueName", _QUEUE_URL, {"Arn": "arn:aws:sqs:{region}:{account}:{name}"}
    ),
    "AWS::SNS::Topic": _Kind("TopicName", _TOPIC_ARN, {"TopicArn": _TOPIC_ARN}),
    "AWS::Kinesis::Stream": _named("Name", "arn:aws:kinesis:{region}:{account}:stream/{name}"),
    "AWS::Logs::LogGroup": _named(
        "LogGroupName", "arn:aws:logs:{region}:{account}:log-group:{name}:*"
    ),
    "AWS::IoT::Thing": _named("ThingName", "arn:aws:iot:{region}:{account}:thing/{name}"),
    "AWS::IoT::TopicRule": _Kind(
        "RuleName",
        attributes={"Arn": "arn:aws:iot:{region}:{account}:rule/{name}"},
        default_name="{id}",
    ),
    "AWS::SSM::Parameter": _named("Name", "arn:aws:ssm:{region}:{account}:parameter/{name}"),
    "AWS::Events::EventBus": _named("Name", "arn:aws:events:{region}:{account}:event-bus/{name}"),
    "AWS::Lambda::Function": _named(
        "FunctionName", "arn:aws:lambda:{region}:{account}:function:{name}"
    ),
    "AWS::Lambda::LayerVersion": _Kind("LayerName", _LAYER_ARN, {"LayerVersionArn": _LAYER_ARN}),
    _API: _Kind("Name", "{api_id}", {"ApiId": "{api_id}"}),
    "AWS::ApiGatewayV2::Stage": _Kind("StageName"),
    # AWS makes up an id for these; here it is the logical one.
    "AWS::ApiGateway::UsagePlan": _Kind("UsagePlanName", "{id}", {"Id": "{id}"}),
    "AWS::ApiGateway::ApiKey": _Kind("Name", "{id}", {"APIKeyId": "{id}"}),
    **{
        f"AWS::ApiGatewayV2::{kind}": _Kind("Name", "{id}", {f"{kind}Id": "{id}"})
        for kind in (
            *("Route", "RouteResponse", "Integration", "IntegrationResponse"),
            *("Model", "Authorizer", "Deployment"),
        )
    },
}

_MERGED_HINT = (
    "the framework merges this map with the one it generates; set it under `resources.extensions`, "
    "which replaces"
)
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}$]*)\}")


class Intrinsics:
    """Gives values their text."""

    def __init__(self, names: Names, template: Template, variables: Variables) -> None:
        self._names = names
        self._template = template
        self._variables = variables
        self._depth = 0
        self._steps = 0
        self._functions: dict[str, Callable[[Node, str], str | None]] = {
            "Ref": self._ref_node,
            "Fn::GetAtt": self._attribute_node,
            "Fn::Join": self._join,
            "Fn::Sub": self._substitute,
            "Fn::Select": self._select,
        }
        self._pseudo = {
            "AWS::Region": names.region,
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::StackName": names.stack,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }

    def text(self, node: Node, path: str) -> str | None:
        """Return a value as text; None for null and for `Ref: AWS::NoValue`.

        Raises DefinitionError for what is no text, UnsupportedFeatureError and UnknownKeyError for
        an intrinsic function or a name that is not known.
        """
        self._steps += 1
        if self._depth >= VARIABLE_DEPTH or self._steps > DEFINITION_VALUES:
            raise DefinitionError(f"`{path}` is built of too many parts", place=node.place)
        self._depth += 1
        try:
            return self._text(self._variables.resolve(node), path)
        finally:
            self._depth -= 1

    def api_id(self, logical_id: str) -> str:
        """Return the id of an API of the template."""
        if logical_id == WEBSOCKETS_API:
            return self._names.api_id
        return make_api_id(self._names.service, logical_id)

    def _text(self, node: Node, path: str) -> str | None:
        if isinstance(node, ScalarNode):
            return None if node.value is None else value_text(node.value)
        if not isinstance(node, MappingNode) or len(node.entries) != 1:
            raise DefinitionError(
                f"`{path}` must be a text, not {described(node)}",
                place=node.place,
                hint=_MERGED_HINT if _is_merged(node) else None,
            )
        name, entry = next(iter(node.entries.items()))
        if name in self._functions:
            return self._functions[name](self._variables.resolve(entry.node), path)
        if name in INTRINSICS:
            raise UnsupportedFeatureError(
                f"`{path}` uses {name}, which is not resolved here",
                place=entry.place,
                hint="give the value itself, for local runs by a parameter or ${env:…}",
            )
        raise UnknownKeyError(
            f"`{path}` must be a text, not a map",
            place=node.place,
            hint=did_you_mean(name, self._functions),
        )

    def _ref_node(self, node: Node, path: str) -> str | None:
        return self._ref(text_of(node, path), node.place)

    def _ref(self, name: str, place: Place) -> str | None:
        if name in self._pseudo:
            return self._pseudo[name]
        if name == "AWS::NoValue":
            return None
        parameter = self._template.parameter(name)
        if parameter:
            return self._default_of(parameter, name, place)
        resource = self._declared(name)
        if resource is None:
            known = {**self._names.functions, **self._names.layers}
            raise self._unknown_name(name, place, [*known, *self._pseudo])
        kind, fields = resource
        return kind.ref.format_map(fields)

    def _default_of(self, parameter: MappingNode, name: str, place: Place) -> str:
        default = self._variables.get(parameter, "Default")
        if default is None:
            raise DefinitionError(
                f"the parameter {clipped(name)} has no Default, and nobody to give it a value here",
                place=place,
            )
        return text_of(default, f"resources.Parameters.{name}.Default")

    def _attribute_node(self, node: Node, path: str) -> str:
        if isinstance(node, ScalarNode):
            return self._attribute(*text_of(node, path).partition(".")[::2], node.place)
        parts = [text_of(self._variables.resolve(part), path) for part in items_of(node, path)]
        if len(parts) != 2:
            raise DefinitionError(
                "Fn::GetAtt takes a logical id and an attribute", place=node.place
            )
        return self._attribute(parts[0], parts[1], node.place)

    def _attribute(self, name: str, attribute: str, place: Place) -> str:
        resource = self._declared(name)
        if resource is None:
            raise self._unknown_name(name, place, list(self._names.functions))
        kind, fields = resource
        attributes = {kind.name_property: "{name}", **kind.attributes}
        found = attributes.get(attribute, "").format_map(fields) or None
        if found is None:
            raise UnsupportedFeatureError(
                f"the attribute {clipped(attribute)} of {clipped(name)} is not known here",
                place=place,
                hint="give the value itself, for local runs by a parameter or ${env:…}",
            )
        return found

    def _declared(self, name: str) -> tuple[_Kind, dict[str, str]] | None:
        for names, kind in (
            (self._names.functions, _KINDS["AWS::Lambda::Function"]),
            (self._names.layers, _KINDS["AWS::Lambda::LayerVersion"]),
        ):
            if name in names:
                return kind, self._fields(name, names[name])
        return self._resource(name)

    def _resource(self, name: str) -> tuple[_Kind, dict[str, str]] | None:
        """Find a resource."""
        node = self._template.resource(name)
        if not node:
            return None
        type_node = self._variables.get(node, "Type")
        type_name = value_text(type_node.value) if isinstance(type_node, ScalarNode) else ""
        kind = _KINDS.get(type_name) or _Kind(f"{type_name.rpartition(':')[2]}Name")
        own = self._property(node, name, kind.name_property)
        if type_name == _API and self._property(node, name, "ProtocolType") == "WEBSOCKET":
            kind = replace(kind, attributes={**kind.attributes, **_ENDPOINT})
        default = kind.default_name.format(
            service=self._names.service, stage=self._names.stage, id=name
        )
        return kind, self._fields(name, own or default)

    def _property(self, resource: MappingNode, name: str, key: str) -> str | None:
        properties = self._variables.get(resource, "Properties")
        if not isinstance(properties, MappingNode):
            return None
        node = self._variables.get(properties, key)
        return self.text(node, f"{name}.{key}") if node else None

    def _fields(self, logical_id: str, name: str) -> dict[str, str]:
        return {
            "id": logical_id,
            "name": name,
            "region": self._names.region,
            "account": ACCOUNT_ID,
            "api_id": self.api_id(logical_id),
        }

    def _join(self, node: Node, path: str) -> str:
        parts = items_of(node, path)
        if len(parts) != 2:
            raise DefinitionError("Fn::Join takes a separator and a list", place=node.place)
        separator = text_of(self._variables.resolve(parts[0]), path)
        items = items_of(self._variables.resolve(parts[1]), path)
        return self._bounded(separator.join(self.text(item, path) or "" for item in items), node)

    def _select(self, node: Node, path: str) -> str | None:
        parts = items_of(node, path)
        if len(parts) != 2:
            raise DefinitionError("Fn::Select takes an index and a list", place=node.place)
        index = self.text(parts[0], path) or ""
        texts = self._list(self._variables.resolve(parts[1]), path)
        if not index.isdecimal() or len(index) > 6 or int(index) >= len(texts):
            raise DefinitionError(
                f"Fn::Select takes {clipped(index)} of a list of {len(texts)}", place=node.place
            )
        return texts[int(index)]

    def _list(self, node: Node, path: str) -> list[str]:
        if isinstance(node, MappingNode) and list(node.entries) == ["Fn::Split"]:
            parts = items_of(self._variables.resolve(node.entries["Fn::Split"].node), path)
            if len(parts) != 2 or not (separator := self.text(parts[0], path)):
                raise DefinitionError("Fn::Split takes a separator and a text", place=node.place)
            return (self.text(parts[1], path) or "").split(separator)
        return [self.text(item, path) or "" for item in items_of(node, path)]

    def _substitute(self, node: Node, path: str) -> str:
        own: MappingNode | None = None
        if not isinstance(node, ScalarNode):
            parts = [self._variables.resolve(part) for part in items_of(node, path)]
            if len(parts) != 2 or not isinstance(parts[1], MappingNode):
                raise DefinitionError("Fn::Sub takes a text, or a text and a map", place=node.place)
            node, own = parts[0], parts[1]
        text = text_of(node, path)
        return self._bounded(
            _PLACEHOLDER.sub(lambda found: self._placeholder(found, own, node, path), text), node
        )

    def _placeholder(
        self, found: re.Match[str], own: MappingNode | None, node: Node, path: str
    ) -> str:
        if found[1]:
            return f"${{{found[2]}}}"
        name = found[2].strip()
        given = own.get(name) if own else None
        if given:
            return self.text(given, path) or ""
        resource, dot, attribute = name.partition(".")
        if dot:
            return self._attribute(resource, attribute, node.place)
        return self._ref(name, node.place) or ""

    def _bounded(self, text: str, node: Node) -> str:
        if len(text) > DEFINITION_BYTES:
            raise DefinitionError(
                f"this builds a text longer than {DEFINITION_BYTES // 1024} KiB", place=node.place
            )
        return text

    def _unknown_name(self, name: str, place: Place, known: list[str]) -> UnknownKeyError:
        return UnknownKeyError(
            f"nothing in this service has the logical id {clipped(name)}",
            place=place,
            hint=did_you_mean(name, [*known, *self._template.names()]),
        )


def _is_merged(node: Node) -> bool:
    return (
        isinstance(node, MappingNode) and len(node.entries) > 1 and {*node.entries} <= {*INTRINSICS}
    )
