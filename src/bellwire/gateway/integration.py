"""What a route hands its messages to, ready to run: a function, an HTTP endpoint, or a mock.

An integration makes a request of an exchange, and an answer of what came back. Where either cannot
be done it raises Refused.
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integrations.html
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from bellwire.definition import model
from bellwire.errors import Place
from bellwire.gateway import responses
from bellwire.gateway.effects import HttpAnswer, HttpRequest, IntegrationResult, Invoke
from bellwire.gateway.exchange import Exchange
from bellwire.gateway.json_path import parse_body, parse_json
from bellwire.gateway.mapping import (
    Mapped,
    ResponseHeaders,
    Sources,
    compile_request_parameters,
    compile_response_parameters,
)
from bellwire.gateway.refusal import Fault, Refused, failed
from bellwire.gateway.responses import (
    HEADER_VALUE,
    Response,
    parse_proxy_response,
    parse_status,
)
from bellwire.gateway.selection import (
    compile_pattern,
    compile_response_selection,
    compile_selection,
)
from bellwire.gateway.templates import TemplateError, TemplateInput, compile_template
from bellwire.limits import Limits


_DEFAULT = "$default"
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})

Result = IntegrationResult | HttpAnswer
_Render = Callable[[TemplateInput], str]


class Integration(Protocol):
    """What a route hands its messages to."""

    def request(self, exchange: Exchange) -> Invoke | HttpRequest | HttpAnswer:
        """Return the work to be done, or what a mock answers at once. Raises Refused."""

    def response(self, exchange: Exchange, result: Result) -> Response:
        """Return the answer that a result makes. Raises Refused."""


def compile_integration(definition: model.Integration, limits: Limits) -> Integration:
    """Make an integration ready to run. Raises DefinitionError for what it cannot mean."""
    timeout_ms = definition.timeout_ms or limits.integration_timeout_ms
    if definition.type == "AWS_PROXY":
        return LambdaProxy(definition.function or "", timeout_ms)
    requests = _Requests(definition)
    if definition.type == "HTTP_PROXY":
        return HttpProxy(requests, timeout_ms)
    answers = _Answers(definition)
    if definition.type == "HTTP":
        return Http(requests, answers, timeout_ms)
    if definition.type == "MOCK":
        return Mock(requests, answers)
    return Lambda(definition.function or "", requests, answers, timeout_ms)


class LambdaProxy:
    """AWS_PROXY: a function gets the event of the request, and returns a response."""

    __slots__ = ("_function", "_timeout_ms")

    def __init__(self, function: str, timeout_ms: int) -> None:
        self._function = function
        self._timeout_ms = timeout_ms

    def request(self, exchange: Exchange) -> Invoke:
        """Return the invocation of the function."""
        return Invoke(self._function, exchange.event(), exchange.request_id, self._timeout_ms)

    def response(self, exchange: Exchange, result: Result) -> Response:
        """Return what the function answered; a failed or malformed one is an internal error."""
        assert not isinstance(result, HttpAnswer)
        if result.error is not None:
            # Why is in the function's own log.
            raise Refused(502, responses.INTERNAL_SERVER_ERROR, fault=Fault.INTEGRATION)
        response = parse_proxy_response(result.payload)
        if isinstance(response, str):
            raise failed(f"malformed response of the function {self._function}: {response}")
        return response


class Lambda:
    """AWS: a function gets the body alone, or what a template makes of it."""

    def __init__(
        self, function: str, requests: _Requests, answers: _Answers, timeout_ms: int
    ) -> None:
        self._function = function
        self._requests = requests
        self._answers = answers
        self._timeout_ms = timeout_ms

    def request(self, exchange: Exchange) -> Invoke:
        """Return the invocation; what is no JSON cannot be an event."""
        event = self._requests.body(exchange) or b"{}"
        try:
            parse_json(event.decode())
        except ValueError as error:
            raise failed(f"Could not parse request body into json: {error}") from None
        return Invoke(self._function, event, exchange.request_id, self._timeout_ms)

    def response(self, exchange: Exchange, result: Result) -> Response:
        """Return the integration response that matches the function's error message, if any."""
        assert not isinstance(result, HttpAnswer)
        message = "" if result.error is None else _error_message(result.payload)
        status = 200 if result.error is None else 502
        answer = HttpAnswer(status, {}, result.payload)
        return self._answers.of(exchange, answer, message)


