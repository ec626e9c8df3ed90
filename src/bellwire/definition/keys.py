"""Keys: those of usage plans, for clients, and access keys, for who signs requests.

docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from bellwire.definition.findings import Findings
from bellwire.definition.model import AccessKeys, ApiKey, Throttle
from bellwire.definition.naming import REST_API
from bellwire.definition.nodes import ScalarNode
from bellwire.definition.overrides import read_section
from bellwire.definition.properties import Properties, is_reference
from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.definition.values import Fields, text_of
from bellwire.errors import DefinitionError, UnknownKeyError, UnsupportedFeatureError


_API_KEY = "AWS::ApiGateway::ApiKey"
_PLAN = "AWS::ApiGateway::UsagePlan"
_PLAN_KEY = "AWS::ApiGateway::UsagePlanKey"
KEY_TYPES = (_API_KEY, _PLAN, _PLAN_KEY)
"""The types of resources that API keys are made of."""

_VALUE_LENGTHS = (20, 128)
"""[docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
aws-resource-apigateway-apikey.html]"""

_ACCESS_KEY_ID = re.compile(r"\w{1,128}", re.ASCII)
"""[docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html]"""

ACCESS_KEYS_HINT = "set custom.bellwire.accessKeys: {MYKEYID: '${env:MY_SECRET}'}"
"""What to do where a signature is asked for and there is no key to check it with."""

_KeysByStage: TypeAlias = dict[str, dict[str, tuple[ApiKey, ...]]]


def read_api_keys(
    records: Iterable[tuple[str, Properties]],
    stages: Mapping[str, list[str]],
    findings: Findings,
) -> _KeysByStage:
    """Return the keys of usage plans by API id, then by stage name.

    `records` are resources of KEY_TYPES with their types, `stages` the names of stages by API id.
    Plans and keys of REST APIs are passed over. Raises DefinitionError.
    """
    by_type: dict[str, dict[str, Properties]] = {kind: {} for kind in KEY_TYPES}
    for kind, properties in records:
        by_type[kind][properties.name] = properties
    keys: _KeysByStage = {api_id: {} for api_id in stages}
    for plan in by_type[_PLAN].values():
        members = _members(plan, stages)
        if not members:
            continue
        found = _keys_of(plan, by_type, findings)
        for api_id, stage in members:
            keys[api_id][stage] = (*keys[api_id].get(stage, ()), *found)
    return keys


def _members(plan: Properties, stages: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """Return the stages of WebSocket APIs that belong to a plan, each with its API's id."""
    members: list[tuple[str, str]] = []
    for index, node in enumerate(plan.items("ApiStages")):
        item = plan.item(node, "ApiStages", index)
        api_id = _api_id(item)
        if api_id is None or api_id not in stages:
            continue  # a REST API's
        stage = item.required("Stage")
        if stage not in stages[api_id]:
            raise UnknownKeyError(
                f"the API has no stage {clipped(stage)}",
                place=item.place("Stage"),
                hint=did_you_mean(stage, stages[api_id]),
            )
        members.append((api_id, stage))
    return members


def _api_id(item: Properties) -> str | None:
    node = item.node.get("ApiId")
    if node and is_reference(node, REST_API):
        return None
    try:
        return item.text("ApiId")
    except UnsupportedFeatureError:
        return None  # Fn::ImportValue and the like: an API of another service


def _keys_of(
    plan: Properties, by_type: Mapping[str, Mapping[str, Properties]], findings: Findings
) -> list[ApiKey]:
    throttle = _throttle(plan)
    if plan.get("Quota"):
        findings.notice(
            f"the Quota of `{plan.name}` is not counted here, its Throttle is", plan.place("Quota")
        )
    found: list[ApiKey] = []
    for link in by_type[_PLAN_KEY].values():
        if link.required("UsagePlanId") != plan.name:
            continue
        name = link.required("KeyId")
        key = by_type[_API_KEY].get(name)
        if key is None:
            raise UnknownKeyError(
                f"`{link.name}` names the key {clipped(name)}, which is not declared",
                place=link.place("KeyId"),
                hint=did_you_mean(name, by_type[_API_KEY]),
            )
        if key.boolean("Enabled"):
            found.append(ApiKey(key.text("Name") or key.name, _value(key), throttle))
        else:
            findings.notice(
                f"the API key `{key.name}` lets nobody in: it has no `Enabled: true`", key.origin
            )
    return found


def _throttle(plan: Properties) -> Throttle:
    settings = plan.fields("Throttle")
    if not settings:
        return Throttle()
    return Throttle(settings.number("RateLimit"), settings.integer("BurstLimit", low=0))


def _value(key: Properties) -> str:
    value = key.text("Value")
    if value is None:
        raise DefinitionError(
            f"the API key `{key.name}` has no Value; AWS would make one up, Bellwire does not",
            place=key.origin,
            hint="write `Value: ${env:…}`",
        )
    low, high = _VALUE_LENGTHS
    if not low <= len(value) <= high:
        raise DefinitionError(
            f"the Value of the API key `{key.name}` has {len(value)} characters; AWS takes {low} "
            f"to {high}",
            place=key.place("Value"),
        )
    return value


def read_access_keys(service: Fields, findings: Findings) -> AccessKeys:
    """Read `custom.bellwire.accessKeys` and `signConnections`. Raises DefinitionError.

    Secrets stand in no message.
    """
    section = read_section(service)
    if not section:
        return AccessKeys()
    fields = section.fields("accessKeys")
    secrets = {key: _secret(fields, key, findings) for key in fields.node.entries} if fields else {}
    sign = section.boolean("signConnections") or False
    if sign and not secrets:
        raise DefinitionError(
            "`custom.bellwire.signConnections` asks for signatures, and there are no access keys "
            "to check them with",
            place=section.place("signConnections"),
            hint=ACCESS_KEYS_HINT,
        )
    return AccessKeys(secrets, sign)


def _secret(fields: Fields, key: str, findings: Findings) -> str:
    entry = fields.node.entries[key]
    if not _ACCESS_KEY_ID.fullmatch(key):
        raise DefinitionError(
            f"{clipped(key)} is no id of an access key: letters, digits and `_`", place=entry.place
        )
    node = fields.get(key)
    secret = text_of(node, fields.path(key)) if node else ""
    if not secret:
        raise DefinitionError(f"`{fields.path(key)}` is empty", place=entry.node.place)
    written = node.written if isinstance(node, ScalarNode) else None
    if written and written.source.file == entry.place.file:
        findings.notice(
            f"the secret of the access key `{key}` stands in the file itself",
            entry.place,
            "take it from the environment: ${env:…}",
        )
    return secret
