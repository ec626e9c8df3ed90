"""Parameters: what an HTTP endpoint gets besides a body, and which headers its answer has.

docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-data-mapping.html
docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations-integrationid-integrationresponses.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias, cast

from bellwire.errors import DefinitionError, Place
from bellwire.gateway.effects import HttpAnswer
from bellwire.gateway.json_path import compile_path, follow, parse_body, text_of


class Sources(NamedTuple):
    """What a parameter may be taken from.

    Names of `headers` are in lower case, and its values, as those of `query`, in the order of
    their arrival. `context` gives a `$context` variable by the name that follows `context.`.
    """

    body: str
    headers: Mapping[str, Sequence[str]]
    query: Mapping[str, Sequence[str]]
    context: Callable[[str], str | None]
    stage_variables: Mapping[str, str]


class Mapped(NamedTuple):
    """What goes into the request; a parameter whose source has no value is not there."""

    headers: dict[str, str]
    query: dict[str, str]
    path: dict[str, str]


_Read: TypeAlias = Callable[[Sources], str | None]
_Where: TypeAlias = Literal["header", "querystring", "path"]

_NAME = r"[a-zA-Z0-9._$-]+"
_TARGET = re.compile(rf"integration\.request\.(header|querystring|path)\.({_NAME})")
_ROUTE = re.compile(
    rf"route\.request\.(header|querystring|multivalueheader|multivaluequerystring)\.({_NAME})"
)
_BODY = "route.request.body"
_RESPONSE_TARGET = re.compile(rf"(?:route|method)\.response\.header\.({_NAME})")
_RESPONSE_HEADER = re.compile(rf"integration\.response\.(?:multivalue)?header\.({_NAME})")
_RESPONSE_BODY = "integration.response.body"
_BREAKS_A_HEADER = re.compile(r"[\r\n\0]")


class _Parameter(NamedTuple):
    where: _Where
    name: str
    read: _Read


class RequestParameters:
    """The request parameters of an integration, ready to apply."""

    __slots__ = ("_parameters",)

    def __init__(self, parameters: Sequence[_Parameter]) -> None:
        self._parameters = parameters

    def apply(self, sources: Sources) -> Mapped:
        """Return the values for one request. A header that a line break would break is left out."""
        mapped = Mapped({}, {}, {})
        by_place = {"header": mapped.headers, "querystring": mapped.query, "path": mapped.path}
        for where, name, read in self._parameters:
            value = read(sources)
            if value is None or (where == "header" and _BREAKS_A_HEADER.search(value)):
                continue
            by_place[where][name] = value
        return mapped


def compile_request_parameters(
    parameters: Mapping[str, str], place: Place | None = None
) -> RequestParameters:
    """Compile `RequestParameters`: sources by the targets that they go to.

    Raises DefinitionError for a target or a source that API Gateway does not know.
    """
    return RequestParameters(
        [_parameter(target, source, place) for target, source in parameters.items()]
    )


def _parameter(target: str, source: str, place: Place | None) -> _Parameter:
    match = _TARGET.fullmatch(target)
    if match is None:
        raise DefinitionError(
            f"'{target}' is not something of a request that can be set",
            place=place,
            hint="write integration.request.header.NAME, integration.request.querystring.NAME or "
            "integration.request.path.NAME",
        )
    return _Parameter(cast(_Where, match[1]), match[2], _source(source, place))


def _source(source: str, place: Place | None) -> _Read:
    if len(source) >= 2 and source[0] == source[-1] == "'":
        static = source[1:-1]
        return lambda sources: static
    if source.startswith(_BODY):
        return _from_body(source.removeprefix(_BODY), place)
    match = _ROUTE.fullmatch(source)
    if match is not None:
        return _from_route(match[1], match[2])
    kind, _, name = source.partition(".")
    if kind == "context" and name:
        return lambda sources: sources.context(name)
    if kind == "stageVariables" and name:
        return lambda sources: sources.stage_variables.get(name)
    raise DefinitionError(
        f"'{source}' is not something that a request parameter can be taken from",
        place=place,
        hint="write route.request.header.NAME, route.request.querystring.NAME, "
        "route.request.body.PATH, context.NAME, stageVariables.NAME or a text in single quotes",
    )


def _from_body(path: str, place: Place | None) -> _Read:
    if not path:
        return lambda sources: sources.body or None
    steps = compile_path(path, place)

    def read(sources: Sources) -> str | None:
        found = follow(parse_body(sources.body), steps)
        return text_of(found) if found else None

    return read


def _from_route(kind: str, name: str) -> _Read:
    """Read a header or a query parameter: the last of its values, or all of them by commas."""
    is_header = kind.endswith("header")
    key = name.lower() if is_header else name
    takes_all = kind.startswith("multivalue")

    def read(sources: Sources) -> str | None:
        values = (sources.headers if is_header else sources.query).get(key)
        if not values:
            return None
        return ",".join(values) if takes_all else values[-1]

    return read


ResponseHeaders: TypeAlias = Callable[[HttpAnswer], dict[str, str]]
"""Gives the headers that a response gets beside those of its integration, names in lower case."""


def compile_response_parameters(
    parameters: Mapping[str, str], place: Place | None = None
) -> ResponseHeaders:
    """Compile `ResponseParameters`: sources by the headers that they go to.

    Raises DefinitionError for a target or a source that API Gateway does not know.
    """
    reads = [_response_header(target, source, place) for target, source in parameters.items()]

    def headers(answer: HttpAnswer) -> dict[str, str]:
        found = ((name, read(answer)) for name, read in reads)
        return {
            name: value
            for name, value in found
            if value is not None and not _BREAKS_A_HEADER.search(value)
        }

    return headers


def _response_header(
    target: str, source: str, place: Place | None
) -> tuple[str, Callable[[HttpAnswer], str | None]]:
    match = _RESPONSE_TARGET.fullmatch(target)
    if match is None:
        raise DefinitionError(
            f"'{target}' is not something of a response that can be set",
            place=place,
            hint="write route.response.header.NAME",
        )
    return match[1].lower(), _response_source(source, place)


def _response_source(source: str, place: Place | None) -> Callable[[HttpAnswer], str | None]:
    if len(source) >= 2 and source[0] == source[-1] == "'":
        static = source[1:-1]
        return lambda answer: static
    match = _RESPONSE_HEADER.fullmatch(source)
    if match is not None:
        name = match[1].lower()
        return lambda answer: ",".join(answer.headers.get(name, ())) or None
    if source.startswith(_RESPONSE_BODY):
        steps = compile_path(source.removeprefix(_RESPONSE_BODY), place)

        def read(answer: HttpAnswer) -> str | None:
            found = follow(parse_body(answer.body.decode("utf-8", "replace")), steps)
            return text_of(found) if found else None

        return read
    raise DefinitionError(
        f"'{source}' is not something that a response header can be taken from",
        place=place,
        hint="write integration.response.header.NAME, integration.response.body.PATH or a text in "
        "single quotes",
    )
