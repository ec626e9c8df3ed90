"""@connections, by boto3 and byte for byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from tests.conformance.documents import AN_ISO_TIME, Like, expect
from tests.conformance.registry import Chapter, issue, page
from tests.conformance.session import Answer, Session


CHAPTER = Chapter("@connections", "main")

CONNECTIONS = page("apigateway-how-to-call-websocket-api-connections")
LIMITS = page("apigateway-execution-service-websocket-limits-table")
CONTROL = page("apigateway-websocket-control-access-iam")
MESSAGE, FRAME = 128 * 1024, 32 * 1024


def taken(answer: Answer) -> None:
    assert 200 <= answer.status < 300, f"the status is {answer.status}"


def accepted(answer: Answer, status: int = 200) -> None:
    expect(answer.status, status, "the status")
    expect(answer.body, "", "the body")


def boto3_raises(session: Session, call: str, code: str, **arguments: object) -> ClientError:
    """Show that a call of boto3's raises, and return what it raises."""
    try:
        getattr(session.boto3(), call)(**arguments)
    except ClientError as error:
        expect(error.response["Error"]["Code"], code, "boto3's error")
        return error
    raise AssertionError("boto3 raises nothing")


@CHAPTER.check("POST sends the data as one text message: 200, without a body.", CONNECTIONS)
def post(session: Session) -> None:
    client = session.connect()
    accepted(session.post(client.id, '{"a": "grüße"}'.encode()))
    expect(client.receive(), '{"a": "grüße"}', "the frame")


@CHAPTER.check("boto3's `post_to_connection`.", CONNECTIONS)
def post_by_boto3(session: Session) -> None:
    client = session.connect()
    answer = session.boto3().post_to_connection(ConnectionId=client.id, Data=b"hello")
    expect(answer["ResponseMetadata"]["HTTPStatusCode"], 200, "the status")
    expect(client.receive(), "hello", "the frame")


@CHAPTER.check(
    "Answers carry `x-amzn-RequestId`, which boto3 reads, and `x-amz-apigw-id`.", CONNECTIONS
)
def answers_have_a_request_id(session: Session) -> None:
    client = session.connect()
    answer = session.boto3().post_to_connection(ConnectionId=client.id, Data=b"hello")
    found = answer["ResponseMetadata"].get("RequestId")
    expect(found, Like(r".{8,}", "an id"), "the request id")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert "x-amz-apigw-id" in headers, "there is no x-amz-apigw-id"


@CHAPTER.check("The path may say `%40connections`.", CONNECTIONS)
def an_encoded_at(session: Session) -> None:
    client = session.connect()
    path = session.connection_path(client.id).replace("@", "%40")
    taken(session.http("POST", path, b"x"))
    expect(client.receive(), "x", "the frame")


@CHAPTER.check("The id in the path may hold a bare `=`.", CONNECTIONS)
def a_bare_equals_sign(session: Session) -> None:
    client = session.connect()
    path = session.connection_path(client.id).replace("%3D", "=")
    taken(session.http("POST", path, b"x"))
    expect(client.receive(), "x", "the frame")


@CHAPTER.check(
    "GET tells `connectedAt`, `lastActiveAt` (ISO, milliseconds, Z) and `identity`, whole.",
    page("websocket-api-chat-app"),
)
def get(session: Session) -> None:
    client = session.connect(user_agent_header="tester/1")
    answer = session.http("GET", session.connection_path(client.id))
    expect(answer.status, 200, "the status")
    expect(answer.headers.get("content-type", "").partition(";")[0], "application/json", "the type")
    expected = {
        "connectedAt": AN_ISO_TIME,
        "identity": {"sourceIp": Like(r"127\.0\.0\.1|::1", "an address"), "userAgent": "tester/1"},
        "lastActiveAt": AN_ISO_TIME,
    }
    expect(json.loads(answer.body), expected, "the document")


@CHAPTER.check(
    "boto3's `get_connection` reads it; without a User-Agent there is none.", CONNECTIONS
)
def get_by_boto3(session: Session) -> None:
    client = session.connect(user_agent_header=None)
    answer = session.boto3().get_connection(ConnectionId=client.id)
    age = datetime.now(UTC) - answer["ConnectedAt"]
    assert abs(age.total_seconds()) < 60, "ConnectedAt is not the time of now"
    assert answer["LastActiveAt"] >= answer["ConnectedAt"], "LastActiveAt is before ConnectedAt"
    expect(set(answer["Identity"]), {"SourceIp"}, "the identity has")


@CHAPTER.check("`lastActiveAt` moves with messages in both directions.", CONNECTIONS)
def last_active(session: Session) -> None:
    client = session.connect()

    def seen() -> str:
        answer = session.http("GET", session.connection_path(client.id))
        expect(answer.status, 200, "the status")
        return str(json.loads(answer.body)["lastActiveAt"])

    first = seen()
    client.ask({"action": "echo"})
    second = seen()
    client.ask({"action": "echo", "order": {"sleep": 0.01}})
    session.post(client.id, b"x")
    third = seen()
    assert first <= second < third or first < second <= third, "it does not move"


