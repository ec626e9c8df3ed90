"""What a route hands its messages to, other than a function's proxy integration."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

from tests.conformance.documents import AN_ID, Like, expect, expect_error_frame
from tests.conformance.registry import Chapter, page
from tests.conformance.session import Session


CHAPTER = Chapter("Integrations and models", "integrations")

REQUESTS = page("apigateway-websocket-api-integration-requests")
RESPONSES = page("apigateway-websocket-api-integration-responses")
INTEGRATIONS = page("apigateway-websocket-api-integrations")
ROUTES = page("apigateway-websocket-api-routes-integrations")
TRANSFORMATIONS = page("websocket-api-data-transformations")
MAPPING = page("websocket-api-data-mapping")
VARIABLES = page("apigateway-websocket-api-mapping-template-reference")
VALIDATION = page("websocket-api-request-validation")
BINARY = page("websocket-api-develop-binary-media-types")


def answered(session: Session, action: str, frame: object, **fields: object) -> None:
    """Show which frame answers a message."""
    client = session.connect()
    client.send({"action": action, **fields})
    expect(client.receive(), frame, "the frame")


def fails(session: Session, action: str, message: str, **fields: object) -> None:
    """Show that a message is answered with an error frame, and the connection goes on."""
    client = session.connect()
    client.send({"action": action, **fields})
    expect_error_frame(client.receive(), message)
    client.still_works()


def asked(session: Session, action: str, **fields: object) -> dict[str, Any]:
    """Send a message and return what the endpoint says it was asked."""
    seen: dict[str, Any] = session.connect().ask({"action": action, **fields})
    return seen


@CHAPTER.check("MOCK answers by its templates alone.", INTEGRATIONS)
def a_mock(session: Session) -> None:
    client = session.connect()
    client.send({"action": "mock"})
    expect(client.receive(), json.dumps({"pong": client.id}), "the frame")


@CHAPTER.check("Templates under `application/json`, as in AWS's examples.", REQUESTS)
def a_mock_with_a_content_type(session: Session) -> None:
    answered(session, "mockjson", "mocked")


@CHAPTER.check(
    "Integration responses of MOCK are matched on the status: `/2\\d\\d/`, `$default`.", RESPONSES
)
def integration_responses_by_status(session: Session) -> None:
    answered(session, "status", "good", status=204)
    answered(session, "status", "missing", status=404)
    answered(session, "status", "other", status=500)


@CHAPTER.check("Without a matching integration response: `Internal server error`.", RESPONSES)
def no_integration_response_matches(session: Session) -> None:
    fails(session, "unmatched", "Internal server error")


@CHAPTER.check(
    "The template selection expression chooses among templates, else `$default`.", TRANSFORMATIONS
)
def a_template_is_selected(session: Session) -> None:
    answered(session, "kinds", "good", kind="a")
    answered(session, "kinds", "missing", kind="b")
    answered(session, "kinds", "other", kind="c")


@CHAPTER.check("Without a route response an integration's answer is not sent.", ROUTES)
def a_silent_mock(session: Session) -> None:
    client = session.connect()
    client.send({"action": "silent"})
    client.hears_nothing()


@CHAPTER.check(
    "Templates know `$context`, `$stageVariables`, `$util` and VTL's directives.", VARIABLES
)
def what_templates_know(session: Session) -> None:
    client = session.connect()
    found = client.ask({"action": "template"})
    service = session.service
    connection_id, message_id, request_id, extended_id = found.pop("ids").split(" ")
    expect(connection_id, client.id, "$context.connectionId")
    expect(message_id, AN_ID, "$context.messageId")
    expect(extended_id, request_id, "$context.extendedRequestId")
    route_key, stage, kind, api_id, domain = found.pop("about").split(" ")
    expect([route_key, stage, kind], ["template", service.stage, "MESSAGE"], "the route")
    expect(api_id, service.api_id, "$context.apiId")
    assert domain in service.websocket_url, "$context.domainName is another"
    assert all(time.isdigit() for time in found.pop("times").split(" ")), "no times"
    expected = {
        "from": "127.0.0.1",
        "room": "blue",
        "encoded": "a+b aGk= hi",
        "escaped": 'say "hi"',
        "loop": "1-2-3",
    }
    expect(found, expected, "the answer")


@CHAPTER.check("`$input.json`, `$input.path` and `$input.body` read the message.", VARIABLES)
def what_templates_read(session: Session) -> None:
    client = session.connect()
    message = '{"action":"reads", "list":[1,"two"], "text":"hi"}'
    seen = json.loads(client.ask(message)["body"])
    expect(seen["json"], [1, "two"], "$input.json('$.list')")
    expect(seen["path"], "hi", "$input.path('$.text')")
    expect(seen["body"], Like("eyJhY3Rpb24i.*", "the message in base64"), "$input.body")


@CHAPTER.check("A template whose result is unusable: `Internal server error`.", TRANSFORMATIONS)
def a_broken_template(session: Session) -> None:
    fails(session, "broken", "Internal server error")


@CHAPTER.check(
    "HTTP_PROXY sends the message as it is, with the integration's method.", INTEGRATIONS
)
def an_http_proxy(session: Session) -> None:
    message = '{"action":"proxy","place":"a b","user":{"name":"me"}}'
    seen = session.connect().ask(message)
    expect(seen["method"], "PUT", "the method")
    expect(seen["body"], message, "the body")


@CHAPTER.check(
    "Request parameters: header, query string and path, of the message, the context, a stage "
    "variable or a text.",
    MAPPING,
)
def request_parameters(session: Session) -> None:
    client = session.connect()
    seen = client.ask({"action": "proxy", "place": "a b", "user": {"name": "me"}})
    expect(seen["path"], "/echo/a%20b?fixed=1&user=me", "the path")
    headers = seen["headers"]
    expect(headers.get("x-connection"), client.id, "the header of the connection")
    expect(headers.get("x-static"), "text", "the header of a text")
    expect(headers.get("x-room"), "blue", "the header of a stage variable")


@CHAPTER.check("HTTP_PROXY says nothing of the connection by itself.", MAPPING)
def an_http_proxy_without_parameters(session: Session) -> None:
    client = session.connect()
    seen = client.ask({"action": "staged"})
    assert client.id not in json.dumps(seen), "the endpoint is told"


@CHAPTER.check("A stage variable may stand in the URI.", page("websocket-api-stages"))
def a_stage_variable_in_a_uri(session: Session) -> None:
    expect(asked(session, "staged")["path"], "/echo/blue", "the path")


@CHAPTER.check("HTTP_PROXY passes the body on, whatever the status.", INTEGRATIONS)
def an_http_proxys_status(session: Session) -> None:
    expect(asked(session, "proxied")["path"], "/status/503", "the path")


@CHAPTER.check("Without a route response, HTTP_PROXY's answer is not sent.", ROUTES)
def a_silent_http_proxy(session: Session) -> None:
    client = session.connect()
    client.send({"action": "oneway"})
    client.hears_nothing()


@CHAPTER.check("An endpoint that cannot be reached: `Internal server error`.", ROUTES)
def an_endpoint_that_is_not_there(session: Session) -> None:
    fails(session, "nowhere", "Internal server error")


@CHAPTER.check(
    "`TimeoutInMillis` (50 ms to 29 s) is kept: `Endpoint request timed out`.",
    page("apigateway-execution-service-websocket-limits-table"),
)
def an_integrations_timeout(session: Session) -> None:
    fails(session, "slow", "Endpoint request timed out")
    fails(session, "hurried", "Endpoint request timed out", order={"sleep": 0.4})


@CHAPTER.check("HTTP: templates on both ways.", INTEGRATIONS)
def an_http_integration(session: Session) -> None:
    client = session.connect()
    answer = client.ask('{"action":"http","n":1}')
    expect(
        json.loads(answer["answer"]), {"wrapped": {"action": "http", "n": 1}}, "what it was asked"
    )


@CHAPTER.check("HTTP: integration responses are matched on the endpoint's status.", RESPONSES)
def an_http_integrations_failure(session: Session) -> None:
    answered(session, "httpfails", "it is not there")


@CHAPTER.check(
    "A response template may be selected by a header of the answer.",
    page("apigateway-websocket-api-selection-expressions"),
)
def a_response_template_is_selected(session: Session) -> None:
    answered(session, "chosen", "was b")


@CHAPTER.check(
    "Passthrough NEVER, without a template: `Unsupported Media Type` (our choice of words).",
    TRANSFORMATIONS,
)
def passthrough_never(session: Session) -> None:
    fails(session, "never", "Unsupported Media Type")


@CHAPTER.check(
    "WHEN_NO_TEMPLATES refuses where templates are, and none is for the message.", TRANSFORMATIONS
)
def passthrough_when_no_templates(session: Session) -> None:
    fails(session, "whennotemplates", "Unsupported Media Type", kind="b")
    expect(asked(session, "whennotemplates", kind="a")["body"], "{}", "the body")


@CHAPTER.check("WHEN_NO_MATCH passes the message through.", TRANSFORMATIONS)
def passthrough_when_no_match(session: Session) -> None:
    client = session.connect()
    message = '{"action":"whennomatch","kind":"b"}'
    expect(client.ask(message)["body"], message, "the body")


@CHAPTER.check(
    "Content handling: CONVERT_TO_BINARY decodes a message's base64, CONVERT_TO_TEXT encodes the "
    "answer's bytes.",
    BINARY,
)
def content_handling(session: Session) -> None:
    client = session.connect()
    client.send(b64encode(b"he\x00llo").decode())
    expect(b64decode(client.receive()), b"\xff\x00he\x00llo", "the endpoint's answer")


@CHAPTER.check(
    "AWS: a function gets what the template makes, and its result the response's.", INTEGRATIONS
)
def a_function_without_a_proxy(session: Session) -> None:
    client = session.connect()
    got = client.ask({"action": "function", "order": {"return": [1, "two"]}})
    expect(got, {"got": [1, "two"]}, "the answer")
    told = session.records(lambda event: event.get("from") == client.id)
    expect(told, [{"order": {"return": [1, "two"]}, "from": client.id}], "the function saw")


@CHAPTER.check("AWS: integration responses are matched on the error message.", RESPONSES)
def a_functions_error_message(session: Session) -> None:
    answered(session, "function", "it was bad", order={"raise": "bad luck"})


@CHAPTER.check("AWS: without a template a function gets the message itself.", TRANSFORMATIONS)
def a_function_gets_the_message(session: Session) -> None:
    message = {"action": "rawfunction", "n": [1]}
    expect(session.connect().ask(message), message, "the answer")


@CHAPTER.check("A route without an integration: `Internal server error`.", ROUTES)
def a_route_without_an_integration(session: Session) -> None:
    fails(session, "bare", "Internal server error")


@CHAPTER.check("A message that its model takes goes on.", VALIDATION)
def a_valid_message(session: Session) -> None:
    answered(session, "checked", "valid", kind="order", count=1)
    answered(session, "checked", "valid", kind="another")


BAD_BODY = Like(
    r'\{"message" : "Bad request body", "connectionId": "[\w-]{15}=", "messageId": "[\w-]{15}="\}',
    "AWS's frame",
)


@CHAPTER.check("One that it does not take gets the frame of AWS's page, byte for byte.", ROUTES)
def an_invalid_message(session: Session) -> None:
    answered(session, "checked", BAD_BODY, kind="order", count=0)
    answered(session, "checked", BAD_BODY, kind="order")


@CHAPTER.check(
    "Without a model for it, `$default` decides; without that one it is invalid.", VALIDATION
)
def a_message_without_a_model(session: Session) -> None:
    answered(session, "checked", BAD_BODY, count=1)
    answered(session, "strict", BAD_BODY, kind="another")
    answered(session, "strict", "valid", kind="order", count=3)


@CHAPTER.check(
    "A `$connect` without a proxy opens where its integration's status is 200.",
    RESPONSES,
    service="mocked",
)
def a_mocked_connect(session: Session) -> None:
    session.connect("status=200").still_works()
    expect(session.refusal("status=403").status, 403, "the status")


@CHAPTER.check(
    "Our choice: a required request parameter that is missing: 400.",
    MAPPING,
    service="mocked",
)
def a_required_parameter(session: Session) -> None:
    expect(session.refusal().status, 400, "the status")


@CHAPTER.check(
    "Our choice: without a proxy, `ResponseParameters` name the subprotocol.",
    page("websocket-connect-route-subprotocol"),
    service="mocked",
)
def a_mocked_subprotocol(session: Session) -> None:
    client = session.connect("status=201", subprotocols=["chat"])
    expect(client.subprotocol, "chat", "the subprotocol")
