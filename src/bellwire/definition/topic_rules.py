"""The template's AWS::IoT::TopicRule, and `custom.bellwire.rules` → the rules of a service.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iot-topicrule.html
"""

from __future__ import annotations

from collections.abc import Iterable

from bellwire.definition.actions import ActionReader, read_actions, template_of
from bellwire.definition.apis import Context
from bellwire.definition.model import NotifyAction, TemplateText, TopicRule
from bellwire.definition.naming import RULE_TYPE
from bellwire.definition.overrides import read_section
from bellwire.definition.rule_events import check_rule_name, read_sql_version
from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.definition.template import Record
from bellwire.definition.values import Fields
from bellwire.definition.vocabulary import (
    NATIVE_RULE_KEYS,
    NOTIFY_KEYS,
    RULE_IGNORED,
    RULE_PAYLOAD_READ,
    RULE_READ,
    SQL_FUNCTIONS,
)
from bellwire.errors import DefinitionError, Place, UnknownKeyError


def read_rules(context: Context, service: Fields) -> tuple[TopicRule, ...]:
    """Read the rules: of the functions' events, then the user's, then those that only notify.

    Raises DefinitionError, and UnsupportedFeatureError for actions that are not done here.
    """
    reader = ActionReader(context.functions, context.findings)
    declared = [
        _read(record, context, reader)
        for record in context.template.records()
        if record.type == RULE_TYPE
    ]
    rules = (*declared, *_native_rules(service))
    _check_names(rules)
    return rules


def _read(record: Record, context: Context, reader: ActionReader) -> TopicRule:
    properties = context.properties(record)
    properties.check(RULE_READ, RULE_IGNORED, context.findings)
    payload = properties.fields("TopicRulePayload")
    if payload is None:
        raise DefinitionError(f"`{record.logical_id}` has no TopicRulePayload", place=record.place)
    payload.check(RULE_PAYLOAD_READ, (), context.findings)
    name = properties.text("RuleName")
    if name is not None:
        check_rule_name(name, properties.place("RuleName"))
    sql = _statement(payload, "Sql", record.place)
    error_action = payload.fields("ErrorAction")
    return TopicRule(
        name=name or record.logical_id,
        sql=sql.text,
        sql_place=sql.place,
        sql_runs=sql.runs,
        sql_version=read_sql_version(payload, "AwsIotSqlVersion"),
        actions=read_actions(payload, reader),
        error_action=reader.read(error_action) if error_action else None,
        enabled=payload.boolean("RuleDisabled") is not True,
        description=payload.text("Description") or "",
    )


def _native_rules(service: Fields) -> Iterable[TopicRule]:
    """Read `custom.bellwire.rules`."""
    section = read_section(service)
    rules = section.fields("rules") if section else None
    if rules is None:
        return
    for name, entry in rules.node.entries.items():
        check_rule_name(name, entry.place)
        rule = rules.fields(name)
        if rule is None:
            raise DefinitionError(f"`{rules.path(name)}` is empty", place=entry.place)
        rule.check_keys(NATIVE_RULE_KEYS)
        sql = _statement(rule, "sql", entry.place)
        yield TopicRule(
            name=name,
            sql=sql.text,
            sql_place=sql.place,
            sql_runs=sql.runs,
            sql_version=read_sql_version(rule, "sqlVersion"),
            actions=(_notify(rule, entry.place),),
            error_action=None,
            enabled=rule.boolean("enabled") is not False,
            description=rule.text("description") or "",
        )


def read_sql_functions(context: Context, service: Fields) -> dict[str, str]:
    """Read `custom.bellwire.sqlFunctions`: keys of functions by what they answer."""
    section = read_section(service)
    fields = section.fields("sqlFunctions") if section else None
    if fields is None:
        return {}
    fields.check_keys(SQL_FUNCTIONS)
    found: dict[str, str] = {}
    for name in fields.node.entries:
        key = fields.text(name)
        if key is None or not context.functions.runs(key):
            raise UnknownKeyError(
                f"`{fields.path(name)}` names {clipped(key or '')}, no function that runs here",
                place=fields.place(name),
                hint=did_you_mean(key or "", [each.key for each in context.functions.entered]),
            )
        found[name] = key
    return found


def _notify(rule: Fields, place: Place) -> NotifyAction:
    notify = rule.fields("notify")
    if notify is None:
        raise DefinitionError(
            f"`{rule.name}` has no notify", place=place, hint="write `notify: {deviceId: …}`"
        )
    notify.check_keys(NOTIFY_KEYS)
    device = template_of(notify, "deviceId")
    if device is None:
        raise DefinitionError(
            f"`{notify.name}` has no deviceId",
            place=notify.node.place,
            hint=r"write `deviceId: '\${topic(2)}'`",
        )
    return NotifyAction(device, notify.node.place, template_of(notify, "timestamp"))


def _statement(fields: Fields, key: str, place: Place) -> TemplateText:
    sql = template_of(fields, key)
    if sql is None:
        raise DefinitionError(f"`{fields.name}` has no {key}", place=place)
    return sql


def _check_names(rules: Iterable[TopicRule]) -> None:
    seen: dict[str, TopicRule] = {}
    for rule in rules:
        first = seen.setdefault(rule.name, rule)
        if first is not rule:
            raise DefinitionError(
                f"two rules have the name {rule.name}; the first is at {first.sql_place}",
                place=rule.sql_place,
            )
