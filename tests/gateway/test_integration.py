"""Each type of integration: what it asks for, and what it makes of the answer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest

from bellwire.definition import model
from bellwire.errors import DefinitionError, Place
from bellwire.gateway.api import Route
from bellwire.gateway.connection import Connection
from bellwire.gateway.effects import Accept, HttpAnswer, HttpRequest, Invoke, Reject, Send
from bellwire.gateway.events import Handshake
from bellwire.gateway.integration import compile_integration
from bellwire.limits import Limits


if TYPE_CHECKING:
    from tests.gateway.conftest import Drive

Make = Callable[..., Connection]
NOW_MS = 1_731_324_924_553
MESSAGE = '{"action":"go","room":"a b","n":3}'
OK_TEMPLATE = {"$default": '{"statusCode": 200}'}
DEFAULT = model.IntegrationResponse("$default")


class Result(NamedTuple):
    payload: bytes
    error: str | None = None


@pytest.fixture
def route() -> Callable[..., Route]:
    """Give a function that makes the two-way route `go` with an integration."""

    def make(kind: Any, key: str = "go", **settings: Any) -> Route:
        definition = model.Integration(kind, **settings)
        return Route(key, compile_integration(definition, Limits()), two_way=True)

    return make


@pytest.fixture
def send(open_connection: Make, drive: Drive) -> Callable[..., Any]:
    """Give a function that sends MESSAGE to a route; it returns the text that comes back."""

    def run(route: Route, *results: Any, message: str = MESSAGE) -> Any:
        connection = open_connection((route,))
        exchange = connection.receive(message, now_ms=NOW_MS)
        answer = drive(exchange, *results)
        assert isinstance(answer, Send)
        text = answer.text.decode()
        if text.startswith('{"message": "'):
            return orjson.loads(text)["message"]
        return text

    return run


# MOCK


def test_a_mock_answers_with_its_response_template(
    route: Callable[..., Route], send: Callable[..., Any]
) -> None:
    answer = model.IntegrationResponse("$default", templates={"$default": '{"pong":true}'})
    for templates in (OK_TEMPLATE, {"application/json": '{"statusCode": 200}'}):
        mock = route("MOCK", request_templates=templates, responses=(answer,))
        assert send(mock) == '{"pong":true}'


def test_a_mocks_templates_see_message_and_context(
    route: Callable[..., Route], send: Callable[..., Any]
) -> None:
    text = "$context.routeKey $context.eventType $context.identity.sourceIp"
    answer = model.IntegrationResponse("$default", templates={"$default": text})
    mock = route("MOCK", request_templates=OK_TEMPLATE, responses=(answer,))
    assert send(mock) == "go MESSAGE 127.0.0.1"


def test_a_mocks_status_chooses_its_response(
    route: Callable[..., Route], send: Callable[..., Any]
) -> None:
    mock = route(
        "MOCK",
        request_templates={
            "$default": '{"statusCode": 200}',
            "a b": '{"statusCode": 404}',
            "c": '{"statusCode": 503}',
        },
        template_selection="${request.body.room}",
        responses=(
            model.IntegrationResponse("$default", templates={"$default": "other"}),
            model.IntegrationResponse(r"/4\d\d/", templates={"$default": "client"}),
            model.IntegrationResponse("/200/", templates={"$default": "fine"}),
        ),
    )
    assert send(mock) == "client"
    assert send(mock, message='{"action":"go"}') == "fine"
    assert send(mock, message='{"action":"go","room":"c"}') == "other"


def test_a_mock_takes_its_status_from_the_message_where_no_template_is_for_it(
    route: Callable[..., Route], send: Callable[..., Any]
) -> None:
    answer = model.IntegrationResponse("/201/", templates={"$default": "made"})
    mock = route("MOCK", responses=(answer,))
    assert send(mock, message='{"action":"go","statusCode":201}') == "made"
    assert send(mock) == "Internal server error"
    assert send(mock, message='{"action":"go","statusCode":202}') == "Internal server error"


@pytest.mark.parametrize(
    ("passthrough", "templates", "message"),
    [
        ("NEVER", {}, "Unsupported Media Type"),
        ("WHEN_NO_TEMPLATES", {"x": '{"statusCode":200}'}, "Unsupported Media Type"),
        ("WHEN_NO_TEMPLATES", {}, ""),
        ("WHEN_NO_MATCH", {"x": '{"statusCode":200}'}, ""),
    ],
)
def test_what_is_passed_through(
    route: Callable[..., Route],
    send: Callable[..., Any],
    passthrough: str,
    templates: dict[str, str],
    message: str,
) -> None:
    mock = route("MOCK", passthrough=passthrough, request_templates=templates, responses=(DEFAULT,))
    assert send(mock, message='{"action":"go","statusCode":200}') == message


def test_a_mock_may_decide_on_a_handshake(
    make_connection: Make, route: Callable[..., Route], handshake: Handshake, drive: Drive
) -> None:
    template = (
        "#if($input.params('token') == 'good'){\"statusCode\":200}#else{\"statusCode\":401}#end"
    )
    mock = route(
        "MOCK", key="$connect", request_templates={"$default": template}, responses=(DEFAULT,)
    )
    connection = make_connection((mock,))
    good = handshake._replace(query="token=good")
    assert drive(connection.connect(good, now_ms=NOW_MS, trace_id="t")) == Accept(None)
    answer = drive(connection.connect(handshake, now_ms=NOW_MS, trace_id="t"))
    assert isinstance(answer, Reject)
    assert answer.status == 401


def test_response_parameters_give_a_handshake_its_headers(
    make_connection: Make, route: Callable[..., Route], handshake: Handshake, drive: Drive
) -> None:
    http = route(
        "HTTP",
        key="$connect",
        uri="http://localhost/",
        responses=(
            model.IntegrationResponse(
                "$default",
                parameters={
                    "route.response.header.Sec-WebSocket-Protocol": (
                        "integration.response.body.protocol"
                    )
                },
            ),
        ),
    )
    exchange = make_connection((http,)).connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange, HttpAnswer(200, {}, b'{"protocol":"chat"}')) == Accept("chat")
    exchange = make_connection((http,)).connect(handshake, now_ms=NOW_MS, trace_id="t")
    assert drive(exchange, HttpAnswer(200, {}, b"{}")) == Accept(None)


# HTTP_PROXY and HTTP


def test_an_http_proxy_passes_message_and_answer_on(
    route: Callable[..., Route], send: Callable[..., Any], drive: Drive
) -> None:
    proxy = route(
        "HTTP_PROXY",
        uri="https://api.example.com/{room}?v=1",
        timeout_ms=500,
        request_parameters={
            "integration.request.header.connectionId": "context.connectionId",
            "integration.request.querystring.n": "route.request.body.n",
            "integration.request.path.room": "route.request.body.room",
        },
    )
    answer = HttpAnswer(200, {"content-type": ["text/plain"]}, b"hello")
    assert send(proxy, answer) == "hello"
    request = drive.asked[0]
    assert isinstance(request, HttpRequest)
    assert (request.method, request.url) == ("POST", "https://api.example.com/a%20b?v=1&n=3")
    assert request.body == MESSAGE.encode()
    assert request.timeout_ms == 500
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == "AmazonAPIGateway_abcdef1234"
    assert len(request.headers["connectionId"]) == 16


def test_an_http_proxys_status_answers_a_handshake(
    make_connection: Make, route: Callable[..., Route], handshake: Handshake, drive: Drive
) -> None:
    proxy = route("HTTP_PROXY", key="$connect", uri="http://localhost/", method="GET")
    connection = make_connection((proxy,))
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    headers = {"sec-websocket-protocol": ["chat"]}
    assert drive(exchange, HttpAnswer(204, headers, b"")) == Accept("chat")
    assert drive.asked[0].body == b""
    exchange = connection.connect(handshake, now_ms=NOW_MS, trace_id="t")
    answer = drive(exchange, HttpAnswer(418, {"content-type": ["text/plain"]}, b"tea"))
    assert answer == Reject(418, {"Content-Type": "text/plain"}, b"tea")


def test_an_http_integration_has_templates_on_both_ways(
    route: Callable[..., Route], send: Callable[..., Any], drive: Drive
) -> None:
    http = route(
        "HTTP",
        uri="http://localhost/",
        request_templates={"$default": '{"id":"$context.connectionId","n":$input.json("$.n")}'},
        responses=(
            model.IntegrationResponse(
                r"/2\d\d/", templates={"$default": "got $input.path('$.value')"}
            ),
            DEFAULT,
        ),
    )
    assert send(http, HttpAnswer(200, {}, b'{"value":7}')) == "got 7"
    assert orjson.loads(drive.asked[0].body)["n"] == 3
    assert send(http, HttpAnswer(500, {}, b"as it came")) == "as it came"


def test_content_handling(
    route: Callable[..., Route], send: Callable[..., Any], drive: Drive
) -> None:
    proxy = route("HTTP_PROXY", uri="http://localhost/", content_handling="CONVERT_TO_BINARY")
    message = b64encode(b"\x00\xff").decode()
    connection_message = f"{message}"
    default = route(
        "HTTP_PROXY", key="$default", uri="http://x/", content_handling="CONVERT_TO_BINARY"
    )
    assert send(default, HttpAnswer(200, {}, b64encode(b"hi")), message=connection_message) == "hi"
    assert drive.asked[0].body == b"\x00\xff"
    assert send(proxy, message='{"action":"go"}') == "Internal server error"
    text = route(
        "HTTP",
        uri="http://localhost/",
        responses=(model.IntegrationResponse("$default", content_handling="CONVERT_TO_TEXT"),),
    )
    assert send(text, HttpAnswer(200, {}, b"\x00\xff")) == "AP8="
    plain = route("HTTP_PROXY", uri="http://localhost/")
    assert send(plain, HttpAnswer(200, {}, b"\x00\xff")) == "Internal server error"


# AWS (a function, not as a proxy)


def test_a_function_gets_the_body_alone(
    route: Callable[..., Route], send: Callable[..., Any], drive: Drive
) -> None:
    custom = route("AWS", function="work", timeout_ms=700, responses=(DEFAULT,))
    assert send(custom, Result(b'{"any":"thing"}')) == '{"any":"thing"}'
    work = drive.asked[0]
    assert isinstance(work, Invoke)
    assert (work.function, work.event, work.timeout_ms) == ("work", MESSAGE.encode(), 700)


def test_a_functions_error_message_chooses_the_response(
    route: Callable[..., Route], send: Callable[..., Any]
) -> None:
    custom = route(
        "AWS",
        function="work",
        request_templates={"$default": '{"id":"$context.connectionId"}'},
        responses=(
            model.IntegrationResponse("/Bad.*/", templates={"$default": "you erred"}),
            model.IntegrationResponse("$default", templates={"$default": "fine"}),
        ),
    )
    assert send(custom, Result(b'{"errorMessage":"Bad room"}', "Unhandled")) == "you erred"
    assert send(custom, Result(b"{}")) == "fine"


def test_what_is_no_json_cannot_be_a_functions_event(
    route: Callable[..., Route], send: Callable[..., Any]
) -> None:
    custom = route("AWS", key="$default", function="work", responses=(DEFAULT,))
    assert send(custom, message="not json") == "Internal server error"


# What is wrong is said when it is loaded


@pytest.mark.parametrize(
    "settings",
    [
        {"request_templates": {"$default": "#if($a)x"}},
        {"template_selection": "$request.header.x"},
        {"request_parameters": {"integration.request.header.x": "nowhere.y"}},
        {"responses": (model.IntegrationResponse("/(/"),)},
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(settings: dict[str, Any]) -> None:
    place = Place("serverless.yml", 7, 3)
    responses = tuple(
        model.IntegrationResponse(each.key, place) for each in settings.pop("responses", ())
    )
    definition = model.Integration("MOCK", place, responses=responses, **settings)
    with pytest.raises(DefinitionError, match=r"^serverless\.yml:7:3: "):
        compile_integration(definition, Limits())
