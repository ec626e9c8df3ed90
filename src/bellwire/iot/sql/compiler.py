"""Tree → closures. A statement is compiled once; evaluating it is calling functions.

Closures rather than generated code: nothing is built from text, and errors have a true traceback.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import NamedTuple

from bellwire.errors import SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.sql import values
from bellwire.iot.sql.functions import FUNCTIONS, NOT_BUILT, Function
from bellwire.iot.sql.nodes import (
    Array,
    Binary,
    Call,
    Case,
    Cast,
    Exists,
    Index,
    Item,
    Literal,
    Member,
    Name,
    Node,
    Object,
    Query,
    Selection,
    Star,
    Statement,
    Unary,
    Variable,
)
from bellwire.iot.sql.values import UNDEFINED, Undefined, Value


OLDEST, NEWEST = "2015-10-08", "2016-03-23"
"""The versions of IoT SQL; AWS takes the oldest where none is given."""


class Scope(NamedTuple):
    """What an expression sees: `root` is the message, or the element in a nested query.

    `root` is UNDEFINED where the message is no JSON object or array; `payload` are its bytes.
    """

    root: Value
    topic: str
    payload: bytes
    timestamp_ms: int
    client_id: str


Evaluate = Callable[[Scope], Value]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement ready to run; warnings are for its author.

    `is_star` where it is `SELECT *`. `newer` names what AWS has from version 2016-03-23 on only.
    """

    select: Evaluate
    where: Evaluate | None
    is_star: bool
    uses_client_id: bool
    newer: tuple[str, ...]
    warnings: tuple[str, ...]


def compile_statement(statement: Statement, sql: str, version: str) -> Compiled:
    """Compile a statement; `version` is that of IoT SQL, as `2016-03-23`.

    Raises SqlSyntaxError for a function AWS does not have, UnsupportedFeatureError for what AWS
    has and this version has not.
    """
    compiler = _Compiler(sql, version)
    if statement.variables:
        raise UnsupportedFeatureError("SET is not supported by this version of Bellwire")
    where = None if statement.where is None else compiler.compile(statement.where)
    selection = statement.selection
    select = compiler.selection(selection, is_outer=True)
    only = selection.items[0] if len(selection.items) == 1 else None
    is_star = only is not None and isinstance(only.expression, Star) and only.alias is None
    return Compiled(
        select,
        where,
        is_star,
        compiler.uses_client_id,
        tuple(compiler.newer),
        tuple(compiler.warnings),
    )


