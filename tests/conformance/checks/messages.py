"""Messages, what comes back, and the wire."""

from __future__ import annotations

import time
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from tests.conformance.documents import expect, expect_error_frame
from tests.conformance.registry import Chapter, issue, page
from tests.conformance.session import Session


CHAPTER = Chapter("Messages and answers", "main")

INTEGRATIONS = page("apigateway-websocket-api-routes-integrations")
TWO_WAY = page("apigateway-websocket-api-route-response")
LIMITS = page("apigateway-execution-service-websocket-limits-table")
BINARY = page("websocket-api-develop-binary-media-types")
FAILED = issue("aws-samples/simple-websockets-chat-app", 42)
TIMED_OUT = issue("aws/chalice", 1406)
FRAME, MESSAGE = 32 * 1024, 128 * 1024


def fails(session: Session, route: str, order: dict[str, object], message: str) -> None:
    """Show that a message is answered with an error frame, and the connection goes on."""
    client = session.connect()
    client.send({"action": route, "order": order})
    expect_error_frame(client.receive(), message)
    client.still_works()


def echoed(session: Session, body: object) -> str:
    """Return the frame that comes after a function has returned a body."""
    client = session.connect()
    client.send({"action": "echo", "order": {"return": {"statusCode": 200, "body": body}}})
    return client.receive()


@CHAPTER.check("With a route response, the `body` is sent as it is.", TWO_WAY)
def a_route_with_a_response_answers(session: Session) -> None:
    expect(echoed(session, '{ "a":1}\n grüße'), '{ "a":1}\n grüße', "the frame")


@CHAPTER.check("Without a route response, nothing is sent.", INTEGRATIONS)
def a_route_without_a_response_is_silent(session: Session) -> None:
    client = session.connect()
    client.send({"action": "quiet", "order": {"return": {"statusCode": 200, "body": "no"}}})
    client.hears_nothing()
    expect(len(client.message_events()), 1, "messages that the function saw")


@CHAPTER.check(
    "An answer without a body is sent as an empty message.",
    issue("serverless/serverless", 6816),
)
def an_answer_without_a_body(session: Session) -> None:
    client = session.connect()
    client.send({"action": "echo", "order": {"return": {"statusCode": 200}}})
    expect(client.receive(), "", "the frame")


@CHAPTER.check("The status does not matter: the body of a 500 is sent.", TWO_WAY)
def the_status_of_an_answer(session: Session) -> None:
    client = session.connect()
    client.send({"action": "echo", "order": {"return": {"statusCode": 500, "body": "oops"}}})
    expect(client.receive(), "oops", "the frame")


@CHAPTER.check(
    "An answer may have `headers`, `multiValueHeaders` and `isBase64Encoded`.", INTEGRATIONS
)
def an_answer_with_all_keys(session: Session) -> None:
    client = session.connect()
    returned = {
        "statusCode": 200,
        "headers": {"X-Own": "1"},
        "multiValueHeaders": {"X-Own": ["1", "2"]},
        "isBase64Encoded": False,
        "body": "hello",
    }
    client.send({"action": "echo", "order": {"return": returned}})
    expect(client.receive(), "hello", "the frame")


@CHAPTER.check("A function that raises: `Internal server error`, byte for byte.", FAILED)
def a_message_whose_function_raises(session: Session) -> None:
    fails(session, "echo", {"raise": "no"}, "Internal server error")


@CHAPTER.check("The frame comes also where the route has no response.", FAILED)
def a_failure_on_a_silent_route(session: Session) -> None:
    fails(session, "quiet", {"raise": "no"}, "Internal server error")


@CHAPTER.check("A function whose process dies: `Internal server error`.", FAILED)
def a_message_whose_function_dies(session: Session) -> None:
    fails(session, "echo", {"exit": 3}, "Internal server error")


@CHAPTER.check(
    "An answer without a `statusCode`, or none: `Internal server error`.",
    issue("architect/architect", 1093),
)
def a_message_with_a_malformed_answer(session: Session) -> None:
    for returned in (None, {}, "text", {"body": "x"}):
        fails(session, "echo", {"return": returned}, "Internal server error")


@CHAPTER.check(
    "An answer with a key of its own: `Internal server error`.", issue("middyjs/middy", 1219)
)
def a_message_with_an_unknown_key(session: Session) -> None:
    returned = {"statusCode": 200, "ConnectionId": "x", "Data": "y"}
    fails(session, "quiet", {"return": returned}, "Internal server error")


@CHAPTER.check("A function that exceeds its own timeout: `Internal server error`.", FAILED)
def a_message_whose_function_times_out(session: Session) -> None:
    fails(session, "impatient", {"sleep": 3}, "Internal server error")


@CHAPTER.check(
    "An integration that exceeds its timeout: `Endpoint request timed out`, byte for byte.",
    TIMED_OUT,
    service="limits",
)
def a_message_that_takes_too_long(session: Session) -> None:
    fails(session, "echo", {"sleep": 1.3}, "Endpoint request timed out")
    fails(session, "quiet", {"sleep": 1.3}, "Endpoint request timed out")


