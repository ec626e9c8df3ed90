"""Models: JSON schemas (draft 4) that messages are checked against.

docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-request-validation.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn
from urllib.parse import unquote

import orjson

from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError
from bellwire.gateway.json_path import parse_json


Check = Callable[[str], str | None]
"""Takes a message, returns the first thing that is wrong with it; None where nothing is."""

_NO_JSON = "the message is not JSON"
_UNCHECKABLE = "the message cannot be checked: it is nested too deeply, or holds half a character"
_ERROR_CHARACTERS = 1024


def compile_model(schema: str, place: Place | None = None) -> Check:
    """Compile a JSON schema, given as JSON text.

    Raises DefinitionError for what is no JSON, no schema, or leads with `$ref` out of itself:
    nothing is fetched. Raises UnsupportedFeatureError where the library for it is not installed.
    """
    try:
        from jsonschema_rs import Draft4Validator, ValidationError
    except ImportError:
        raise UnsupportedFeatureError(
            "models need a library that is not installed",
            place=place,
            hint="pip install 'bellwire[integrations]'",
        ) from None
    document = _parsed(schema, place)
    _refuse_circles(document, place)
    try:
        validator = Draft4Validator(document, retriever=_refuse)
    except (ValidationError, ValueError) as error:
        raise DefinitionError(
            f"a model is not a JSON schema of draft 4: {_sentence(error)}",
            place=place,
            hint="what $ref leads to has to be in the schema itself, as #/definitions/NAME",
        ) from None

    def check(message: str) -> str | None:
        try:
            document = parse_json(message)
        except ValueError:
            return _NO_JSON
        try:
            if not validator.is_valid(document):  # far cheaper than to say why not
                validator.validate(document)
        except ValidationError as error:
            # It may quote the whole message.
            return error.message[:_ERROR_CHARACTERS]
        except ValueError:
            return _UNCHECKABLE
        return None

    return check


def _refuse_circles(schema: dict[str, object], place: Place | None) -> None:
    """Raise UnsupportedFeatureError for a schema that leads back to itself.

    With `anyOf` beside it, a few bytes of a message could cost seconds and gigabytes.
    """
    done: set[str] = set()
    around: list[str] = ["#"]

    def visit(node: object) -> None:
        if isinstance(node, list):
            for item in node:
                visit(item)
        if not isinstance(node, dict):
            return
        target = node.get("$ref")
        if isinstance(target, str) and target.startswith("#"):
            if any(each == target or each.startswith(f"{target}/") for each in around):
                raise UnsupportedFeatureError(
                    f"the model leads back to itself by $ref {target}",
                    place=place,
                    hint="write out the levels that messages may have",
                )
            if target not in done:
                around.append(target)
                visit(_resolved(schema, target))
                around.pop()
                done.add(target)
            return
        for key, item in node.items():
            around.append(f"{around[-1]}/{key}")
            visit(item)
            around.pop()

    try:
        visit(schema)
    except RecursionError:
        raise DefinitionError(
            "a model is not a JSON schema of draft 4: it is nested too deeply",
            place=place,
            hint="give the inner parts names under #/definitions",
        ) from None


def _resolved(schema: object, pointer: str) -> object:
    found = schema
    for part in pointer.removeprefix("#").split("/")[1:]:
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(key)] if key.isdecimal() and int(key) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return found


def _parsed(schema: str, place: Place | None) -> dict[str, object]:
    try:
        document = orjson.loads(schema)
    except orjson.JSONDecodeError as error:
        raise DefinitionError(
            f"the schema of a model is not JSON: {error}",
            place=place,
            hint="write a JSON schema of draft 4",
        ) from None
    if not isinstance(document, dict):
        raise DefinitionError(
            "the schema of a model is not an object",
            place=place,
            hint='write a JSON schema of draft 4, like {"type": "object"}',
        )
    return document


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is outside of the schema")


def _sentence(error: ValueError) -> str:
    return str(error).partition("\n")[0]
