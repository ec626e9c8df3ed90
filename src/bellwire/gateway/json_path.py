"""JSONPath: what follows `request.body` in an expression, or `$` in a mapping template.

Keys (`.a`, `['a']`, `["a"]`), indexes (`[0]`, `[-1]`), `[*]`, `.*` and `..key` can be followed.
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-selection-expressions.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import NamedTuple, NoReturn, TypeAlias

import orjson

from bellwire.errors import DefinitionError, Place


# A key with one of JSONPath's own characters in it is written in quotes: `['$type']`.
_KEY = r"[^.\[\]'\"\s$@*?()]+"
_STEP = re.compile(
    rf"\.\.(?P<deep>{_KEY})"
    rf"|\.(?P<key>{_KEY}|\*)"
    r"|\[\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<index>-?[0-9]{1,9})|(?P<all>\*))\s*\]"
)


class Step(NamedTuple):
    """One step of a JSONPath: exactly one of the four is set."""

    key: str | None = None
    at: int | None = None
    all: bool = False
    deep: str | None = None


Path: TypeAlias = tuple[Step, ...]


def compile_path(path: str, place: Place | None = None) -> Path:
    """Compile a JSONPath without its root: `.data.room`, or nothing for the root itself.

    Raises DefinitionError for a path that cannot be followed.
    """
    steps = []
    end = 0
    while end < len(path):
        match = _STEP.match(path, end)
        if match is None:
            raise DefinitionError(
                f"'{path[end:]}' in '{path}' is not a JSONPath that can be followed",
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


def parse_json(text: str) -> object:
    """Parse JSON; raises ValueError for what is none.

    Half of a surrogate pair (`"\\ud83d"`), which a browser sends for an emoji cut in two, is JSON
    too, though orjson refuses it.
    """
    try:
        parsed: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            parsed = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    return parsed


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def parse_body(body: str) -> object:
    """Return what a body says as JSON; None for `null` and for what is no JSON."""
    try:
        return parse_json(body)
    except ValueError:
        return None


def is_definite(path: Path) -> bool:
    """Tell whether a path leads to one value at most, not to a list of all that match."""
    return not any(step.all or step.deep is not None for step in path)


def follow(body: object, path: Path) -> list[object]:
    """Return all that a path leads to, in the order of the document; None has nothing below it."""
    found = [body] if body is not None else []
    for step in path:
        if step.deep is not None:
            found = list(_descendants(found, step.deep))
        else:
            found = [value for parent in found for value in _children(parent, step)]
    return found


def _children(parent: object, step: Step) -> Iterable[object]:
    if isinstance(parent, dict):
        if step.all:
            return parent.values()
        if step.key is not None and step.key in parent:
            return (parent[step.key],)
    elif isinstance(parent, list):
        if step.all:
            return parent
        if step.at is not None and -len(parent) <= step.at < len(parent):
            return (parent[step.at],)
    return ()


def _descendants(parents: list[object], key: str) -> Iterator[object]:
    # One parent may lie below another (`..a..a`): what was looked through once is not looked
    # through again, else the cost would grow with the power of the steps.
    seen: set[int] = set()
    waiting = parents[::-1]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, dict | list) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            if key in value:
                yield value[key]
            waiting.extend(reversed(value.values()))
        else:
            waiting.extend(reversed(value))


def text_of(found: list[object]) -> str:
    """Turn what a path found into text: `[item1, item2]` for a list, as the AWS page shows."""
    if not found:
        return ""
    value = found[0] if len(found) == 1 else found
    try:
        if isinstance(value, list):
            return f"[{', '.join(map(_item, value))}]"
        return _item(value)
    except (orjson.JSONEncodeError, RecursionError):
        return ""  # nested deeper than can be written: no name of a route


def _item(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # half of a surrogate pair, a number over 64 bits
        return json.dumps(value, separators=(",", ":"))