@CHAPTER.check("Our choice: an answer with `isBase64Encoded` is sent decoded, as text.", TWO_WAY)
def an_encoded_answer(session: Session) -> None:
    client = session.connect()
    returned = {"statusCode": 200, "isBase64Encoded": True, "body": "Z3LDvMOfZQ=="}
    client.send({"action": "echo", "order": {"return": returned}})
    expect(client.receive(), "grüße", "the frame")


@CHAPTER.check(
    "Our choice: an answer above 128 KB, or one that is no text, is `Internal server error`.",
    LIMITS,
)
def an_answer_that_cannot_be_sent(session: Session) -> None:
    returned = {"statusCode": 200, "isBase64Encoded": True, "body": "/w=="}
    fails(session, "echo", {"return": returned}, "Internal server error")
    fails(session, "echo", {"size": MESSAGE + 1}, "Internal server error")


@CHAPTER.check("Messages of one connection are worked on side by side.", INTEGRATIONS)
def messages_run_side_by_side(session: Session) -> None:
    client = session.connect()
    client.send({"action": "echo", "order": {"sleep": 1.5, "return": answer("slow")}})
    client.send({"action": "echo", "order": {"return": answer("quick")}})
    expect([client.receive(), client.receive()], ["quick", "slow"], "the answers came as")


@CHAPTER.check(
    "Bellwire's setting `messagesInFlight: 1` keeps a connection's messages in order.",
    INTEGRATIONS,
    service="ordered",
)
def messages_can_be_kept_in_order(session: Session) -> None:
    client = session.connect()
    for text, sleep in (("first", 0.3), ("second", 0.1), ("third", 0)):
        client.send({"action": "echo", "order": {"sleep": sleep, "return": answer(text)}})
    answers = [client.receive() for _ in range(3)]
    expect(answers, ["first", "second", "third"], "the answers came as")


@CHAPTER.check("A message in fragments is one message.", LIMITS)
def fragments_are_joined(session: Session) -> None:
    event = session.connect().ask(['{"action":', '"echo","text":"gr', "ü", 'ße"}'])
    expect(event["body"], '{"action":"echo","text":"grüße"}', "the body")


@CHAPTER.check("A ping is answered with its own bytes.", page("apigateway-websocket-api-overview"))
def a_ping_is_answered(session: Session) -> None:
    session.connect().still_works()


@CHAPTER.check("A frame of 32 KB is taken.", LIMITS)
def the_largest_frame(session: Session) -> None:
    text = filled('{"action":"quiet","text":"', FRAME)
    client = session.connect()
    client.send(text)
    deadline = time.monotonic() + 3
    while not client.message_events():
        assert time.monotonic() < deadline, "no function saw it"
        time.sleep(0.01)
    expect(client.message_events()[0]["body"], text, "the body")


@CHAPTER.check("A larger frame closes with 1009.", LIMITS)
def a_frame_too_large(session: Session) -> None:
    client = session.connect()
    client.send(filled('{"action":"quiet","text":"', FRAME + 1))
    expect(client.ended()[0], 1009, "closed with")


@CHAPTER.check("A message of 128 KB, in frames of 32 KB, is taken.", LIMITS)
def the_largest_message(session: Session) -> None:
    client = session.connect()
    text = filled('{"action":"quiet","text":"', MESSAGE)
    client.send(_pieces(text))
    client.still_works()
    deadline = time.monotonic() + 3
    while not client.message_events():
        assert time.monotonic() < deadline, "no function saw it"
        time.sleep(0.01)
    expect(len(client.message_events()[0]["body"]), MESSAGE, "characters of the body")


@CHAPTER.check("A larger message closes with 1009.", LIMITS)
def a_message_too_large(session: Session) -> None:
    client = session.connect()
    with suppress(ConnectionClosed):  # it may come while the last piece is on its way
        client.send(_pieces(filled('{"action":"quiet","text":"', MESSAGE + 1)))
    expect(client.ended()[0], 1009, "closed with")


@CHAPTER.check("A binary frame closes with 1003.", BINARY)
def a_binary_frame(session: Session) -> None:
    client = session.connect()
    client.send(b'{"action":"echo"}')
    expect(client.ended()[0], 1003, "closed with")


@CHAPTER.check(
    "Text that is not UTF-8 closes with 1007, and harms no other connection.",
    "https://datatracker.ietf.org/doc/html/rfc6455#section-8.1",
)
def a_frame_that_is_not_utf_8(session: Session) -> None:
    client, other = session.connect(), session.connect()
    client.send_frame(Opcode.TEXT, b"\xff\xfe")
    expect(client.ended()[0], 1007, "closed with")
    other.hears_nothing()
    expect(other.route_of({"action": "echo"}), "echo", "the message of another took")


def answer(text: str) -> dict[str, object]:
    return {"statusCode": 200, "body": text}


def filled(start: str, size: int) -> str:
    """Return JSON of exactly that many characters."""
    return f'{start}{"x" * (size - len(start) - 2)}"}}'


def _pieces(text: str) -> list[str]:
    return [text[at : at + FRAME] for at in range(0, len(text), FRAME)]
