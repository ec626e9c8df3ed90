"""Ids, how long a connection lives, and how it ends."""

from __future__ import annotations

import time

from websockets.frames import Opcode

from tests.conformance.checks.events import ended_as
from tests.conformance.documents import AN_ID, expect
from tests.conformance.registry import Chapter, issue, page
from tests.conformance.session import Session, kind_of, request


CHAPTER = Chapter("Connections and their ends", "main")

VARIABLES = page("apigateway-websocket-api-mapping-template-reference")
LIMITS = page("apigateway-execution-service-websocket-limits-table")
CONNECT = page("apigateway-websocket-api-route-keys-connect-disconnect")
BINARY = page("websocket-api-develop-binary-media-types")
DELETED = issue("boto/boto3", 3789)


@CHAPTER.check("An id is 16 characters of base64url, the last of them `=`.", VARIABLES)
def the_form_of_an_id(session: Session) -> None:
    expect(session.connect().id, AN_ID, "the id")


@CHAPTER.check("Each connection has an id of its own, a client's next one too.", VARIABLES)
def an_id_is_never_used_again(session: Session) -> None:
    expect(len({session.connect().id for _ in range(20)}), 20, "ids of twenty connections")


@CHAPTER.check("Without messages for too long: 1001, `Going away`.", LIMITS, service="short")
def idle_for_too_long(session: Session) -> None:
    expect(session.connect().ended(), (1001, "Going away"), "closed with")


@CHAPTER.check("A client's message keeps a connection.", LIMITS, service="short")
def a_message_keeps_a_connection(session: Session) -> None:
    client = session.connect()
    for _ in range(3):
        time.sleep(0.5)
        client.ask({"action": "echo"})
    client.still_works()


@CHAPTER.check("A message from the server keeps a connection.", LIMITS, service="short")
def a_post_keeps_a_connection(session: Session) -> None:
    client = session.connect()
    for _ in range(3):
        time.sleep(0.5)
        session.post(client.id, b"stay")
        client.receive()
    client.still_works()


@CHAPTER.check("Our choice: a client's ping does not keep a connection.", LIMITS, service="short")
def a_ping_does_not_keep_a_connection(session: Session) -> None:
    client = session.connect()
    for _ in range(3):
        time.sleep(0.25)
        client.still_works()
    expect(client.ended(within_s=1), (1001, "Going away"), "closed with")


@CHAPTER.check("Older than it may be, though busy: 1001, `Going away`.", LIMITS, service="brief")
def open_for_too_long(session: Session) -> None:
    client = session.connect()
    for _ in range(3):
        time.sleep(0.4)
        client.ask({"action": "echo"})
    expect(client.ended(), (1001, "Going away"), "closed with")


@CHAPTER.check("DeleteConnection closes with 1000.", DELETED)
def deleted(session: Session) -> None:
    client = session.connect()
    session.http("DELETE", session.connection_path(client.id))
    expect(client.ended()[0], 1000, "closed with")


@CHAPTER.check("A client's close is answered with its own code.", CONNECT)
def a_close_is_answered(session: Session) -> None:
    client = session.connect()
    client.send_frame(Opcode.CLOSE, (4001).to_bytes(2) + b"bye")
    expect(client.ended()[0], 4001, "answered with")


@CHAPTER.check("Our choice: after a binary frame `$disconnect` is told 1003.", BINARY)
def disconnect_after_a_binary_frame(session: Session) -> None:
    client = session.connect()
    assert client.id
    client.send(b"x")
    code, reason = client.ended()
    expect(code, 1003, "closed with")
    ended_as(client, 1003, reason)


@CHAPTER.check("Our choice: after a frame too large `$disconnect` is told 1009.", LIMITS)
def disconnect_after_a_frame_too_large(session: Session) -> None:
    client = session.connect()
    assert client.id
    client.send("x" * (32 * 1024 + 1))
    code, reason = client.ended()
    expect(code, 1009, "closed with")
    ended_as(client, 1009, reason)


@CHAPTER.check(
    "A server that stops closes with 1001 and still runs `$disconnect` (Bellwire's own promise).",
    CONNECT,
)
def a_server_that_stops(session: Session) -> None:
    other = session.elsewhere()
    client = other.connect()
    assert client.id
    code = other.service.stop()
    expect(client.ended()[0], 1001, "closed with")
    ended_as(client, 1001, "Going away")
    expect(code, 0, "the exit code")


@CHAPTER.check(
    "Once closed, an id is gone: 410.", page("apigateway-how-to-call-websocket-api-connections")
)
def a_closed_id_is_gone(session: Session) -> None:
    client = session.connect()
    connection_id = client.id
    client.close()
    client.disconnect_event()
    path = session.connection_path(connection_id)
    for method in ("POST", "GET", "DELETE"):
        answer = request(session.service.http_url, method, path, b"x" if method == "POST" else None)
        expect(answer.status, 410, f"the status of {method}")


@CHAPTER.check(
    "Our choice: after `pingIntervalS` of silence the server pings; no answer is the end, 1006.",
    CONNECT,
    service="pinged",
)
def a_dead_peer(session: Session) -> None:
    with session.knocking() as knock:
        expect(knock.status(), 101, "the status")
        connection_id = knock.connect_event()["requestContext"]["connectionId"]
        event = session.record(
            lambda event: (
                kind_of(event) == "DISCONNECT"
                and event["requestContext"]["connectionId"] == connection_id
            ),
            "`$disconnect`",
        )
    seen = event["requestContext"]
    found = (seen["disconnectStatusCode"], seen["disconnectReason"])
    expect(found, (1006, "Connection Closed Abnormally"), "`$disconnect` is told")


@CHAPTER.check(
    "Who answers the server's pings stays.",
    "https://datatracker.ietf.org/doc/html/rfc6455#section-5.5.2",
    service="pinged",
)
def a_living_peer(session: Session) -> None:
    client = session.connect()
    client.hears_nothing(within_s=1.5)
    client.still_works()
