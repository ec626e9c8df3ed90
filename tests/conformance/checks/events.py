"""The events that functions see, as whole documents."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.conformance.documents import (
    A_TIME,
    A_TRACE_ID,
    AN_ID,
    NOW_MS,
    Like,
    expect,
)
from tests.conformance.registry import Chapter, issue, page
from tests.conformance.session import Client, Session


CHAPTER = Chapter("Events", "main")

INTEGRATION_REQUESTS = page("apigateway-websocket-api-integration-requests")
VARIABLES = page("apigateway-websocket-api-mapping-template-reference")
SUBPROTOCOLS = page("websocket-connect-route-subprotocol")
DELETED = issue("boto/boto3", 3789)
LOOPBACK = Like(r"127\.0\.0\.1|::1", "the client's address")


def host(session: Session) -> str:
    return urlsplit(session.service.websocket_url).netloc


def context(session: Session, **fields: object) -> dict[str, object]:
    """Return the requestContext that a client without a User-Agent has."""
    return {
        "extendedRequestId": AN_ID,
        "requestTime": A_TIME,
        "messageDirection": "IN",
        "stage": session.service.stage,
        "connectedAt": NOW_MS,
        "requestTimeEpoch": NOW_MS,
        "identity": {"sourceIp": LOOPBACK},
        "requestId": AN_ID,
        "domainName": host(session),
        "connectionId": AN_ID,
        "apiId": session.service.api_id,
        **fields,
    }


def multi(headers: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [value] for name, value in headers.items()}


def nameless(session: Session, query: str = "") -> Client:
    """Connect without a User-Agent."""
    return session.connect(query, user_agent_header=None)


@CHAPTER.check(
    "CONNECT, whole: the client's headers and those that AWS adds, sorted, without `Connection`, "
    "`Upgrade` and `Content-Length`; no key for a query string that is not there.",
    INTEGRATION_REQUESTS,
)
def the_connect_event(session: Session) -> None:
    with session.knocking(headers=["Content-Length: 0"]) as knock:
        knock.head()
        event = knock.connect_event()
    headers: dict[str, object] = {
        "Host": host(session),
        "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
        "Sec-WebSocket-Version": "13",
        "X-Amzn-Trace-Id": A_TRACE_ID,
        "X-Forwarded-For": LOOPBACK,
        "X-Forwarded-Port": Like(r"\d+", "a port"),
        "X-Forwarded-Proto": Like(r"https?", "http or https"),
        "X-Token": knock.token,
    }
    expected = {
        "headers": headers,
        "multiValueHeaders": multi(headers),
        "requestContext": context(session, routeKey="$connect", eventType="CONNECT"),
        "isBase64Encoded": False,
    }
    expect(event, expected, "the event")
    expect(list(event["headers"]), sorted(headers, key=str.lower), "the order of headers")


@CHAPTER.check(
    "CONNECT with a query string has `queryStringParameters` and "
    "`multiValueQueryStringParameters`, decoded.",
    INTEGRATION_REQUESTS,
)
def the_query_string(session: Session) -> None:
    event = session.connect("token=a%20b&device=1&device=2").connect_event()
    expect(
        event.get("multiValueQueryStringParameters"),
        {"token": ["a b"], "device": ["1", "2"]},
        "multiValueQueryStringParameters",
    )
    expect(set(event.get("queryStringParameters", ())), {"token", "device"}, "the parameters")


@CHAPTER.check(
    "Our choice: of a parameter or header given twice, the single-value map has the last.",
    INTEGRATION_REQUESTS,
)
def the_last_of_two_values(session: Session) -> None:
    event = session.connect("device=1&device=2").connect_event()
    expect(event["queryStringParameters"]["device"], "2", "the parameter")
    with session.knocking(headers=["X-Twice: 1", "X-Twice: 2"]) as knock:
        knock.head()
        event = knock.connect_event()
    expect(event["headers"]["X-Twice"], "2", "the header")
    expect(event["multiValueHeaders"]["X-Twice"], ["1", "2"], "its values")


@CHAPTER.check("Names of headers keep the client's spelling.", INTEGRATION_REQUESTS)
def headers_keep_their_spelling(session: Session) -> None:
    with session.knocking(headers=["x-lower: 1", "X-UPPER: 2", "X-Empty:"]) as knock:
        knock.head()
        event = knock.connect_event()
    found = {
        name: value
        for name, value in event["headers"].items()
        if name.lower() in ("x-lower", "x-upper", "x-empty")
    }
    expect(found, {"x-lower": "1", "X-UPPER": "2", "X-Empty": ""}, "the headers")


@CHAPTER.check(
    "The protocols and extensions that a client offers are among the headers.", SUBPROTOCOLS
)
def offers_are_shown(session: Session) -> None:
    offers = ["Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Extensions: permessage-deflate"]
    with session.knocking(headers=offers) as knock:
        knock.head()
        headers = knock.connect_event()["headers"]
    expect(headers.get("Sec-WebSocket-Protocol"), "a, b", "the protocols")
    expect(headers.get("Sec-WebSocket-Extensions"), "permessage-deflate", "the extensions")


@CHAPTER.check("On CONNECT the request is no older than the connection.", INTEGRATION_REQUESTS)
def connected_at_is_the_time_of_the_handshake(session: Session) -> None:
    seen = session.connect().connect_event()["requestContext"]
    lag = seen["requestTimeEpoch"] - seen["connectedAt"]
    assert 0 <= lag <= 1000, f"{lag} ms lie between them"


@CHAPTER.check(
    "MESSAGE, whole: no headers, no query string; the body as it came, and a `messageId`.",
    INTEGRATION_REQUESTS,
)
def the_message_event(session: Session) -> None:
    body = '{ "action" :"echo",\t"text":"gr\u00fc\u00df\\u00dfe \U0001f514"}'
    event = nameless(session, "token=1").ask(body)
    expected = {
        "requestContext": context(session, routeKey="echo", messageId=AN_ID, eventType="MESSAGE"),
        "body": body,
        "isBase64Encoded": False,
    }
    expect(event, expected, "the event")


@CHAPTER.check("Of a message on `$default`, the `routeKey` is `$default`.", INTEGRATION_REQUESTS)
def the_route_key_of_the_fallback(session: Session) -> None:
    event = session.connect().ask("hello")
    expect(event["requestContext"]["routeKey"], "$default", "the route key")
    expect(event["body"], "hello", "the body")


@CHAPTER.check(
    "DISCONNECT, whole: the four headers that AWS makes up, code and reason; here of a client "
    "that closed without a code.",
    INTEGRATION_REQUESTS,
)
def the_disconnect_event(session: Session) -> None:
    client = nameless(session, "token=1")
    assert client.id
    client.close_without_code()
    headers: dict[str, object] = {
        "Host": host(session),
        "x-api-key": "",
        "X-Forwarded-For": "",
        "x-restapi": "",
    }
    expected = {
        "headers": headers,
        "multiValueHeaders": multi(headers),
        "requestContext": context(
            session,
            routeKey="$disconnect",
            eventType="DISCONNECT",
            disconnectStatusCode=1005,
            disconnectReason="Client-side close frame status not set",
        ),
        "isBase64Encoded": False,
    }
    expect(client.disconnect_event(), expected, "the event")


def ended_as(client: Client, code: int, reason: str) -> None:
    """Show what `$disconnect` was told of the end."""
    seen = client.disconnect_event()["requestContext"]
    expect(seen.get("disconnectStatusCode"), code, "disconnectStatusCode")
    expect(seen.get("disconnectReason"), reason, "disconnectReason")


@CHAPTER.check(
    "DISCONNECT has the code and the reason of the client's close frame.", INTEGRATION_REQUESTS
)
def the_clients_own_code(session: Session) -> None:
    client = session.connect()
    assert client.id
    client.close(4321, "enough")
    ended_as(client, 4321, "enough")


@CHAPTER.check(
    'A browser that leaves (1001 without a reason): 1001 and `""`.', INTEGRATION_REQUESTS
)
def a_browser_leaves(session: Session) -> None:
    client = session.connect()
    assert client.id
    client.close(1001)
    ended_as(client, 1001, "")


@CHAPTER.check("After DeleteConnection: 1000 and `Connection Closed Normally`.", DELETED)
def a_deleted_connection(session: Session) -> None:
    client = session.connect()
    session.http("DELETE", session.connection_path(client.id))
    client.ended()
    ended_as(client, 1000, "Connection Closed Normally")


@CHAPTER.check(
    "Our choice: a TCP connection that drops is 1006, `Connection Closed Abnormally`.",
    INTEGRATION_REQUESTS,
)
def a_dropped_connection(session: Session) -> None:
    client = session.connect()
    assert client.id
    client.vanish()
    ended_as(client, 1006, "Connection Closed Abnormally")


@CHAPTER.check(
    "A connection idle for too long: 1001 and `Going away`.", INTEGRATION_REQUESTS, service="short"
)
def an_idle_connection(session: Session) -> None:
    client = session.connect()
    client.ended()
    ended_as(client, 1001, "Going away")


@CHAPTER.check(
    "Our choice: a connection too old: 1001 and `Going away`.",
    INTEGRATION_REQUESTS,
    service="brief",
)
def an_old_connection(session: Session) -> None:
    client = session.connect()
    client.ended()
    ended_as(client, 1001, "Going away")


@CHAPTER.check("`requestId` and `extendedRequestId` are the same, new with each event.", VARIABLES)
def request_ids(session: Session) -> None:
    client = session.connect()
    seen = [client.ask({"action": "echo"})["requestContext"] for _ in range(5)]
    seen.append(client.connect_event()["requestContext"])
    assert all(one["requestId"] == one["extendedRequestId"] for one in seen), "they differ"
    expect(len({one["requestId"] for one in seen}), 6, "different ids among six events")


@CHAPTER.check("`messageId` is new with each message, and on MESSAGE only.", VARIABLES)
def message_ids(session: Session) -> None:
    client = session.connect()
    seen = [client.ask({"action": "echo"})["requestContext"] for _ in range(5)]
    expect(len({one["messageId"] for one in seen}), 5, "different ids of five messages")
    assert "messageId" not in client.connect_event()["requestContext"], "CONNECT has one"


@CHAPTER.check(
    "`identity` has a `userAgent` where the client sent one, on every event.", INTEGRATION_REQUESTS
)
def the_user_agent(session: Session) -> None:
    client = session.connect(user_agent_header="tester/1")
    expected = {"sourceIp": LOOPBACK, "userAgent": "tester/1"}
    expect(client.connect_event()["requestContext"]["identity"], expected, "on CONNECT")
    expect(client.ask({"action": "echo"})["requestContext"]["identity"], expected, "on MESSAGE")
    client.close()
    expect(client.disconnect_event()["requestContext"]["identity"], expected, "on DISCONNECT")


@CHAPTER.check("All events of a connection name it and when it began.", INTEGRATION_REQUESTS)
def events_of_one_connection(session: Session) -> None:
    client = session.connect()
    first = client.connect_event()["requestContext"]
    second = client.ask({"action": "echo"})["requestContext"]
    client.close()
    third = client.disconnect_event()["requestContext"]
    for name in ("connectionId", "connectedAt", "apiId", "stage", "domainName"):
        expect({second[name], third[name]}, {first[name]}, name)


@CHAPTER.check(
    "`domainName` is the host that the client used.", page("websocket-api-custom-domain-names")
)
def the_domain_name(session: Session) -> None:
    line = "Host: push.example.com"
    with session.knocking(host=line) as knock:
        knock.head()
        event = knock.connect_event()
    expect(event["requestContext"]["domainName"], "push.example.com", "the domain")
    expect(event["headers"]["Host"], "push.example.com", "the header")
