"""Mapping templates: what an integration, or a client, gets in place of a body as it came.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote_plus, unquote_plus

import orjson

from bellwire.errors import DefinitionError, Place
from bellwire.gateway.json_path import Path, compile_path, follow, is_definite, parse_body
from bellwire.gateway.velocity import Program, compile_velocity
from bellwire.gateway.velocity_values import TemplateError as TemplateError
from bellwire.gateway.velocity_values import Thing, as_text, json_text
from bellwire.limits import TEMPLATE_BYTES


class TemplateInput(NamedTuple):
    """What a template can name.

    `context` is `$context`, nested; `body` is `$input.body`; `parameters` is `$input.params()`,
    with the members `path`, `querystring` and `header`; `stage_variables` is `$stageVariables`.
    """

    context: Mapping[str, object]
    body: str
    parameters: Mapping[str, Mapping[str, str]]
    stage_variables: Mapping[str, str]


class Template:
    """A mapping template, ready to render."""

    __slots__ = ("_program", "_text")

    def __init__(self, text: str, program: Program | None = None) -> None:
        self._text = text
        self._program = program

    def render(self, given: TemplateInput) -> str:
        """Return the text it makes. Raises TemplateError where it fails, or costs too much."""
        if self._program is None:
            return self._text
        return self._program(
            {
                "context": given.context,
                "input": _input(given),
                "stageVariables": MappingProxyType(given.stage_variables),
                "util": _UTIL,
            }
        )


def compile_template(text: str, place: Place | None = None) -> Template:
    """Compile a mapping template.

    Raises DefinitionError where it does not parse or is over 300 KB, and UnsupportedFeatureError
    where the library for templates is needed and not installed.
    """
    size = len(text.encode("utf-8", "replace"))
    if size > TEMPLATE_BYTES:
        raise DefinitionError(
            f"a mapping template of {size} bytes is larger than {TEMPLATE_BYTES}",
            place=place,
            hint="do in the integration what needs so much of a template",
        )
    if "$" not in text and "#" not in text:
        return Template(text)
    return Template(text, compile_velocity(text, place))


class _Message:
    """The message as JSON: parsed once, so what a template sets in it, it finds there again."""

    __slots__ = ("_body", "_document", "_is_parsed", "_is_shared")

    def __init__(self, body: str) -> None:
        self._body = body
        self._document: object = None
        self._is_parsed = False
        self._is_shared = False

    def path(self, path: object) -> object:
        """Return what a JSONPath leads to: one value, or the list of all that match."""
        self._is_shared = True
        found = self._find(path)
        return found[0] if found else None

    def json(self, path: object) -> str:
        """Return the same as JSON; an empty text where there is none."""
        found = self._find(path)
        value = found[0] if found else ""
        if not self._is_shared:
            try:
                return orjson.dumps(value).decode()
            except orjson.JSONEncodeError:
                pass  # nested deeper than orjson writes
        # The template had its hands on it: it may hold itself, or one thing many times.
        return json_text(value)

    def _find(self, path: object) -> list[object]:
        if not self._is_parsed:
            self._is_parsed = True
            self._document = parse_body(self._body)
        steps = _path(as_text(path))
        found = follow(self._document, steps)
        return found if is_definite(steps) else [found]


def _input(given: TemplateInput) -> Thing:
    message = _Message(given.body)
    return Thing(
        {"body": given.body},
        {
            ("json", 1): lambda _, path: message.json(path),
            ("path", 1): lambda _, path: message.path(path),
            ("params", 0): lambda _: _read_only(given.parameters),
            ("params", 1): lambda _, name: _parameter(given.parameters, as_text(name)),
        },
        size=len(given.body),
    )


def _read_only(parameters: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType({key: MappingProxyType(values) for key, values in parameters.items()})


def _parameter(parameters: Mapping[str, Mapping[str, str]], name: str) -> str:
    for group in ("path", "querystring", "header"):
        value = parameters.get(group, {}).get(name)
        if value is not None:
            return value
    return ""


@lru_cache(maxsize=1024)
def _path(path: str) -> Path:
    try:
        return compile_path(path.removeprefix("$"))
    except DefinitionError as error:
        raise TemplateError(error.message) from None


# $util


_ESCAPED = re.compile(r"""[\\'"/\x00-\x1f]|[^\x20-\x7e]""")
_SHORT = {"\b": "\\b", "\n": "\\n", "\t": "\\t", "\f": "\\f", "\r": "\\r"}


def _escape_javascript(_: Thing, value: object) -> str:
    """Escape as Java's common library does, which also escapes `'`, `/` and all but ASCII."""
    return _ESCAPED.sub(_escape, as_text(value))


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in "\\'\"/":
        return f"\\{character}"
    units = character.encode("utf-16-be", "surrogatepass")
    return _SHORT.get(character) or "".join(
        f"\\u{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2)
    )


def _parse_json(_: Thing, value: object) -> object:
    try:
        parsed: object = orjson.loads(as_text(value))
    except orjson.JSONDecodeError as error:
        raise TemplateError(f"parseJson got no JSON: {error}") from None
    return parsed


def _url_encode(_: Thing, value: object) -> str:
    return quote_plus(as_text(value), safe="*", errors="replace").replace("~", "%7E")


def _base64_decode(_: Thing, value: object) -> str:
    try:
        return b64decode(as_text(value), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise TemplateError(f"base64Decode got no base64: {error}") from None


_UTIL = Thing(
    {},
    {
        ("escapeJavaScript", 1): _escape_javascript,
        ("parseJson", 1): _parse_json,
        ("urlEncode", 1): _url_encode,
        ("urlDecode", 1): lambda _, value: unquote_plus(as_text(value)),
        ("base64Encode", 1): lambda _, value: b64encode(
            as_text(value).encode("utf-8", "replace")
        ).decode(),
        ("base64Decode", 1): _base64_decode,
    },
)
