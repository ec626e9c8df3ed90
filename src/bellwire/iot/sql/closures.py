"""What a compiled expression is made of: closures over closures.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bellwire.iot.sql import values
from bellwire.iot.sql.arithmetic import Settle
from bellwire.iot.sql.scope import Evaluate, Question, Scope
from bellwire.iot.sql.values import UNDEFINED, Value, to_json


Alias = tuple[str, ...]
"""The parts of `AS a.b`."""


def constant(value: Value) -> Evaluate:
    """Make what always gives this value."""
    return lambda scope: value


def root(scope: Scope) -> Value:
    """Return the message, or the element of the query."""
    return scope.root


def variable(name: str) -> Evaluate:
    """Read what SET, or AS in a nested query, gave a name."""
    return lambda scope: scope.variables.get(name, UNDEFINED)


def charged(path: Evaluate) -> Evaluate:
    """Read what is not of the element, for each element: large values cost the budget.

    An element is looked at once, and all together are the message; @a = @b for each of them is not.
    """

    def evaluate(scope: Scope) -> Value:
        value = path(scope)
        is_large = isinstance(value, dict | list) or (
            isinstance(value, str) and len(value) > _CHARGED
        )
        if is_large and not scope.budget.take(1 + len(scope.message.payload) // _CHARGED):
            return UNDEFINED
        return value

    return evaluate


_CHARGED = 256
"""Bytes of a message that cost as much as one element."""


def name(name: str, settle: Settle) -> Evaluate:
    """Read a member of the root."""

    def evaluate(scope: Scope) -> Value:
        parent = scope.root
        if type(parent) is not dict:
            return UNDEFINED
        value: Value = parent.get(name, UNDEFINED)
        return settle(value) if type(value) is float else value

    return evaluate


def member(of: Evaluate, name: str, settle: Settle) -> Evaluate:
    """Read a member of what another expression gives."""

    def evaluate(scope: Scope) -> Value:
        parent = of(scope)
        if type(parent) is not dict:
            return UNDEFINED
        value: Value = parent.get(name, UNDEFINED)
        return settle(value) if type(value) is float else value

    return evaluate


def call(function: Callable[..., Value], arguments: Sequence[Evaluate]) -> Evaluate:
    """Call a function with what the arguments give."""
    if len(arguments) == 1:
        only = arguments[0]
        return lambda scope: function(only(scope))
    if len(arguments) == 2:
        first, second = arguments
        return lambda scope: function(first(scope), second(scope))
    return lambda scope: function(*[argument(scope) for argument in arguments])


def call_in_scope(function: Callable[..., Value], arguments: Sequence[Evaluate]) -> Evaluate:
    """Call a function with the scope, and with what the arguments give."""
    if not arguments:
        return function
    return lambda scope: function(scope, *[argument(scope) for argument in arguments])


def settled(evaluate: Evaluate, settle: Settle) -> Evaluate:
    """Leave a number as the version of SQL does."""
    return lambda scope: settle(evaluate(scope))


def ask(function: str, arguments: Sequence[Evaluate]) -> Evaluate:
    """Ask the node; Undefined where an argument is, or cannot be written as JSON."""

    def evaluate(scope: Scope) -> Value:
        given = [argument(scope) for argument in arguments]
        answer = scope.world.ask
        if answer is None or UNDEFINED in given:
            return UNDEFINED
        try:
            question = Question(function, to_json(given))
        except TypeError:  # more levels than can be written, or bytes
            return UNDEFINED
        return answer(question)

    return evaluate


def both(left: Evaluate, right: Evaluate) -> Evaluate:
    """Make AND."""
    return lambda scope: values.both(left(scope), lambda: right(scope))


def either(left: Evaluate, right: Evaluate) -> Evaluate:
    """Make OR."""
    return lambda scope: values.either(left(scope), lambda: right(scope))


def case(
    subject: Evaluate,
    branches: Sequence[tuple[Evaluate, Evaluate]],
    otherwise: Evaluate | None,
) -> Evaluate:
    """Make CASE: Undefined where the subject is, or no branch fits and ELSE is missing."""

    def evaluate(scope: Scope) -> Value:
        value = subject(scope)
        if value is UNDEFINED:
            return UNDEFINED
        for test, then in branches:
            if values.equal(value, test(scope)) is True:
                return then(scope)
        return UNDEFINED if otherwise is None else otherwise(scope)

    return evaluate


def array(items: Sequence[Evaluate]) -> Evaluate:
    """Make an array; what is Undefined has no place in it. AWS does not say; this is our choice."""

    def evaluate(scope: Scope) -> Value:
        found = [item(scope) for item in items]
        return [value for value in found if value is not UNDEFINED]

    return evaluate


def make_object(members: Sequence[tuple[str, Evaluate]]) -> Evaluate:
    """Make an object of what is not Undefined."""

    def evaluate(scope: Scope) -> Value:
        found = {key: member(scope) for key, member in members}
        return {key: value for key, value in found.items() if value is not UNDEFINED}

    return evaluate


def query(
    source: Evaluate, select: Evaluate, where: Evaluate | None, alias: str | None
) -> Evaluate:
    """Make a nested query: an array of what SELECT gives for each element; an object is one.

    Undefined over anything else, and where the evaluation has looked at too many elements.
    """

    def evaluate(scope: Scope) -> Value:
        over = source(scope)
        elements = [over] if isinstance(over, dict) else over
        if not isinstance(elements, list) or not scope.budget.take(len(elements)):
            return UNDEFINED
        found = []
        for element in elements:
            inner = _inner(scope, element, alias)
            if where is None or values.to_boolean(where(inner)) is True:
                value = select(inner)
                if value is not UNDEFINED:
                    found.append(value)
        return found

    return evaluate


def _inner(scope: Scope, element: Value, alias: str | None) -> Scope:
    variables = scope.variables if alias is None else {**scope.variables, alias: element}
    return Scope(element, scope.message, variables, scope.world, scope.budget)


def unwrapped(query: Evaluate) -> Evaluate:
    """Give the one element of a query's result: transform() takes a query for what it selects.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-transform
    """

    def evaluate(scope: Scope) -> Value:
        found = query(scope)
        return found[0] if isinstance(found, list) and len(found) == 1 else found

    return evaluate


def exists(query: Evaluate) -> Evaluate:
    """Tell whether a query finds anything."""

    def evaluate(scope: Scope) -> Value:
        found = query(scope)
        return bool(found) if isinstance(found, list) else UNDEFINED

    return evaluate


def items(parts: Sequence[tuple[Alias | None, Evaluate]]) -> Evaluate:
    """Merge the items of SELECT in their order: a later one overrides, a dotted alias nests."""

    def evaluate(scope: Scope) -> Value:
        output: dict[str, Value] = {}
        for alias, item in parts:
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


def _place(output: dict[str, Value], alias: Alias, value: Value) -> None:
    for part in alias[:-1]:
        inner = output.get(part)
        # A copy: the object may belong to the message.
        output[part] = inner = dict(inner) if isinstance(inner, dict) else {}
        output = inner
    output[alias[-1]] = value
