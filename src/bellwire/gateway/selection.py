"""Selection expressions: which route a message takes.

A variable is `$request.body.path` or `${request.body.path}`; several may stand beside literal
text; `\\$` is a dollar. What follows `request.body` is a JSONPath, and its result becomes text.
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-selection-expressions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import orjson

from bellwire.errors import DefinitionError, Place


Select = Callable[[str], str]
"""Takes the message as it came, returns the route key it asks for; `""` where it names none."""

_VARIABLE = re.compile(
    r"\\\$"  # an escaped dollar
    r"|\$\{(?P<braced>[^}]*)\}"
    # AWS does not say where a bare variable ends. Choice: it takes all a JSONPath may hold.
    r"|\$(?P<bare>[A-Za-z_][A-Za-z0-9_.\[\]'\"*@$()?-]*)"
)
# A key with one of JSONPath's own characters in it is written in quotes: `['$type']`.
_KEY = r"[^.\[\]'\"\s$@*?()]+"
_STEP = re.compile(
    rf"\.\.(?P<deep>{_KEY})"
    rf"|\.(?P<key>{_KEY}|\*)"
    r"|\[\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<index>-?\d+)|(?P<all>\*))\s*\]"
)


class Step(NamedTuple):
    """One step of a JSONPath: exactly one of the four is set."""

    key: str | None = None
    at: int | None = None
    all: bool = False
    deep: str | None = None


def compile_selection(expression: str, place: Place | None = None) -> Select:
    """Compile a route selection expression.

    Raises DefinitionError where the expression is one API Gateway would refuse.
    """
    parts: list[str | tuple[Step, ...]] = []
    end = 0
    for match in _VARIABLE.finditer(expression):
        parts.append(_literal(expression[end : match.start()], place))
        end = match.end()
        if match.group() == "\\$":
            parts.append("$")
        else:
            parts.append(_variable(match.group("braced") or match.group("bare") or "", place))
    parts.append(_literal(expression[end:], place))
    parts = [part for part in parts if part != ""]
    return _selector(parts)


def _literal(text: str, place: Place | None) -> str:
    if "$" in text:
        raise DefinitionError(
            f"'{text[text.index('$') :]}' starts no variable",
            place=place,
            hint="a variable is $request.body.action or ${request.body.action}; a dollar is \\$",
        )
    return text


def _variable(name: str, place: Place | None) -> tuple[Step, ...]:
    if not name.startswith("request.body"):
        raise DefinitionError(
            f"a route is selected from the message only, not from '${name}'",
            place=place,
            hint="write $request.body.action, or another path below $request.body",
        )
    path = name.removeprefix("request.body")
    steps = []
    end = 0
    while end < len(path):
        match = _STEP.match(path, end)
        if match is None:
            raise DefinitionError(
                f"'{path[end:]}' in '${name}' is not a JSONPath that can be followed",
                place=place,
                hint="keys (.action), quoted keys (['action']), indexes ([0]), [*] and ..key work",
            )
        steps.append(_step(match))
        end = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["deep"] is not None:
        return Step(deep=match["deep"])
    if match["index"] is not None:
        return Step(at=int(match["index"]))
    if match["all"] is not None or match["key"] == "*":
        return Step(all=True)
    names = (match["key"], match["single"], match["double"])
    return Step(key=next(name for name in names if name is not None))


def _selector(parts: list[str | tuple[Step, ...]]) -> Select:
    paths = [part for part in parts if isinstance(part, tuple)]
    if not paths:
        constant = "".join(part for part in parts if isinstance(part, str))
        return lambda message: constant
    if len(parts) == 1 and len(paths[0]) == 1 and paths[0][0].key is not None:
        return _one_key(paths[0][0].key)

    def select(message: str) -> str:
        body = _parse(message)
        return "".join(
            part if isinstance(part, str) else _text(_follow(body, part)) for part in parts
        )

    return select


def _one_key(key: str) -> Select:
    # `$request.body.action`, the expression of nearly every API.
    def select(message: str) -> str:
        body = _parse(message)
        value = body.get(key, "") if isinstance(body, dict) else ""
        return value if isinstance(value, str) else _text([value])

    return select


def _parse(message: str) -> object:
    try:
        parsed: object = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    return parsed


def _follow(body: object, steps: tuple[Step, ...]) -> list[object]:
    found = [body] if body is not None else []
    for step in steps:
        found = [value for parent in found for value in _children(parent, step)]
    return found


def _children(parent: object, step: Step) -> Iterator[object]:
    if step.deep is not None:
        yield from _descendants(parent, step.deep)
    elif isinstance(parent, dict):
        if step.all:
            yield from parent.values()
        elif step.key is not None and step.key in parent:
            yield parent[step.key]
    elif isinstance(parent, list):
        if step.all:
            yield from parent
        elif step.at is not None and -len(parent) <= step.at < len(parent):
            yield parent[step.at]


def _descendants(root: object, key: str) -> Iterator[object]:
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if key in value:
                yield value[key]
            waiting.extend(reversed(value.values()))
        elif isinstance(value, list):
            waiting.extend(reversed(value))


def _text(found: list[object]) -> str:
    """Turn what a path found into text: `[item1, item2]` for a list, as the AWS page shows."""
    if not found:
        return ""
    value = found[0] if len(found) == 1 else found
    try:
        if isinstance(value, list):
            return f"[{', '.join(map(_item, value))}]"
        return _item(value)
    except orjson.JSONEncodeError:
        return ""  # nested deeper than orjson writes: no name of a route


def _item(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
