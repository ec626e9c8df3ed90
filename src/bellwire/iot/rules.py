"""Topic rules: a message in, the effects of the rule's actions out.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-rules.html
"""

from __future__ import annotations

from collections.abc import Collection

import orjson

from bellwire.definition.model import NotifyAction, TopicRule
from bellwire.errors import BadRequestError, SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.actions import (
    NOT_JSON,
    CompiledAction,
    Effect,
    Surroundings,
    Unfit,
    check_error_action,
    compile_action,
)
from bellwire.iot.sql.arithmetic import NEWEST, OLDEST
from bellwire.iot.sql.compiler import Compiled, compile_statement
from bellwire.iot.sql.nodes import Statement
from bellwire.iot.sql.parser import parse_statement
from bellwire.iot.sql.scope import Message, Scope, World
from bellwire.iot.sql.values import UNDEFINED, Value, to_json
from bellwire.iot.topics import TopicFilter


class Rule:
    """A rule ready to run. `topic_filter` is None where it is for Basic Ingest alone."""

    def __init__(
        self,
        definition: TopicRule,
        topic_filter: TopicFilter | None,
        compiled: Compiled,
        actions: tuple[CompiledAction, ...],
        error_action: CompiledAction | None,
    ) -> None:
        self.name = definition.name
        self.enabled = definition.enabled
        self.topic_filter = topic_filter
        self.actions = actions
        self.error_action = error_action
        self.is_filtered = compiled.where is not None
        parts = (*actions, *([error_action] if error_action else ()))
        self.warnings = _warnings(definition, compiled, parts)
        self.broker_functions = _united(compiled.broker, *(part.broker for part in parts))
        self.external = _united(compiled.external, *(part.external for part in parts))
        self.only_notifies = bool(actions) and all(
            isinstance(each.definition, NotifyAction) for each in actions
        )
        self._compiled = compiled
        self._makers = tuple(each.make for each in actions)
        self._only = actions[0].make if len(actions) == 1 else None
        self._takes_bytes = any(each.takes_bytes for each in actions)
        self._needs_payload = not self.only_notifies

    def effects(self, message: Message, world: World) -> list[Effect] | Unfit | None:
        """Return what is to be done for a message, in the order of the actions.

        None where WHERE does not hold, Unfit where no action can take what SELECT gives. Names in a
        message that is no JSON object or array are Undefined. What `world.ask` raises goes through.
        """
        try:
            scope = self._compiled.scope(message, world)
            output = self._output(scope)
            if output is None or isinstance(output, Unfit):
                return output
            value, payload, is_json = output
            if self._only is not None:
                return [self._only(scope, value, payload, is_json)]
            return [make(scope, value, payload, is_json) for make in self._makers]
        except RecursionError:
            return _TOO_DEEP

    def error_effect(self, message: Message, world: World, document: dict[str, object]) -> Effect:
        """Return the effect of the error action, which there is, on AWS's document."""
        assert self.error_action is not None
        try:
            scope = self._compiled.scope(message, world)
            return self.error_action.make(scope, document, orjson.dumps(document), True)
        except RecursionError:
            return _TOO_DEEP

    def evaluate(self, message: Message, world: World) -> bytes | Unfit | None:
        """Return what SELECT gives, as JSON; None where WHERE does not hold."""
        try:
            output = self._output(self._compiled.scope(message, world))
        except RecursionError:
            return _TOO_DEEP
        return output if output is None or isinstance(output, Unfit) else output[1]

    def _output(self, scope: Scope) -> tuple[Value, bytes, bool] | Unfit | None:
        """Return what SELECT gives, the bytes to hand on, and whether they are JSON."""
        compiled = self._compiled
        if not compiled.fires(scope):
            return None
        if scope.root is UNDEFINED and compiled.is_star:
            if self._takes_bytes:
                return UNDEFINED, scope.message.payload, False
            return Unfit(NOT_JSON)
        value = compiled.select(scope)
        if value is UNDEFINED:
            return Unfit("what SELECT VALUE asks for is Undefined: there is nothing to hand over")
        if not self._needs_payload:
            return value, b"", True
        try:
            return value, to_json(value), True
        except orjson.JSONEncodeError as error:
            return Unfit(f"the result cannot be written as JSON: {error}")


_TOO_DEEP = Unfit("it is nested too deeply for the statement")


def compile_rule(definition: TopicRule, external: Collection[str] = ()) -> Rule:
    """Parse and compile a rule.

    `external` names the functions that need a service and that `World.ask` will answer. Raises
    SqlSyntaxError with the position in the statement, or with the place of a template in an action;
    UnsupportedFeatureError with the place of what is not done.
    """
    sql = definition.sql
    statement = parse_statement(sql)
    try:
        topic_filter = TopicFilter.parse(statement.source) if statement.source is not None else None
        compiled = compile_statement(statement, sql, definition.sql_version, external)
    except BadRequestError as error:
        raise _wrong_source(statement, sql, error.message) from None
    except UnsupportedFeatureError as error:
        raise UnsupportedFeatureError(
            f"rule {definition.name}: {error.message}",
            place=definition.sql_place,
            hint=error.hint,
        ) from None
    variables = [name for name, _ in statement.variables]
    around = Surroundings(definition.sql_version, variables, external)
    actions = tuple(compile_action(each, around) for each in definition.actions)
    error_action = None
    if definition.error_action is not None:
        error_action = compile_action(definition.error_action, around)
        check_error_action(error_action)
    return Rule(definition, topic_filter, compiled, actions, error_action)


def _wrong_source(statement: Statement, sql: str, message: str) -> SqlSyntaxError:
    position, source = statement.source_position, statement.source or ""
    quotes = 2 if sql[position] in "'\"" else 0
    return SqlSyntaxError(message, sql=sql, position=position, length=len(source) + quotes)


def _united(*names: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for each in names for name in each))


def _warnings(
    definition: TopicRule, compiled: Compiled, actions: Collection[CompiledAction]
) -> tuple[str, ...]:
    said = _united(compiled.warnings, *(each.warnings for each in actions))
    newer = _united(compiled.newer, *(each.newer for each in actions))
    if definition.sql_version != OLDEST or not newer:
        return said
    return (
        f"{', '.join(newer)}: not in version {OLDEST}, which is AWS's default; set "
        f"sqlVersion: '{NEWEST}'",
        *said,
    )