class HttpProxy:
    """HTTP_PROXY: an HTTP endpoint gets the message, and its answer is passed on."""

    def __init__(self, requests: _Requests, timeout_ms: int) -> None:
        self._requests = requests
        self._timeout_ms = timeout_ms

    def request(self, exchange: Exchange) -> HttpRequest:
        """Return the request."""
        body = self._requests.message(exchange)
        return self._requests.http(exchange, body, self._timeout_ms)

    def response(self, exchange: Exchange, result: Result) -> Response:
        """Return what the endpoint answered."""
        assert isinstance(result, HttpAnswer)
        body = _text(result.body, self._requests.content_handling)
        return Response(result.status, _single(result.headers), body)


class Http:
    """HTTP: as HTTP_PROXY, with templates on both ways."""

    def __init__(self, requests: _Requests, answers: _Answers, timeout_ms: int) -> None:
        self._requests = requests
        self._answers = answers
        self._timeout_ms = timeout_ms

    def request(self, exchange: Exchange) -> HttpRequest:
        """Return the request."""
        return self._requests.http(exchange, self._requests.body(exchange), self._timeout_ms)

    def response(self, exchange: Exchange, result: Result) -> Response:
        """Return the integration response that matches the endpoint's status."""
        assert isinstance(result, HttpAnswer)
        return self._answers.of(exchange, result, str(result.status))


class Mock:
    """MOCK: the request template's `{"statusCode": 200}` is the answer.

    docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
    """

    def __init__(self, requests: _Requests, answers: _Answers) -> None:
        self._requests = requests
        self._answers = answers

    def request(self, exchange: Exchange) -> HttpAnswer:
        """Return the status that the template, or else the message, asks for."""
        document = parse_body(self._requests.body(exchange).decode("utf-8", "replace"))
        status = parse_status(document.get("statusCode")) if isinstance(document, dict) else None
        if status is None:
            raise failed('a MOCK integration needs a request like {"statusCode": 200}')
        return HttpAnswer(status, {}, b"")

    def response(self, exchange: Exchange, result: Result) -> Response:
        """Return the integration response that matches the status."""
        assert isinstance(result, HttpAnswer)
        return self._answers.of(exchange, result, str(result.status))


class _Requests:
    """The request half of an integration that is no Lambda proxy."""

    def __init__(self, definition: model.Integration) -> None:
        place = definition.place
        self.content_handling = definition.content_handling
        self._method = definition.method
        self._uri = definition.uri or ""
        self._passthrough = definition.passthrough
        self._parameters = compile_request_parameters(definition.request_parameters, place)
        self._templates = _compiled(definition.request_templates, place)
        select = definition.template_selection
        self._select = compile_selection(select, place) if select is not None else None

    def body(self, exchange: Exchange) -> bytes:
        """Return what a template makes of the message, or the message where none is for it.

        docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-data-transformations.html
        """
        key = None if self._select is None else self._select(exchange.body)
        render = _selected(self._templates, key)
        if render is not None:
            text = _rendered(render, exchange, exchange.body)
            return _binary(text.encode("utf-8", "replace"), self.content_handling)
        if self._passthrough == "NEVER" or (
            self._passthrough == "WHEN_NO_TEMPLATES" and self._templates
        ):
            raise Refused(415, responses.UNSUPPORTED_MEDIA_TYPE)
        return self.message(exchange)

    def message(self, exchange: Exchange) -> bytes:
        """Return the message as it goes to an endpoint."""
        return _binary(exchange.body.encode("utf-8", "replace"), self.content_handling)

    def http(self, exchange: Exchange, body: bytes, timeout_ms: int) -> HttpRequest:
        """Return the request to the endpoint, with the parameters mapped into it."""
        mapped = self._parameters.apply(_sources(exchange))
        bodiless = self._method in _BODILESS
        headers = {"User-Agent": f"AmazonAPIGateway_{exchange.context.api_id}"}
        if not bodiless:
            headers["Content-Type"] = "application/json"
        return HttpRequest(
            method=self._method,
            url=_url(self._uri, mapped),
            headers={**headers, **mapped.headers},
            body=b"" if bodiless else body,
            timeout_ms=timeout_ms,
        )


class _Choice(NamedTuple):
    """One integration response, ready to run."""

    matches: Callable[[str], bool]
    select: Callable[[str, HttpAnswer], str] | None
    templates: Mapping[str, _Render]
    headers: ResponseHeaders
    content_handling: model.ContentHandling | None


