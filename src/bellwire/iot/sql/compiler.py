"""Tree → closures. A statement is compiled once; evaluating it is calling functions.

Closures rather than generated code: nothing is built from text, and errors have a true traceback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches

from bellwire.errors import SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.sql import closures, values
from bellwire.iot.sql.arithmetic import NEWEST, OLDEST, negative, operators, settle_of
from bellwire.iot.sql.casts import NEWER_TYPES, casts
from bellwire.iot.sql.documents import read_document
from bellwire.iot.sql.functions import EXTERNAL_FUNCTIONS, FUNCTIONS, NAMES
from bellwire.iot.sql.message_functions import MESSAGE_FUNCTIONS
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
from bellwire.iot.sql.scope import Budget, Evaluate, Message, Scope, World
from bellwire.iot.sql.signature import ExternalFunction, Function, MessageFunction
from bellwire.iot.sql.values import UNDEFINED, Value


VERSIONS = (OLDEST, NEWEST, "beta")
"""What `awsIotSqlVersion` may be; beta is taken for the newest."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement ready to run; warnings are for its author.

    `is_star` where it is `SELECT *`. `newer` names what AWS has from version 2016-03-23 on only,
    `broker` the functions that only some brokers can answer, `external` those that ask a service.
    """

    variables: tuple[tuple[str, Evaluate], ...]
    select: Evaluate
    where: Evaluate | None
    is_star: bool
    broker: tuple[str, ...]
    external: tuple[str, ...]
    newer: tuple[str, ...]
    warnings: tuple[str, ...]

    def scope(self, message: Message, world: World) -> Scope:
        """Return what the statement sees of a message, its own variables included."""
        root = read_document(message.payload)
        if not self.variables:
            return Scope(root, message, _NOTHING, world, Budget())
        variables: dict[str, Value] = {}
        scope = Scope(root, message, variables, world, Budget())
        for name, evaluate in self.variables:
            variables[name] = evaluate(scope)
        return scope

    def fires(self, scope: Scope) -> bool:
        """Tell whether WHERE holds, or is not there."""
        return self.where is None or values.to_boolean(self.where(scope)) is True


_NOTHING: Mapping[str, Value] = {}


def compile_statement(
    statement: Statement, sql: str, version: str, external: Collection[str] = ()
) -> Compiled:
    """Compile a statement; `version` is that of IoT SQL, as `2016-03-23`.

    `external` names the functions that need a service and that `World.ask` will answer. Raises
    SqlSyntaxError for a function AWS does not have, UnsupportedFeatureError for what it has and
    nobody answers.
    """
    compiler = Compiler(sql, version, external)
    variables = compiler.set_variables(statement.variables)
    where = None if statement.where is None else compiler.compile(statement.where)
    selection = statement.selection
    select = compiler.selection(selection, is_outer=True)
    only = selection.items[0] if len(selection.items) == 1 else None
    is_star = only is not None and isinstance(only.expression, Star) and only.alias is None
    return Compiled(
        variables,
        select,
        where,
        is_star,
        tuple(compiler.broker),
        tuple(compiler.external),
        tuple(compiler.newer),
        tuple(compiler.warnings),
    )


class Compiler:
    """Compiles the expressions of one statement or template, and notes what they need."""

    def __init__(
        self,
        sql: str,
        version: str,
        external: Collection[str] = (),
        variables: Collection[str] = (),
    ) -> None:
        self._sql = sql
        self._version = version
        self._answered = external
        self._variables = set(variables)
        self._queries: list[str | None] = []  # those around what is compiled, by their AS
        self._settle = settle_of(version)
        self._casts = casts(version)
        self._operators: Mapping[str, Callable[[Value, Value], Value]] = {
            **_COMPARISONS,
            **operators(version),
        }
        self.newer: dict[str, None] = {}
        self.broker: dict[str, None] = {}
        self.external: dict[str, None] = {}
        self.warnings: list[str] = []

    def set_variables(
        self, variables: Sequence[tuple[str, Node]]
    ) -> tuple[tuple[str, Evaluate], ...]:
        """Compile SET: each variable may be used from the next on."""
        compiled = []
        for name, node in variables:
            compiled.append((name, self.compile(node)))
            self._variables.add(name)
        return tuple(compiled)

    def compile(self, node: Node) -> Evaluate:
        """Compile an expression."""
        match node:
            case Literal(value=bool() | str() | None as value):
                return closures.constant(value)
            case Literal(value=int() | Decimal() as value):
                return closures.constant(self._settle(value))
            case Name() | Member() | Index() | Variable():
                path = self._path(node)
                return closures.charged(path) if self._is_from_outside(node) else path
            case Star():
                return closures.root
            case Unary(operator="NOT", operand=operand):
                return self._call(values.negation, (operand,))
            case Unary(operand=operand):
                return self._call(negative(self._version), (operand,))
            case Binary():
                return self._binary(node)
            case Call():
                return self._function(node)
            case Cast():
                return self._cast(node)
            case _:
                return self._compound(node)

    def _compound(self, node: Node) -> Evaluate:
        match node:
            case Case(subject=subject, branches=branches, otherwise=otherwise):
                return closures.case(
                    self.compile(subject),
                    [(self.compile(test), self.compile(then)) for test, then in branches],
                    None if otherwise is None else self.compile(otherwise),
                )
            case Array(items=items):
                self.newer["array literals"] = None
                return closures.array([self.compile(item) for item in items])
            case Object(members=members):
                self.newer["object literals"] = None
                return closures.make_object([(key, self.compile(value)) for key, value in members])
            case Query():
                return self._query(node)
            case Exists(query=query):
                return closures.exists(self._query(query))
            case _:
                raise AssertionError(f"no such node: {node}")

    def selection(self, selection: Selection, *, is_outer: bool) -> Evaluate:
        """Compile what SELECT asks for."""
        if selection.value is not None:
            return self.compile(selection.value)
        only = selection.items[0] if len(selection.items) == 1 else None
        if only is not None and isinstance(only.expression, Star) and only.alias is None:
            return closures.root
        items = [self._item(item, is_outer) for item in selection.items]
        if is_outer:
            self._warn_of_repeated([alias for alias, _ in items if alias is not None])
        return closures.items(items)

    def _warn_of_repeated(self, aliases: Sequence[tuple[str, ...]]) -> None:
        repeated = [alias for alias, times in Counter(aliases).items() if times > 1]
        self.warnings += [
            f"{'.'.join(alias)} is selected more than once: the last that is there wins"
            for alias in repeated
        ]

    def _item(self, item: Item, is_outer: bool) -> tuple[closures.Alias | None, Evaluate]:
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

    def _path(self, node: Node) -> Evaluate:
        match node:
            case Name(name=name) if name in self._queries:
                return closures.variable(f".{name}")
            case Name(name=name):
                return closures.name(name, self._settle)
            case Variable():
                return self._variable(node)
            case Member(of=of, name=name):
                return closures.member(self._path(of), name, self._settle)
            case Index(of=of, index=index):
                get = closures.call(FUNCTIONS["get"].call, (self._path(of), self.compile(index)))
                return closures.settled(get, self._settle)
            case _:
                return self.compile(node)

    def _is_from_outside(self, node: Node) -> bool:
        """Tell whether a nested query reads this for each element, though it is not part of it."""
        while isinstance(node, Member | Index):
            node = node.of
        if isinstance(node, Variable):
            return bool(self._queries)
        return isinstance(node, Name) and node.name in self._queries[:-1]

    def _variable(self, node: Variable) -> Evaluate:
        if node.name not in self._variables:
            raise SqlSyntaxError(
                f"@{node.name} is not set",
                sql=self._sql,
                position=node.position,
                length=len(node.name) + 1,
                hint=f"SET @{node.name} = … stands before SELECT, or before its first use in SET",
            )
        return closures.variable(node.name)

    def _call(self, function: Callable[..., Value], arguments: Sequence[Node]) -> Evaluate:
        return closures.call(function, [self.compile(argument) for argument in arguments])

    def _binary(self, node: Binary) -> Evaluate:
        left, right = self.compile(node.left), self.compile(node.right)
        match node.operator:
            case "AND":
                return closures.both(left, right)
            case "OR":
                return closures.either(left, right)
            case ">" | ">=":
                return closures.call(self._operators[_MIRRORED[node.operator]], (right, left))
            case _:
                return closures.call(self._operators[node.operator], (left, right))

    def _function(self, call: Call) -> Evaluate:
        name = call.name.lower()
        if name == "sql_version" and not call.arguments:
            return closures.constant(self._version)
        signature = (
            FUNCTIONS.get(name) or MESSAGE_FUNCTIONS.get(name) or EXTERNAL_FUNCTIONS.get(name)
        )
        if signature is None:
            if name == "sql_version":
                return self._wrong_arity(call)
            raise self._unknown(call)
        if isinstance(signature, ExternalFunction) and name not in self._answered:
            raise _unanswered(call, signature)
        if not signature.takes(len(call.arguments)):
            return self._wrong_arity(call)
        if signature.needs_2016:
            self.newer[f"{call.name}()"] = None
        return self._known(name, signature, call)

    def _known(
        self, name: str, signature: Function | MessageFunction | ExternalFunction, call: Call
    ) -> Evaluate:
        arguments = self._arguments(name, call.arguments)
        match signature:
            case Function(call=function):
                self._check_literals(signature, call)
                return closures.settled(closures.call(function, arguments), self._settle)
            case MessageFunction(call=function):
                if signature.broker:
                    self.broker[f"{name}()"] = None
                made = closures.call_in_scope(function, arguments)
                return closures.settled(made, self._settle) if name == "rand" else made
            case _:
                if name in self.external and name == "get_dynamodb":
                    raise self._twice(call)
                self.external[name] = None
                return closures.ask(name, arguments)

    def _twice(self, call: Call) -> SqlSyntaxError:
        # https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-dynamodb
        return SqlSyntaxError(
            f"{call.name}() may be called once in a statement: AWS ends the rule at the second",
            sql=self._sql,
            position=call.position,
            length=len(call.name),
            hint="SET @item = get_dynamodb(…), and use @item",
        )

    def _arguments(self, name: str, nodes: Sequence[Node]) -> list[Evaluate]:
        arguments = [self.compile(node) for node in nodes]
        if name == "encode" and isinstance(nodes[0], Star):
            # The bytes as they came, also where they are JSON.
            arguments[0] = lambda scope: scope.message.payload
        if name == "transform":
            arguments = [
                closures.unwrapped(argument) if isinstance(node, Query) else argument
                for node, argument in zip(nodes, arguments, strict=True)
            ]
        return arguments

    def _check_literals(self, signature: Function, call: Call) -> None:
        if signature.check is None:
            return
        for place, argument in enumerate(call.arguments):
            if isinstance(argument, Literal) and isinstance(argument.value, str):
                reason = signature.check(place, argument.value)
                if reason is not None:
                    raise SqlSyntaxError(
                        f"{call.name}(): {reason}",
                        sql=self._sql,
                        position=argument.position,
                        length=len(argument.value) + 2,
                        hint="here it is refused; made from a message it would be Undefined",
                    )

    def _wrong_arity(self, call: Call) -> Evaluate:
        self.warnings.append(
            f"{call.name}() does not take {len(call.arguments)} arguments: the result is Undefined"
        )
        for argument in call.arguments:
            self.compile(argument)
        return closures.constant(UNDEFINED)

    def _unknown(self, call: Call) -> SqlSyntaxError:
        near = get_close_matches(call.name.lower(), sorted(NAMES))
        return SqlSyntaxError(
            f"there is no function {call.name}()",
            sql=self._sql,
            position=call.position,
            length=len(call.name),
            hint=f"did you mean {near[0]}()?" if near else None,
        )

    def _cast(self, cast: Cast) -> Evaluate:
        convert = self._casts.get(cast.type)
        if convert is None:
            raise SqlSyntaxError(
                f"there is no type {cast.type}",
                sql=self._sql,
                position=cast.position,
                length=4,
                hint="types are String, Int, Decimal, Double, Boolean",
            )
        if cast.type in NEWER_TYPES:
            self.newer[f"cast(… AS {cast.type})"] = None
        return self._call(convert, (cast.operand,))

    def _query(self, query: Query) -> Evaluate:
        self.newer["nested queries"] = None
        source = self.compile(query.source)
        self._queries.append(query.alias)
        select = self.selection(query.selection, is_outer=False)
        where = None if query.where is None else self.compile(query.where)
        self._queries.pop()
        return closures.query(source, select, where, query.alias and f".{query.alias}")


_COMPARISONS: Mapping[str, Callable[[Value, Value], Value]] = {
    "=": values.equal,
    "<>": values.unequal,
    "<": values.less,
    "<=": values.at_most,
    "IN": values.contains,
}
_MIRRORED = {">": "<", ">=": "<="}


def _unanswered(call: Call, signature: ExternalFunction) -> UnsupportedFeatureError:
    return UnsupportedFeatureError(
        f"the function {call.name}() is not supported: it needs {signature.needs}",
        hint="name a function of the service that answers it: "
        f"custom.bellwire.sqlFunctions: {{{call.name.lower()}: key}}",
    )
