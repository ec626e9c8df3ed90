"""From the handshake to the 101, or to another status."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from tests.conformance.documents import AN_ID, expect
from tests.conformance.registry import Chapter, issue, page
from tests.conformance.session import Session, kind_of


CHAPTER = Chapter("Opening a connection", "main")

CONNECT = page("apigateway-websocket-api-route-keys-connect-disconnect")
SUBPROTOCOLS = page("websocket-connect-route-subprotocol")
RESPONSES = page("supported-gateway-response-types")
STATUS = issue("dherault/serverless-offline", 1301)
MALFORMED = issue("serverless/serverless-websockets-plugin", 13)
GONE = issue("aws-samples/serverless-patterns", 2780)
STAGES = page("apigateway-set-up-websocket-deployment")


def refused_with(session: Session, status: int, returned: object) -> None:
    """Show how a handshake is answered after what `$connect` returned."""
    expect(
        session.refusal(order={"return": returned}).status, status, f"after {returned!r}, status"
    )


@CHAPTER.check("A status of 2xx that `$connect` returns opens the connection.", CONNECT)
def a_good_status_opens(session: Session) -> None:
    for status in (200, 201, 204, 299):
        session.connect(order={"return": {"statusCode": status}}).still_works()


@CHAPTER.check("Another status becomes the handshake's own.", STATUS)
def another_status_refuses(session: Session) -> None:
    for status in (400, 401, 403, 404, 500, 503):
        refused_with(session, status, {"statusCode": status})


@CHAPTER.check("A status below 200 or of 3xx opens no connection either.", CONNECT)
def no_other_status_opens(session: Session) -> None:
    refused_with(session, 302, {"statusCode": 302, "headers": {"Location": "/"}})


@CHAPTER.check("A function that raises: 502.", MALFORMED)
def a_function_that_raises(session: Session) -> None:
    expect(session.refusal(order={"raise": "no"}).status, 502, "the status")


@CHAPTER.check("A function whose process dies: 502.", MALFORMED)
def a_function_that_dies(session: Session) -> None:
    expect(session.refusal(order={"exit": 3}).status, 502, "the status")


@CHAPTER.check("An answer without a `statusCode`, or no object: 502.", MALFORMED)
def a_malformed_answer(session: Session) -> None:
    for returned in ({}, {"body": "x"}, None, "text", [200], {"statusCode": "abc"}):
        refused_with(session, 502, returned)


@CHAPTER.check("An answer with a key of its own is malformed: 502.", issue("middyjs/middy", 1219))
def an_answer_with_a_key_of_its_own(session: Session) -> None:
    refused_with(session, 502, {"statusCode": 200, "ConnectionId": "x"})


@CHAPTER.check(
    "A function slower than the integration's timeout: 504.", RESPONSES, service="limits"
)
def a_slow_function(session: Session) -> None:
    expect(session.refusal(order={"sleep": 1.3}).status, 504, "the status")


@CHAPTER.check("The handshake stays pending until `$connect` is done.", CONNECT)
def the_handshake_waits(session: Session) -> None:
    with session.knocking(order={"sleep": 0.5}) as knock:
        knock.connect_event()
        assert not knock.is_answered(0.2), "it was answered before"
        expect(knock.status(), 101, "the status")


@CHAPTER.check("Until the 101 is sent, @connections answers 410 for the id.", GONE)
def the_id_is_gone_until_the_101(session: Session) -> None:
    with session.knocking(order={"sleep": 1}) as knock:
        connection_id = knock.connect_event()["requestContext"]["connectionId"]
        expect(session.post(connection_id, b"too soon").status, 410, "the status before")
        expect(knock.status(), 101, "the status of the handshake")
        assert session.post(connection_id, b"now").status < 300, "it stays so"


@CHAPTER.check("After a refusal neither the id works nor `$disconnect` runs.", CONNECT)
def a_refused_connection_never_was(session: Session) -> None:
    with session.knocking(order={"return": {"statusCode": 400}}) as knock:
        expect(knock.status(), 400, "the status")
        connection_id = knock.connect_event()["requestContext"]["connectionId"]
    expect(session.post(connection_id, b"hello").status, 410, "the status of a post")
    told = session.records(
        lambda event: (
            kind_of(event) == "DISCONNECT"
            and event["requestContext"]["connectionId"] == connection_id
        )
    )
    expect(told, [], "`$disconnect` was told")


@CHAPTER.check("A stage that does not exist: 403 and `Forbidden`.", issue("aws/aws-sdk-php", 1955))
def an_unknown_stage(session: Session) -> None:
    host = urlsplit(session.service.websocket_url).netloc
    for path in ("/nowhere", "/", "/DEV"):
        refused = session.refusal(url=f"ws://{host}{path}")
        expect(refused.status, 403, "the status")
        expect(json.loads(refused.body)["message"], "Forbidden", "the message")


@CHAPTER.check(
    "There is no path below the stage: 403.", page("apigateway-websocket-api-lambda-auth")
)
def a_path_below_the_stage(session: Session) -> None:
    expect(session.refusal(url=f"{session.service.websocket_url}/room").status, 403, "the status")


@CHAPTER.check("A slash may follow the stage.", page("apigateway-how-to-call-websocket-api-wscat"))
def a_slash_after_the_stage(session: Session) -> None:
    session.connect(url=f"{session.service.websocket_url}/").still_works()


@CHAPTER.check(
    "Our choice: the gateway's own refusal is JSON with message and ids, and its type in "
    "`x-amzn-ErrorType`.",
    RESPONSES,
)
def the_form_of_a_refusal(session: Session) -> None:
    refused = session.refusal(order={"raise": "no"})
    expect(refused.headers.get("content-type"), "application/json", "the content type")
    expect(
        refused.headers.get("x-amzn-errortype"), "InternalServerErrorException", "the error type"
    )
    expected = {
        "message": "Internal server error",
        "connectionId": AN_ID,
        "requestId": refused.headers.get("x-amzn-requestid"),
    }
    expect(json.loads(refused.body), expected, "the body")


@CHAPTER.check(
    "Our choice: the body of a refusal that `$connect` returned is the handshake's.", STATUS
)
def the_functions_body_is_the_refusals(session: Session) -> None:
    refused = session.refusal(order={"return": {"statusCode": 401, "body": "who?"}})
    expect(refused.body, "who?", "the body")


@CHAPTER.check("The subprotocol that `$connect` returns is on the 101.", SUBPROTOCOLS)
def the_subprotocol_that_the_function_chose(session: Session) -> None:
    returned = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "b"}}
    client = session.connect(order={"return": returned}, subprotocols=["a", "b"])
    expect(client.subprotocol, "b", "the subprotocol")


@CHAPTER.check("A subprotocol that `$connect` does not return is not on the 101.", SUBPROTOCOLS)
def no_subprotocol_of_its_own(session: Session) -> None:
    client = session.connect(subprotocols=["a", "b"])
    expect(client.subprotocol, None, "the subprotocol")


@CHAPTER.check("A subprotocol is refused with a status.", SUBPROTOCOLS)
def a_refused_subprotocol(session: Session) -> None:
    refused = session.refusal(order={"return": {"statusCode": 400}}, subprotocols=["c"])
    expect(refused.status, 400, "the status")


@CHAPTER.check(
    "Our choice: of the headers that `$connect` returns, only the subprotocol is on the 101.",
    SUBPROTOCOLS,
)
def other_headers_stay_away(session: Session) -> None:
    returned = {"statusCode": 200, "headers": {"Set-Cookie": "a=1", "X-Own": "1"}}
    headers = session.connect(order={"return": returned}).response_headers
    expect({"set-cookie", "x-own"} & set(headers), set(), "the 101 has")


@CHAPTER.check("Our choice: the body that `$connect` returns is not sent as a message.", CONNECT)
def the_body_of_connect_is_not_sent(session: Session) -> None:
    session.connect(order={"return": {"statusCode": 200, "body": "hello"}}).hears_nothing()


@CHAPTER.check(
    "Our choice: permessage-deflate is not negotiated.",
    page("apigateway-websocket-api-overview"),
)
def no_compression(session: Session) -> None:
    headers = session.connect(compression="deflate").response_headers
    expect(headers.get("sec-websocket-extensions"), None, "the extensions")


@CHAPTER.check("A handshake without a key, or with a wrong one: 400.", STAGES)
def a_handshake_without_a_key(session: Session) -> None:
    for key in ("X-No-Key: 1", "Sec-WebSocket-Key: short"):
        with session.knocking(key=key) as knock:
            expect(knock.status(), 400, "the status")


@CHAPTER.check(
    "A plain request to the stage, without an upgrade, opens nothing: 403 (our choice).", STAGES
)
def a_request_without_an_upgrade(session: Session) -> None:
    answer = session.http("GET", f"/{session.service.stage}")
    expect(answer.status, 403, "the status")


@CHAPTER.check(
    "A URL of more than 4096 characters opens nothing (414 by our choice).",
    page("apigateway-execution-service-websocket-limits-table"),
)
def a_url_too_long(session: Session) -> None:
    path = f"/{session.service.stage}?x="
    for length, status in ((4096, 101), (4097, 414)):
        target = path + "y" * (length - len(path))
        with session.knocking(request_line=f"GET {target} HTTP/1.1") as knock:
            expect(knock.status(), status, f"the status of {length} characters")