class _Compiler:
    def __init__(self, sql: str, version: str) -> None:
        self._sql = sql
        self._version = version
        self.uses_client_id = False
        self.newer: dict[str, None] = {}
        self.warnings: list[str] = []

    def compile(self, node: Node) -> Evaluate:
        match node:
            case Literal(value=bool() | str() | None as value):
                return lambda scope: value
            case Literal(value=int() | Decimal() as value):
                number = values.settle(value)
                return lambda scope: number
            case Name(name=name):
                return _name(name)
            case Member(of=of, name=name):
                return _member(self.compile(of), name)
            case Index(of=of, index=index):
                return _call(FUNCTIONS["get"].call, (self.compile(of), self.compile(index)))
            case Star():
                return _whole_message
            case Unary(operator=operator, operand=operand):
                apply = values.negation if operator == "NOT" else values.negative
                return _call(apply, (self.compile(operand),))
            case Binary(operator=operator, left=left, right=right):
                return _binary(operator, self.compile(left), self.compile(right))
            case Call():
                return self._function(node)
            case Cast():
                return self._cast(node)
            case Case():
                return self._case(node)
            case Array(items=items):
                self.newer["array literals"] = None
                return _array([self.compile(item) for item in items])
            case Object(members=members):
                self.newer["object literals"] = None
                return _object([(key, self.compile(value)) for key, value in members])
            case Query():
                return self._query(node)
            case Exists(query=query):
                return _exists(self._query(query))
            case Variable(name=name):
                raise SqlSyntaxError(
                    f"@{name} is not set",
                    sql=self._sql,
                    position=node.position,
                    length=len(name) + 1,
                )
            case _:
                raise AssertionError(f"no such node: {node}")

    def selection(self, selection: Selection, *, is_outer: bool) -> Evaluate:
        """Compile what SELECT asks for."""
        if selection.value is not None:
            return self.compile(selection.value)
        only = selection.items[0] if len(selection.items) == 1 else None
        if only is not None and isinstance(only.expression, Star) and only.alias is None:
            return _whole_message
        items = [self._item(item, is_outer) for item in selection.items]
        if is_outer:
            self._warn_of_repeated([alias for alias, _ in items if alias is not None])
        return _items(items)

    def _warn_of_repeated(self, aliases: Sequence[tuple[str, ...]]) -> None:
        repeated = [alias for alias, times in Counter(aliases).items() if times > 1]
        self.warnings += [
            f"{'.'.join(alias)} is selected more than once: the last that is there wins"
            for alias in repeated
        ]

    def _item(self, item: Item, is_outer: bool) -> tuple[tuple[str, ...] | None, Evaluate]:
        if isinstance(item.expression, Star) and item.alias is None:
            return None, self.compile(item.expression)
        alias = item.alias or (self._default_alias(item, is_outer),)
        return alias, self.compile(item.expression)

    def _default_alias(self, item: Item, is_outer: bool) -> str:
        # AWS documents none of this. A path takes its last name, as seen there; a function its
        # own; anything else its text.
        match item.expression:
            case Name(name=name) | Member(name=name):
                return name
            case Call(name=name, arguments=arguments):
                name = item.text if arguments else name
            case _:
                name = item.text
        if is_outer and not (isinstance(item.expression, Call) and not item.expression.arguments):
            self.warnings.append(
                f"{item.text} has no alias: here it becomes {name!r}, AWS does not say; add AS name"
            )
        return name

    def _function(self, call: Call) -> Evaluate:
        name = call.name.lower()
        arguments = call.arguments
        if name in _MESSAGE_FUNCTIONS:
            least, most, make = _MESSAGE_FUNCTIONS[name]
            self.uses_client_id |= name == "clientid"
            if least <= len(arguments) <= most:
                return make([self.compile(argument) for argument in arguments])
            return self._wrong_arity(call)
        if name == "encode":
            return self._encode(call)
        function = FUNCTIONS.get(name)
        if function is None:
            raise self._unknown(call)
        if not _takes(function, len(arguments)):
            return self._wrong_arity(call)
        if function.needs_2016:
            self.newer[f"{call.name}()"] = None
        return _call(function.call, [self.compile(argument) for argument in arguments])

    def _encode(self, call: Call) -> Evaluate:
        if len(call.arguments) != 2:
            return self._wrong_arity(call)
        self.newer[f"{call.name}()"] = None
        what, scheme = call.arguments
        if isinstance(what, Star):
            # The bytes as they came, also where they are JSON.
            source: Evaluate = lambda scope: scope.payload  # noqa: E731
        else:
            source = self.compile(what)
        return _call(_encode, (source, self.compile(scheme)))

    def _wrong_arity(self, call: Call) -> Evaluate:
        self.warnings.append(
            f"{call.name}() does not take {len(call.arguments)} arguments: the result is Undefined"
        )
        for argument in call.arguments:
            self.compile(argument)
        return lambda scope: UNDEFINED

    def _unknown(self, call: Call) -> Exception:
        name = call.name.lower()
        if name in NOT_BUILT:
            return UnsupportedFeatureError(
                f"the function {call.name}() is not supported: it needs {NOT_BUILT[name]}"
            )
        near = get_close_matches(name, [*FUNCTIONS, *_MESSAGE_FUNCTIONS, "encode", "cast"])
        return SqlSyntaxError(
            f"there is no function {call.name}()",
            sql=self._sql,
            position=call.position,
            length=len(call.name),
            hint=f"did you mean {near[0]}()?" if near else None,
        )

    def _cast(self, cast: Cast) -> Evaluate:
        convert = _CASTS.get(cast.type)
        if convert is None:
            raise SqlSyntaxError(
                f"there is no type {cast.type}",
                sql=self._sql,
                position=cast.position,
                length=4,
                hint="types are String, Int, Decimal, Double, Boolean",
            )
        if cast.type in _NEWER_TYPES:
            self.newer[f"cast(… AS {cast.type})"] = None
        if convert is _cast_number and self._version == OLDEST:
            convert = _cast_number_as_it_is
        return _call(convert, (self.compile(cast.operand),))

    def _case(self, case: Case) -> Evaluate:
        subject = self.compile(case.subject)
        branches = [(self.compile(test), self.compile(then)) for test, then in case.branches]
        otherwise = None if case.otherwise is None else self.compile(case.otherwise)

        def evaluate(scope: Scope) -> Value:
            value = subject(scope)
            if value is UNDEFINED:
                return UNDEFINED
            for test, then in branches:
                if values.equal(value, test(scope)) is True:
                    return then(scope)
            return UNDEFINED if otherwise is None else otherwise(scope)

        return evaluate

    def _query(self, query: Query) -> Evaluate:
        if query.alias is not None:
            raise UnsupportedFeatureError(
                "FROM … AS in a nested query is not supported by this version of Bellwire"
            )
        self.newer["nested queries"] = None
        source = self.compile(query.source)
        select = self.selection(query.selection, is_outer=False)
        where = None if query.where is None else self.compile(query.where)

        def evaluate(scope: Scope) -> Value:
            over = source(scope)
            if isinstance(over, dict):
                over = [over]
            if not isinstance(over, list):
                return UNDEFINED
            found = []
            for element in over:
                inner = scope._replace(root=element)
                if where is None or values.to_boolean(where(inner)) is True:
                    value = select(inner)
                    if value is not UNDEFINED:
                        found.append(value)
            return found

        return evaluate


