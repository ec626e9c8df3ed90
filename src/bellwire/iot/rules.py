"""Topic rules: a message in, the event for the function out.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-lambda-rule.html
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from bellwire.definition.model import TopicRule
from bellwire.errors import BadRequestError, SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.sql.compiler import NEWEST, OLDEST, Compiled, Scope, compile_statement
from bellwire.iot.sql.parser import parse_statement
from bellwire.iot.sql.values import UNDEFINED, Value, to_boolean, to_json
from bellwire.iot.topics import TopicFilter


NO_CLIENT = "n/a"
"""What `clientid()` gives where the publisher is not known, as on AWS for one without MQTT."""


class Message(NamedTuple):
    """What a device published. `timestamp_ms` is when it arrived, epoch milliseconds."""

    topic: str
    payload: bytes
    timestamp_ms: int
    client_id: str | None = None


class Unfit(NamedTuple):
    """A message that matched, but gives nothing a function can take; the reason is for the log."""

    reason: str


class Rule:
    """A rule ready to run."""

    def __init__(
        self, definition: TopicRule, topic_filter: TopicFilter, compiled: Compiled
    ) -> None:
        self.name = definition.name
        self.function = definition.function
        self.enabled = definition.enabled
        self.topic_filter = topic_filter
        self.warnings = _warnings(definition, compiled)
        self.uses_client_id = compiled.uses_client_id
        self._compiled = compiled

    def evaluate(self, message: Message) -> bytes | Unfit | None:
        """Return the function's event as JSON; None where WHERE does not hold.

        A message that is no JSON object or array is Unfit for `SELECT *`: a function takes JSON
        only (encode(*, 'base64') carries any bytes). Names in it are Undefined.
        """
        root = _parse(message.payload)
        scope = Scope(
            root,
            message.topic,
            message.payload,
            message.timestamp_ms,
            message.client_id or NO_CLIENT,
        )
        try:
            return self._apply(scope)
        except RecursionError:
            return Unfit("it is nested too deeply for the statement")

    def _apply(self, scope: Scope) -> bytes | Unfit | None:
        compiled = self._compiled
        if compiled.where is not None and to_boolean(compiled.where(scope)) is not True:
            return None
        if scope.root is UNDEFINED and compiled.is_star:
            return Unfit(
                "the message is no JSON object or array, which SELECT * hands to a function as it "
                "is; publish JSON, or select encode(*, 'base64') AS data"
            )
        return self._event(compiled.select(scope))

    def _event(self, value: Value) -> bytes | Unfit:
        if value is UNDEFINED:
            return Unfit("what SELECT VALUE asks for is Undefined: there is nothing to hand over")
        try:
            return to_json(value)
        except orjson.JSONEncodeError as error:
            return Unfit(f"the result cannot be written as JSON: {error}")


def compile_rule(definition: TopicRule) -> Rule:
    """Parse and compile a rule.

    Raises SqlSyntaxError with the place in the statement, UnsupportedFeatureError with that of the
    statement.
    """
    sql = definition.sql
    statement = parse_statement(sql)
    if statement.source is None:
        raise SqlSyntaxError(
            "FROM is missing: which topics is this rule for?",
            sql=sql,
            position=len(sql),
            hint="add FROM 'devices/+/parameters'",
        )
    try:
        topic_filter = TopicFilter.parse(statement.source)
        compiled = compile_statement(statement, sql, definition.sql_version)
    except BadRequestError as error:
        position = statement.source_position
        quotes = 2 if sql[position] in "'\"" else 0
        raise SqlSyntaxError(
            error.message, sql=sql, position=position, length=len(statement.source) + quotes
        ) from None
    except UnsupportedFeatureError as error:
        raise UnsupportedFeatureError(
            f"rule {definition.name}: {error.message}",
            place=definition.sql_place,
            hint=error.hint,
        ) from None
    return Rule(definition, topic_filter, compiled)


def _warnings(definition: TopicRule, compiled: Compiled) -> tuple[str, ...]:
    if definition.sql_version != OLDEST or not compiled.newer:
        return compiled.warnings
    newer = (
        f"{', '.join(compiled.newer)}: not in version {OLDEST}, which is AWS's default; set "
        f"sqlVersion: '{NEWEST}'"
    )
    return (newer, *compiled.warnings)


def _parse(payload: bytes) -> Value:
    """Return a JSON object or array; anything else is no JSON for a rule.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-where.html
    """
    try:
        document: Value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return UNDEFINED
    return document if isinstance(document, dict | list) else UNDEFINED