class _Answers:
    """The integration responses of an integration that is no proxy.

    docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-responses.html
    """

    def __init__(self, definition: model.Integration) -> None:
        # `$default` is what is taken where no other matches, wherever it stands.
        ordered = sorted(definition.responses, key=lambda each: each.key == _DEFAULT)
        self._choices = [_choice(each) for each in ordered]

    def of(self, exchange: Exchange, answer: HttpAnswer, selected: str) -> Response:
        """Return the response for an answer; `selected` is what the keys are matched against."""
        choice = next((each for each in self._choices if each.matches(selected)), None)
        if choice is None:
            raise failed(f"no integration response matches {selected!r}")
        key = None if choice.select is None else choice.select(exchange.body, answer)
        render = _selected(choice.templates, key)
        if render is None:
            body = _text(answer.body, choice.content_handling)
        else:
            text = answer.body.decode("utf-8", "replace")
            rendered = _rendered(render, exchange, text).encode("utf-8", "replace")
            body = _text(rendered, choice.content_handling)
        headers = {**_single(answer.headers), **choice.headers(answer)}
        return Response(answer.status, headers, body)


def _choice(definition: model.IntegrationResponse) -> _Choice:
    place, select = definition.place, definition.template_selection
    return _Choice(
        matches=compile_pattern(definition.key, place),
        select=compile_response_selection(select, place) if select is not None else None,
        templates=_compiled(definition.templates, place),
        headers=compile_response_parameters(definition.parameters, place),
        content_handling=definition.content_handling,
    )


def _compiled(templates: Mapping[str, str], place: Place | None) -> Mapping[str, _Render]:
    return {key: compile_template(text, place).render for key, text in templates.items()}


def _selected(templates: Mapping[str, _Render], key: str | None) -> _Render | None:
    """Return the template that an expression selects; `key` is None where there is none."""
    # AWS's own examples of mocks have the one key `application/json` and no expression.
    keys = (_DEFAULT, "application/json") if key is None else (key, _DEFAULT)
    return next((templates[each] for each in keys if each in templates), None)


def _rendered(render: _Render, exchange: Exchange, body: str) -> str:
    handshake = exchange.handshake
    parameters: dict[str, dict[str, str]] = {"path": {}, "querystring": {}, "header": {}}
    if handshake is not None:
        query = handshake.query_by_name()
        parameters["querystring"] = {name: values[-1] for name, values in query.items()}
        parameters["header"] = dict(handshake.headers)
    try:
        return render(
            TemplateInput(exchange.variables(), body, parameters, exchange.context.stage_variables)
        )
    except TemplateError as error:
        raise failed(f"a mapping template failed: {error}") from None


def _sources(exchange: Exchange) -> Sources:
    handshake = exchange.handshake
    return Sources(
        body=exchange.body,
        headers={} if handshake is None else handshake.headers_by_name(),
        query={} if handshake is None else handshake.query_by_name(),
        context=exchange.lookup(),
        stage_variables=exchange.context.stage_variables,
    )


def _url(uri: str, mapped: Mapped) -> str:
    """Put mapped parameters into a URI: path ones for `{name}`, query ones at its end."""
    for name, value in mapped.path.items():
        if value in (".", ".."):
            raise failed(f"the path parameter {name} would leave the path: {value!r}")
        uri = uri.replace(f"{{{name}}}", quote(value, safe=""))
    if not mapped.query:
        return uri
    parts = urlsplit(uri)
    query = "&".join(part for part in (parts.query, urlencode(mapped.query)) if part)
    return urlunsplit(parts._replace(query=query))


def _single(headers: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    return {
        name: values[-1]
        for name, values in headers.items()
        if values and HEADER_VALUE.fullmatch(values[-1])
    }


def _error_message(payload: bytes) -> str:
    document = parse_body(payload.decode("utf-8", "replace"))
    message = document.get("errorMessage") if isinstance(document, dict) else None
    return message if isinstance(message, str) else ""


def _binary(body: bytes, handling: model.ContentHandling | None) -> bytes:
    """Turn base64 text into the bytes it stands for, where the integration asks for that."""
    if handling != "CONVERT_TO_BINARY":
        return body
    try:
        return b64decode(body, validate=True)
    except binascii.Error:
        raise failed("the message is not base64, which CONVERT_TO_BINARY needs") from None


def _text(body: bytes, handling: model.ContentHandling | None) -> bytes:
    """Return a body that a text frame can carry."""
    if handling == "CONVERT_TO_TEXT":
        return b64encode(body)
    body = _binary(body, handling)
    try:
        body.decode()
    except UnicodeDecodeError:
        raise failed("the answer is not UTF-8: CONVERT_TO_TEXT would send it as base64") from None
    return body