# Closures


def _name(name: str) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        root = scope.root
        return root.get(name, UNDEFINED) if isinstance(root, dict) else UNDEFINED

    return evaluate


def _member(of: Evaluate, name: str) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        parent = of(scope)
        return parent.get(name, UNDEFINED) if isinstance(parent, dict) else UNDEFINED

    return evaluate


def _whole_message(scope: Scope) -> Value:
    return scope.root


def _call(function: Callable[..., Value], arguments: Sequence[Evaluate]) -> Evaluate:
    if len(arguments) == 1:
        only = arguments[0]
        return lambda scope: function(only(scope))
    if len(arguments) == 2:
        first, second = arguments
        return lambda scope: function(first(scope), second(scope))
    return lambda scope: function(*[argument(scope) for argument in arguments])


def _binary(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    match operator:
        case "AND":
            return lambda scope: values.both(left(scope), lambda: right(scope))
        case "OR":
            return lambda scope: values.either(left(scope), lambda: right(scope))
        case ">":
            return _call(values.less, (right, left))
        case ">=":
            return _call(values.at_most, (right, left))
        case _:
            return _call(_OPERATORS[operator], (left, right))


_OPERATORS: Mapping[str, Callable[[Value, Value], Value]] = {
    "=": values.equal,
    "<>": values.unequal,
    "<": values.less,
    "<=": values.at_most,
    "IN": values.contains,
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "%": values.remainder,
}


def _array(items: Sequence[Evaluate]) -> Evaluate:
    # What is Undefined has no place in an array. AWS does not say; this is our choice.
    def evaluate(scope: Scope) -> Value:
        found = [item(scope) for item in items]
        return [value for value in found if value is not UNDEFINED]

    return evaluate


def _object(members: Sequence[tuple[str, Evaluate]]) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        found = {key: member(scope) for key, member in members}
        return {key: value for key, value in found.items() if value is not UNDEFINED}

    return evaluate


def _exists(query: Evaluate) -> Evaluate:
    def evaluate(scope: Scope) -> Value:
        found = query(scope)
        return bool(found) if isinstance(found, list) else UNDEFINED

    return evaluate


def _items(items: Sequence[tuple[tuple[str, ...] | None, Evaluate]]) -> Evaluate:
    """Merge the items in their order: a later one overrides, a dotted alias nests."""

    def evaluate(scope: Scope) -> Value:
        output: dict[str, Value] = {}
        for alias, item in items:
            value = item(scope)
            if value is UNDEFINED:
                continue
            if alias is None:
                if isinstance(value, dict):
                    output.update(value)
            elif len(alias) == 1:
                output[alias[0]] = value
            else:
                _place(output, alias, value)
        return output

    return evaluate


def _place(output: dict[str, Value], alias: tuple[str, ...], value: Value) -> None:
    for name in alias[:-1]:
        inner = output.get(name)
        # A copy: the object may belong to the message.
        output[name] = inner = dict(inner) if isinstance(inner, dict) else {}
        output = inner
    output[alias[-1]] = value


# Functions of the message


def _topic(arguments: Sequence[Evaluate]) -> Evaluate:
    if not arguments:
        return lambda scope: scope.topic
    number = arguments[0]

    def evaluate(scope: Scope) -> Value:
        wanted = values.to_number(number(scope))
        if isinstance(wanted, Undefined):
            return UNDEFINED
        levels = scope.topic.split("/")
        level = math.floor(wanted)
        return levels[level - 1] if 1 <= level <= len(levels) else UNDEFINED

    return evaluate


_MESSAGE_FUNCTIONS: dict[str, tuple[int, int, Callable[[Sequence[Evaluate]], Evaluate]]] = {
    "topic": (0, 1, _topic),
    "timestamp": (0, 0, lambda arguments: lambda scope: scope.timestamp_ms),
    "clientid": (0, 0, lambda arguments: lambda scope: scope.client_id),
}
"""Fewest and most arguments, and how to compile it, by name in lower case."""


def _encode(value: Value, scheme: Value) -> Value:
    if scheme != "base64":
        return UNDEFINED
    if isinstance(value, bytes):
        return b64encode(value).decode()
    text = values.to_text(value)
    return UNDEFINED if isinstance(text, Undefined) else b64encode(text.encode()).decode()


def _takes(function: Function, count: int) -> bool:
    return function.least <= count and (function.most is None or count <= function.most)


# Casts. https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-cast


def _cast_number_as_it_is(value: Value) -> int | Decimal | Undefined:
    return int(value) if isinstance(value, bool) else values.to_number(value)


def _cast_number(value: Value) -> int | Decimal | Undefined:
    # From version 2016-03-23 on, 5.0 becomes 5.
    number = _cast_number_as_it_is(value)
    return UNDEFINED if isinstance(number, Undefined) else values.settle(number)


def _cast_int(value: Value) -> Value:
    number = _cast_number(value)
    if not isinstance(number, Decimal):
        return number
    # AWS: a string is cut off, a number rounded down.
    return values.settle(int(number) if isinstance(value, str) else math.floor(number))


def _cast_boolean(value: Value) -> Value:
    number = UNDEFINED if isinstance(value, bool | str) else values.to_number(value)
    return values.to_boolean(value) if isinstance(number, Undefined) else number != 0


_CASTS: Mapping[str, Callable[[Value], Value]] = {
    **dict.fromkeys(("string", "nvarchar", "text", "ntext", "varchar"), values.to_text),
    **dict.fromkeys(("int", "integer"), _cast_int),
    **dict.fromkeys(("double", "decimal"), _cast_number),
    **dict.fromkeys(("bool", "boolean"), _cast_boolean),
}
_NEWER_TYPES = ("decimal", "bool", "boolean")
