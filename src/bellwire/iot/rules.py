"""Topic rules: a message in, the event for the function out.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-lambda-rule.html
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import orjson

from bellwire.definition.model import LambdaAction, TopicRule
from bellwire.errors import BadRequestError, SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.sql.arithmetic import NEWEST, OLDEST
from bellwire.iot.sql.compiler import Compiled, compile_statement
from bellwire.iot.sql.parser import parse_statement
from bellwire.iot.sql.scope import Message, Scope, World
from bellwire.iot.sql.values import UNDEFINED, Value, to_json
from bellwire.iot.topics import TopicFilter


class Unfit(NamedTuple):
    """A message that matched, but gives nothing a function can take; the reason is for the log."""

    reason: str


class Rule:
    """A rule ready to run."""

    def __init__(
        self, definition: TopicRule, topic_filter: TopicFilter, compiled: Compiled
    ) -> None:
        self.name = definition.name
        self.actions = definition.actions
        self.function = next(
            (each.function for each in self.actions if isinstance(each, LambdaAction)), ""
        )
        self.enabled = definition.enabled
        self.topic_filter = topic_filter
        self.warnings = _warnings(definition, compiled)
        self.broker_functions = compiled.broker
        self._compiled = compiled

    def evaluate(self, message: Message, world: World) -> bytes | Unfit | None:
        """Return the function's event as JSON; None where WHERE does not hold.

        A message that is no JSON object or array is Unfit for `SELECT *`: a function takes JSON
        only (encode(*, 'base64') carries any bytes). Names in it are Undefined. What `world.ask`
        raises goes through.
        """
        try:
            return self._apply(self._compiled.scope(message, world))
        except RecursionError:
            return Unfit("it is nested too deeply for the statement")

    def _apply(self, scope: Scope) -> bytes | Unfit | None:
        compiled = self._compiled
        if not compiled.fires(scope):
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


def compile_rule(definition: TopicRule, external: Collection[str] = ()) -> Rule:
    """Parse and compile a rule.

    `external` names the functions that need a service and that `World.ask` will answer. Raises
    SqlSyntaxError with the place in the statement, UnsupportedFeatureError with that of the
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
        compiled = compile_statement(statement, sql, definition.sql_version, external)
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