@CHAPTER.check("DELETE closes the connection: 204, without a body.", CONNECTIONS)
def delete(session: Session) -> None:
    client = session.connect()
    accepted(session.http("DELETE", session.connection_path(client.id)), 204)
    client.ended()


@CHAPTER.check("boto3's `delete_connection`.", CONNECTIONS)
def delete_by_boto3(session: Session) -> None:
    client = session.connect()
    session.boto3().delete_connection(ConnectionId=client.id)
    expect(client.ended()[0], 1000, "closed with")


@CHAPTER.check(
    "An id that is no longer: 410, `x-amzn-ErrorType: GoneException`, no body.",
    issue("aws/aws-sdk-java", 2200),
)
def gone(session: Session) -> None:
    for method, data in (("POST", b"x"), ("GET", None), ("DELETE", None)):
        answer = session.http(method, session.connection_path(_never(session)), data)
        expect(answer.status, 410, f"the status of {method}")
        expect(answer.headers.get("x-amzn-errortype"), "GoneException", "the error type")
        expect(answer.body, "", "the body")


@CHAPTER.check("An id of the right form that never was: 410.", issue("localstack/localstack", 4694))
def an_id_that_never_was(session: Session) -> None:
    expect(session.post("TW_2cfHZDoACHqw=", b"x").status, 410, "the status")


@CHAPTER.check("boto3 raises `GoneException`.", CONNECTIONS)
def gone_for_boto3(session: Session) -> None:
    never = _never(session)
    error = boto3_raises(
        session, "post_to_connection", "GoneException", ConnectionId=never, Data=b"x"
    )
    expect(type(error).__name__, "GoneException", "its class")
    boto3_raises(session, "get_connection", "GoneException", ConnectionId=never)
    boto3_raises(session, "delete_connection", "GoneException", ConnectionId=never)


@CHAPTER.check(
    "A malformed id: 400 and `Invalid connectionId: …`.", issue("dherault/serverless-offline", 749)
)
def a_malformed_id(session: Session) -> None:
    answer = session.post("cjy8i76bx002884le6n17d49b", b"x")
    expect(answer.status, 400, "the status")
    expect(answer.headers.get("x-amzn-errortype"), "BadRequestException", "the error type")
    expected = {"message": "Invalid connectionId: cjy8i76bx002884le6n17d49b"}
    expect(json.loads(answer.body), expected, "the body")


@CHAPTER.check("Another stage, or none: 403 and `Forbidden`.", issue("aws/aws-sdk-php", 1955))
def another_stage(session: Session) -> None:
    client = session.connect()
    for path in (f"/nowhere/@connections/{client.id}", f"/@connections/{client.id}"):
        answer = session.http("POST", path, b"x")
        expect(answer.status, 403, "the status")
        expect(answer.headers.get("x-amzn-errortype"), "ForbiddenException", "the error type")
        expect(json.loads(answer.body), {"message": "Forbidden"}, "the body")


@CHAPTER.check("Another method: 403 (our choice).", CONNECTIONS)
def another_method(session: Session) -> None:
    client = session.connect()
    for method in ("PUT", "PATCH"):
        answer = session.http(method, session.connection_path(client.id), b"x")
        expect(answer.status, 403, f"the status of {method}")


@CHAPTER.check("128 KB are sent; in frames of at most 32 KB.", LIMITS)
def the_largest_post(session: Session) -> None:
    client = session.connect()
    taken(session.post(client.id, b"x" * MESSAGE))
    expect([len(frame) for frame in client.receive_frames()], [FRAME] * 4, "the frames")


@CHAPTER.check("More than 128 KB: 413, `PayloadTooLargeException`, also for boto3.", LIMITS)
def a_post_too_large(session: Session) -> None:
    client = session.connect()
    answer = session.post(client.id, b"x" * (MESSAGE + 1))
    expect(answer.status, 413, "the status")
    expect(answer.headers.get("x-amzn-errortype"), "PayloadTooLargeException", "the error type")
    assert "message" in json.loads(answer.body), "no message"
    data = b"x" * (MESSAGE + 1)
    boto3_raises(
        session, "post_to_connection", "PayloadTooLargeException", ConnectionId=client.id, Data=data
    )


@CHAPTER.check("Our choice: data that is no text is refused with 400.", CONNECTIONS)
def a_post_that_is_no_text(session: Session) -> None:
    client = session.connect()
    expect(session.post(client.id, b"\xff").status, 400, "the status")


@CHAPTER.check("A route's function may post to its own connection.", CONNECTIONS)
def a_post_while_a_message_runs(session: Session) -> None:
    client = session.connect()
    assert client.id
    client.send(
        {"action": "echo", "order": {"sleep": 1, "return": {"statusCode": 200, "body": "after"}}}
    )
    taken(session.post(client.id, b"before"))
    expect([client.receive(), client.receive()], ["before", "after"], "the frames")


def _never(session: Session) -> str:
    """Return the id of a connection that has ended."""
    client = session.connect()
    connection_id = client.id
    client.close()
    client.disconnect_event()
    return connection_id
