"""Who calls: signatures and API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.conformance.documents import expect
from tests.conformance.registry import Chapter, page
from tests.conformance.session import KEY_ID, REGION, SECRET, Session


CHAPTER = Chapter("Signatures and API keys", "signed")

IAM = page("apigateway-websocket-control-access-iam")
ROUTES = page("websocket-api-develop-routes")
EXPRESSIONS = page("apigateway-websocket-api-selection-expressions")
CONNECTIONS = page("apigateway-how-to-call-websocket-api-connections")
PROTECT = page("websocket-api-protect")
PLANS = page("api-gateway-api-usage-plans")


def signed_headers(session: Session, key_id: str = KEY_ID, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a signed handshake, by botocore."""
    url = session.service.websocket_url.replace("ws://", "http://")
    request = AWSRequest("GET", url)
    SigV4Auth(Credentials(key_id, secret), "execute-api", REGION).add_auth(request)
    return {name: value for name, value in request.headers.items() if name.lower() != "host"}


def signed_query(session: Session, query: str = "", secret: str = SECRET) -> str:
    """Return the query string of a presigned handshake, by botocore."""
    url = session.service.websocket_url.replace("ws://", "http://")
    request = AWSRequest("GET", f"{url}?{query}" if query else url)
    signer = SigV4QueryAuth(Credentials(KEY_ID, secret), "execute-api", REGION, expires=60)
    signer.add_auth(request)
    return urlsplit(str(request.url)).query


@CHAPTER.check("AWS_IAM: a handshake signed in its headers is let in.", IAM)
def a_handshake_signed_in_its_headers(session: Session) -> None:
    session.connect(headers=signed_headers(session)).still_works()


@CHAPTER.check("AWS_IAM: a handshake signed in its query string is let in.", IAM)
def a_handshake_signed_in_its_query(session: Session) -> None:
    session.connect(signed_query(session)).still_works()


@CHAPTER.check("AWS_IAM: a handshake without a signature: 403.", IAM)
def a_handshake_without_a_signature(session: Session) -> None:
    expect(session.refusal().status, 403, "the status")


@CHAPTER.check("AWS_IAM: another secret, or a key that nobody has: 403.", IAM)
def a_handshake_with_a_wrong_signature(session: Session) -> None:
    headers = signed_headers(session, secret="wrong")
    expect(session.refusal(headers=headers).status, 403, "the status after another secret")
    query = signed_query(session, secret="wrong")
    expect(session.refusal(query).status, 403, "the status after another secret in the query")
    headers = signed_headers(session, key_id="AKIDNOBODY")
    expect(session.refusal(headers=headers).status, 403, "the status after another key")


@CHAPTER.check("AWS_IAM: what was signed may not be changed: 403.", IAM)
def a_changed_handshake(session: Session) -> None:
    query = signed_query(session, "room=1").replace("room=1", "room=2")
    expect(session.refusal(query).status, 403, "the status")


@CHAPTER.check("AWS_IAM: a signature of another hour: 403.", IAM)
def an_old_signature(session: Session) -> None:
    headers = signed_headers(session)
    then = datetime.now(UTC) - timedelta(hours=1)
    headers["X-Amz-Date"] = then.strftime("%Y%m%dT%H%M%SZ")
    expect(session.refusal(headers=headers).status, 403, "the status")


@CHAPTER.check(
    "AWS_IAM: `identity` says who signed, on every event.",
    page("apigateway-websocket-api-mapping-template-reference"),
)
def who_signed(session: Session) -> None:
    client = session.connect(headers=signed_headers(session))
    first = client.connect_event()["requestContext"]["identity"]
    for name in ("accountId", "caller", "user", "userArn"):
        assert first.get(name), f"no `{name}`"
    assert KEY_ID in first["userArn"], "`userArn` does not say who"
    second = client.ask({"action": "echo"})["requestContext"]["identity"]
    expect(second, first, "on MESSAGE")


@CHAPTER.check("With `signConnections: true`, @connections takes what boto3 signs.", CONNECTIONS)
def a_signed_post(session: Session) -> None:
    client = session.connect(headers=signed_headers(session))
    boto3 = session.boto3()
    boto3.post_to_connection(ConnectionId=client.id, Data='{"text": "grüße"}'.encode())
    expect(client.receive(), '{"text": "grüße"}', "the frame")
    boto3.get_connection(ConnectionId=client.id)
    boto3.delete_connection(ConnectionId=client.id)
    expect(client.ended()[0], 1000, "closed with")


@CHAPTER.check(
    "Without a signature, or with a wrong one: 403 (its types are our choice).",
    page("supported-gateway-response-types"),
)
def an_unsigned_post(session: Session) -> None:
    client = session.connect(headers=signed_headers(session))
    answer = session.post(client.id, b"x")
    expect(answer.status, 403, "the status")
    found = answer.headers.get("x-amzn-errortype")
    expect(found, "MissingAuthenticationTokenException", "the error type")
    try:
        session.boto3(secret="wrong").post_to_connection(ConnectionId=client.id, Data=b"x")
    except ClientError as error:
        expect(error.response["ResponseMetadata"]["HTTPStatusCode"], 403, "the status for boto3")
        expect(error.response["Error"]["Code"], "InvalidSignatureException", "boto3's error")
    else:
        raise AssertionError("a wrong signature is accepted")
    client.hears_nothing()


@CHAPTER.check(
    "An API key is the header `x-api-key`; a missing or wrong one: 403.", ROUTES, service="keyed"
)
def an_api_key(session: Session) -> None:
    session.connect(headers={"x-api-key": "wide-wide-wide-wide-wide"}).still_works()
    expect(session.refusal().status, 403, "the status without a key")
    for key in ("wrong-wrong-wrong-wrong", "disabled-disabled-disabled", ""):
        refused = session.refusal(headers={"x-api-key": key})
        expect(refused.status, 403, f"the status with {key!r}")


@CHAPTER.check(
    "The key is in `identity`.",
    page("apigateway-websocket-api-mapping-template-reference"),
    service="keyed",
)
def an_api_key_in_the_identity(session: Session) -> None:
    client = session.connect(headers={"x-api-key": "wide-wide-wide-wide-wide"})
    identity = client.connect_event()["requestContext"]["identity"]
    expect(identity.get("apiKey"), "wide-wide-wide-wide-wide", "apiKey")
    assert identity.get("apiKeyId"), "no `apiKeyId`"


@CHAPTER.check("A usage plan's throttle: 429.", PLANS, service="keyed")
def a_usage_plans_throttle(session: Session) -> None:
    headers = {"x-api-key": "narrow-narrow-narrow-narrow"}
    first = session.connect(headers=headers)
    first.ask({"action": "echo"})
    expect(session.refusal(headers=headers).status, 429, "the status of the third request")


@CHAPTER.check(
    "The key may come from the authorizer: `usageIdentifierKey`.",
    EXPRESSIONS,
    service="keyed_by_authorizer",
)
def an_api_key_from_the_authorizer(session: Session) -> None:
    given = {"answer": {"usageIdentifierKey": "wide-wide-wide-wide-wide"}}
    session.connect(headers={"Auth": "x"}, authorizer=given).still_works()
    for answer in ({}, {"usageIdentifierKey": "wrong-wrong-wrong-wrong"}):
        refused = session.refusal(headers={"Auth": "x"}, authorizer={"answer": answer})
        expect(refused.status, 403, "the status with another key, or none")
