"""Selection expressions: which route a message takes, which template or model it gets.

A variable is `$request.body.path` or `${request.body.path}`; several may stand beside literal
text; `\\$` is a dollar. What follows `request.body` is a JSONPath, and its result becomes text.
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-selection-expressions.html
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from bellwire.errors import DefinitionError, Place
from bellwire.gateway.effects import HttpAnswer
from bellwire.gateway.json_path import Path, compile_path, follow, parse_body, text_of


Select = Callable[[str], str]
"""Takes the message as it came, returns the route key it asks for; `""` where it names none."""
SelectResponse = Callable[[str, HttpAnswer], str]
"""Takes the message as it came and what the integration answered, returns a template's key."""

_Part = TypeVar("_Part")
_Answered: TypeAlias = Callable[[HttpAnswer], str]

_VARIABLE = re.compile(
    r"\\\$"  # an escaped dollar
    r"|\$\{(?P<braced>[^}]*)\}"
    # AWS does not say where a bare variable ends. Choice: it takes all a JSONPath may hold.
    r"|\$(?P<bare>[A-Za-z_][A-Za-z0-9_.\[\]'\"*@$()?-]*)"
)
_BODY = "request.body"
_STATUS = "integration.response.statuscode"
_HEADER = re.compile(r"integration\.response\.(multivalue)?header\.([A-Za-z0-9._$-]+)")
_PATTERN_CHARACTERS = 1024


def compile_selection(expression: str, place: Place | None = None) -> Select:
    """Compile an expression over the message: of a route, a model or a request template.

    Raises DefinitionError where the expression is one API Gateway would refuse.
    """

    def variable(name: str) -> Path:
        if not name.startswith(_BODY):
            raise DefinitionError(
                f"this expression reads the message only, not '${name}'",
                place=place,
                hint="write $request.body.action, or another path below $request.body",
            )
        return compile_path(name.removeprefix(_BODY), place)

    return _selector(_parts(expression, variable, place))


def compile_response_selection(expression: str, place: Place | None = None) -> SelectResponse:
    """Compile the expression that selects a response template.

    Raises DefinitionError where the expression is one API Gateway would refuse.
    """

    def variable(name: str) -> Path | _Answered:
        if name.startswith(_BODY):
            return compile_path(name.removeprefix(_BODY), place)
        return _answered(name, place)

    parts = _parts(expression, variable, place)
    needs_body = any(isinstance(part, tuple) for part in parts)

    def select(message: str, answer: HttpAnswer) -> str:
        body = parse_body(message) if needs_body else None
        return "".join(_part_text(part, body, answer) for part in parts)

    return select


def compile_pattern(key: str, place: Place | None = None) -> Callable[[str], bool]:
    """Compile the key of an integration response: `$default`, or `/regular expression/`.

    The expression has to match all of the status code or error message. Raises DefinitionError
    for any other key, and for an expression that is wrong or over 1024 characters long.
    docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-responses.html
    """
    if key == "$default":
        return lambda text: True
    if len(key) < 3 or key[0] != "/" or key[-1] != "/":
        raise DefinitionError(
            f"'{key[:80]}' is no key of an integration response",
            place=place,
            hint=r"write $default, or a regular expression between slashes: /2\d\d/",
        )
    pattern = _regular_expression(key[1:-1], place)
    return lambda text: pattern.fullmatch(text) is not None


def _regular_expression(text: str, place: Place | None) -> re.Pattern[str]:
    if len(text) > _PATTERN_CHARACTERS:
        raise DefinitionError(
            f"a regular expression of {len(text)} characters is longer than {_PATTERN_CHARACTERS}",
            place=place,
            hint="write a shorter one, or several integration responses",
        )
    try:
        with warnings.catch_warnings():
            # Python warns of what it may read in another way one day.
            warnings.simplefilter("ignore")
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise DefinitionError(
            f"'{text[:80]}' is not a regular expression: {error}",
            place=place,
            hint=r"write one like /2\d\d/; a character with a meaning of its own is escaped by \ ",
        ) from None


def _parts(
    expression: str, variable: Callable[[str], _Part], place: Place | None
) -> list[str | _Part]:
    parts: list[str | _Part] = []
    end = 0
    for match in _VARIABLE.finditer(expression):
        parts.append(_literal(expression[end : match.start()], place))
        end = match.end()
        if match.group() == "\\$":
            parts.append("$")
        else:
            parts.append(variable(match.group("braced") or match.group("bare") or ""))
    parts.append(_literal(expression[end:], place))
    return [part for part in parts if part != ""]


def _literal(text: str, place: Place | None) -> str:
    if "$" in text:
        raise DefinitionError(
            f"'{text[text.index('$') :]}' starts no variable",
            place=place,
            hint="a variable is $request.body.action or ${request.body.action}; a dollar is \\$",
        )
    return text


def _selector(parts: list[str | Path]) -> Select:
    paths = [part for part in parts if isinstance(part, tuple)]
    if not paths:
        constant = "".join(part for part in parts if isinstance(part, str))
        return lambda message: constant
    if len(parts) == 1 and len(paths[0]) == 1 and paths[0][0].key is not None:
        return _one_key(paths[0][0].key)

    def select(message: str) -> str:
        body = parse_body(message)
        return "".join(
            part if isinstance(part, str) else text_of(follow(body, part)) for part in parts
        )

    return select


def _one_key(key: str) -> Select:
    # `$request.body.action`, the expression of nearly every API.
    def select(message: str) -> str:
        body = parse_body(message)
        value = body.get(key, "") if isinstance(body, dict) else ""
        return value if isinstance(value, str) else text_of([value])

    return select


def _answered(name: str, place: Place | None) -> _Answered:
    if name == _STATUS:
        return lambda answer: str(answer.status)
    match = _HEADER.fullmatch(name)
    if match is None:
        raise DefinitionError(
            f"a response template cannot be selected from '${name}'",
            place=place,
            hint=f"write ${{{_STATUS}}}, ${{integration.response.header.NAME}}, "
            "${integration.response.multivalueheader.NAME} or ${request.body.PATH}",
        )
    header = match[2].lower()
    if match[1]:
        return lambda answer: text_of([list(answer.headers.get(header, ()))])
    return lambda answer: (answer.headers.get(header) or ("",))[-1]


def _part_text(part: str | Path | _Answered, body: object, answer: HttpAnswer) -> str:
    if isinstance(part, str):
        return part
    return text_of(follow(body, part)) if isinstance(part, tuple) else part(answer)
