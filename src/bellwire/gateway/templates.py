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

    __slots__ = ("_program",)

    def __init__(self, program: Program) -> None:
        self._program = program

    def render(self, given: TemplateInput) -> str:
        """Return the text it makes. Raises TemplateError where it fails, or costs too much."""
        return self._program(
            {
                "context": given.context,
                "input": _input(given),
                "stageVariables": MappingProxyType(dict(given.stage_variables)),
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
        return Template(lambda names: text)
    return Template(compile_velocity(text, place))


def _input(given: TemplateInput) -> Thing:
    document: list[object] = []

    def find(path: object) -> list[object]:
        # Parsed once: what a template sets in the message, it finds there again.
        if not document:
            document.append(parse_body(given.body))
        steps = _path(as_text(path))
        found = follow(document[0], steps)
        return found if is_definite(steps) else [found]

    def parameter(name: object) -> str:
        for group in ("path", "querystring", "header"):
            value = given.parameters.get(group, {}).get(as_text(name))
            if value is not None:
                return value
        return ""

    def as_json(path: object) -> str:
        found = find(path)
        return json_text(found[0] if found else "")

    parameters = MappingProxyType(
        {group: MappingProxyType(dict(values)) for group, values in given.parameters.items()}
    )
    return Thing(
        {"body": given.body},
        {
            ("json", 1): lambda _, path: as_json(path),
            ("path", 1): lambda _, path: next(iter(find(path)), None),
            ("params", 0): lambda _: parameters,
            ("params", 1): lambda _, name: parameter(name),
        },
        size=len(given.body),
    )


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
