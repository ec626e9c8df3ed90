"""A statement tried on messages, without a rule: what comes out, and why nothing does."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import orjson

from bellwire.errors import BadRequestError, SqlSyntaxError
from bellwire.iot.sql.compiler import compile_statement
from bellwire.iot.sql.explanation import Part, explain_selection, explain_where
from bellwire.iot.sql.parser import parse_statement
from bellwire.iot.sql.scope import Message, Scope, World
from bellwire.iot.sql.values import UNDEFINED, Undefined, Value, to_json, to_text
from bellwire.iot.topics import TopicFilter


class Outcome(NamedTuple):
    """What a statement made of a message: `output` as JSON, or the `reason` why there is none.

    `fires` where WHERE holds. `where` and `undefined` explain it, if asked for: WHERE with its
    parts, what SELECT left out.
    """

    output: bytes | None
    reason: str | None
    fires: bool = True
    where: tuple[Part, ...] = ()
    undefined: tuple[Part, ...] = ()


class Trial:
    """A statement to try. Raises SqlSyntaxError and UnsupportedFeatureError, as a rule's does."""

    def __init__(self, sql: str, version: str, external: Collection[str] = ()) -> None:
        self._statement = parse_statement(sql)
        self._version = version
        self._external = external
        self._compiled = compile_statement(self._statement, sql, version, external)
        self.newer = self._compiled.newer
        self.warnings = self._compiled.warnings
        self._filter = self._topic_filter(sql)

    @property
    def topic(self) -> str:
        """The topic that stands in FROM, wildcards and all; `test/topic` where FROM is missing."""
        return self._filter.text if self._filter is not None else "test/topic"

    def hears(self, topic: str) -> bool:
        """Tell whether FROM takes messages of a topic."""
        return self._filter is None or self._filter.matches(topic)

    def run(self, message: Message, world: World, *, explain: bool = False) -> Outcome:
        """Try it on a message."""
        try:
            scope = self._compiled.scope(message, world)
            outcome = self._outcome(scope)
            return self._explained(outcome, scope) if explain else outcome
        except RecursionError:
            return Outcome(None, "the message is nested too deeply for the statement")

    def _topic_filter(self, sql: str) -> TopicFilter | None:
        statement = self._statement
        if statement.source is None:
            return None
        try:
            return TopicFilter.parse(statement.source)
        except BadRequestError as error:
            raise SqlSyntaxError(
                error.message,
                sql=sql,
                position=statement.source_position,
                length=len(statement.source) + 2 * (sql[statement.source_position] in "'\""),
            ) from None

    def _outcome(self, scope: Scope) -> Outcome:
        if not self._compiled.fires(scope):
            where = UNDEFINED if self._compiled.where is None else self._compiled.where(scope)
            return Outcome(None, f"WHERE does not hold: it is {told(where)}", fires=False)
        if scope.root is UNDEFINED and self._compiled.is_star:
            return Outcome(
                None, "the message is no JSON object or array: its bytes go on as they are"
            )
        value = self._compiled.select(scope)
        if value is UNDEFINED:
            return Outcome(None, "what SELECT VALUE asks for is Undefined")
        try:
            return Outcome(to_json(value), None)
        except orjson.JSONEncodeError as error:
            return Outcome(None, f"the result cannot be written as JSON: {error}")

    def _explained(self, outcome: Outcome, scope: Scope) -> Outcome:
        statement, version = self._statement, self._version
        where = explain_where(statement, version, scope, self._external)
        undefined = []
        if outcome.fires:
            undefined = explain_selection(statement, version, scope, self._external)
        return outcome._replace(where=tuple(where), undefined=tuple(undefined))


def told(value: Value) -> str:
    """Return a value as a person reads it, cut where it is long."""
    if isinstance(value, str):
        text = to_json(value).decode()
    elif value is None:
        text = "null"
    else:
        found = to_text(value)
        text = repr(value) if isinstance(found, Undefined) else found
    return text if len(text) <= _TOLD_CHARACTERS else f"{text[:_TOLD_CHARACTERS]}…"


_TOLD_CHARACTERS = 60
