"""Requests as botocore and boto3 sign them, and every part of one tampered with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from bellwire.errors import CallerError
from bellwire.gateway.signature import (
    IncompleteSignatureError,
    MissingSignatureError,
    SignatureError,
    SignedRequest,
    UnknownAccessKeyError,
    verify_signature,
)


KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "eu-central-1"
HOST = "abcdef1234.execute-api.eu-central-1.amazonaws.com"
CONNECTION = "/dev/@connections/Df14mfUXIAMCIyg%3D"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)

Change = Callable[[SignedRequest], SignedRequest]


def verify(
    request: SignedRequest,
    at: datetime | None = None,
    region: str = REGION,
    service: str = "execute-api",
) -> str:
    now = at or datetime.now(UTC)
    return verify_signature(
        request,
        secret_of={KEY_ID: SECRET, "AKIDEMPTY": ""}.get,
        region=region,
        service=service,
        now_ms=int(now.timestamp() * 1000),
    )


def credentials(token: str | None = None, *, key_id: str = KEY_ID, secret: str = SECRET) -> Any:
    return Credentials(key_id, secret, token)


def text_of(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def received(request: AWSRequest | AWSPreparedRequest) -> SignedRequest:
    """Return a request of botocore's as a server gets it."""
    url = urlsplit(str(request.url))
    headers = [(name, text_of(value)) for name, value in request.headers.items()]
    if all(name.lower() != "host" for name, _ in headers):
        headers.append(("Host", url.netloc))
    body = request.body if isinstance(request.body, bytes) else b""
    return SignedRequest(str(request.method), url.path, url.query, headers, body)


def signed(
    url: str = f"https://{HOST}/dev",
    method: str = "GET",
    *,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    signer: Any = None,
    payload_signing: bool = True,
) -> SignedRequest:
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    request.context["payload_signing_enabled"] = payload_signing
    (signer or SigV4Auth(credentials(), "execute-api", REGION)).add_auth(request)
    return received(request)


def presigned(
    url: str = f"https://{HOST}/dev", *, token: str | None = None, expires: int = 60
) -> SignedRequest:
    signer = SigV4QueryAuth(credentials(token), "execute-api", REGION, expires=expires)
    return signed(url, signer=signer)


def header(name: str, change: Callable[[str], str | None]) -> Change:
    """Return a change of one header's value; None takes the header away."""

    def apply(request: SignedRequest) -> SignedRequest:
        assert any(key.lower() == name for key, _ in request.headers)
        changed = (
            (key, change(value) if key.lower() == name else value) for key, value in request.headers
        )
        return request._replace(
            headers=[(key, value) for key, value in changed if value is not None]
        )

    return apply


def query(old: str, new: str) -> Change:
    """Return a change of the raw query."""

    def apply(request: SignedRequest) -> SignedRequest:
        assert old in request.query
        return request._replace(query=request.query.replace(old, new))

    return apply


# What is signed well


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", f"https://{HOST}/dev", b""),
        ("GET", f"https://{HOST}/dev/", b""),
        ("GET", f"https://{HOST}", b""),
        ("GET", f"https://{HOST}/dev?token=a%2Fb&room=7&room=3&flag=&%C3%BC=%20", b""),
        ("GET", f"https://{HOST}/dev?b=2&a-b=1&a=1&A=0", b""),
        ("POST", f"https://{HOST}{CONNECTION}", b'{"temperature":21.5}'),
        ("POST", f"https://{HOST}/dev/%40connections/Df14mfUXIAMCIyg%3D", b"x"),
        ("DELETE", f"https://{HOST}/dev/@connections/Df14mfUXIAMCIyg=", b""),
        ("GET", "http://127.0.0.1:3001/dev", b""),
    ],
)
def test_what_botocore_signs(method: str, url: str, body: bytes) -> None:
    assert verify(signed(url, method, body=body)) == KEY_ID


@pytest.mark.parametrize("url", [f"https://{HOST}/dev", "http://localhost:3001/dev?room=7&x=%2F"])
@pytest.mark.parametrize("token", [None, "FwoGZXIvYXdzE//+=="])
@pytest.mark.parametrize("expires", [1, 604_800])
def test_what_botocore_presigns(url: str, token: str | None, expires: int) -> None:
    request = presigned(url, token=token, expires=expires)
    assert verify(request, time_of(request)) == KEY_ID


def test_a_session_token_put_in_after_signing() -> None:
    request = presigned()
    late = request._replace(query=f"{request.query}&X-Amz-Security-Token=FwoGZXIvYXdzE%2F%2F%3D")
    assert verify(late) == KEY_ID
    other = request._replace(query=f"{request.query}&x-amz-security-token=x")
    with pytest.raises(SignatureError, match="does not match"):
        verify(other)


def test_a_presigned_url_without_expires_lives_five_minutes() -> None:
    class WithoutExpires(SigV4QueryAuth):
        def canonical_query_string(self, request: AWSRequest) -> str:
            request.url = str(request.url).replace("&X-Amz-Expires=60", "")
            return str(super().canonical_query_string(request))

    request = signed(signer=WithoutExpires(credentials(), "execute-api", REGION, expires=60))
    assert "X-Amz-Expires" not in request.query
    now = datetime.now(UTC)
    assert verify(request, now + timedelta(seconds=299)) == KEY_ID
    with pytest.raises(SignatureError, match="Signature expired"):
        verify(request, now + timedelta(seconds=301))


def test_a_session_token_and_further_headers_are_signed_too() -> None:
    headers = {"Sec-WebSocket-Protocol": "chat,  json", "X-Spaces": "  a   b  "}
    signer = SigV4Auth(credentials("FwoGZXIvYXdzE//+=="), "execute-api", REGION)
    request = signed(headers=headers, signer=signer)
    assert verify(request) == KEY_ID
    unsigned = [*request.headers, ("User-Agent", "x"), ("X-Forwarded-For", "127.0.0.1")]
    assert verify(request._replace(headers=unsigned)) == KEY_ID


def test_a_header_given_twice_is_signed_as_one() -> None:
    request = AWSRequest(method="GET", url=f"https://{HOST}/dev")
    request.headers.add_header("X-Room", "7")
    request.headers.add_header("X-Room", "3")
    SigV4Auth(credentials(), "execute-api", REGION).add_auth(request)
    assert [value for name, value in request.headers.items() if name == "X-Room"] == ["7", "3"]
    assert verify(received(request)) == KEY_ID


def test_the_time_may_stand_in_the_header_date() -> None:
    assert verify(signed(headers={"Date": "set when signing"})) == KEY_ID


def test_names_and_scheme_of_headers_in_any_case() -> None:
    request = signed()
    upper = [(name.upper(), value) for name, value in request.headers]
    assert verify(request._replace(headers=upper, method="get")) == KEY_ID


def test_another_service_and_region() -> None:
    signer = SigV4Auth(credentials(), "iotdata", "us-east-1")
    assert verify(signed(signer=signer), region="us-east-1", service="iotdata") == KEY_ID


def test_a_payload_hash_in_a_signed_header() -> None:
    digest = {"X-Amz-Content-SHA256": sha256(b"x").hexdigest()}
    request = signed(method="POST", body=b"x", headers=digest)
    assert verify(request) == KEY_ID
    with pytest.raises(SignatureError, match="does not match"):
        verify(request._replace(body=b"y"))


def test_a_payload_may_stay_unsigned_where_the_signature_says_so() -> None:
    request = signed(method="POST", body=b"x", payload_signing=False)
    assert ("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD") in request.headers
    assert verify(request._replace(body=b"anything")) == KEY_ID
    with pytest.raises(SignatureError, match="does not match"):
        verify(
            signed(method="POST", body=b"x", headers={"X-Amz-Content-SHA256": "STREAMING-UNSIGNED"})
        )


def test_an_unsigned_payload_in_a_header_that_is_not_signed_counts_nothing() -> None:
    request = signed(method="POST", body=b"x")
    late = request._replace(
        headers=[*request.headers, ("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")]
    )
    assert verify(late) == KEY_ID
    with pytest.raises(SignatureError, match="does not match"):
        verify(late._replace(body=b"y"))


@settings(deadline=None)
@given(
    name=st.text(st.characters(codec="utf-8"), min_size=1),
    value=st.text(st.characters(codec="utf-8")),
    segment=st.text(st.characters(codec="ascii", exclude_characters="."), min_size=1),
)
def test_any_query_and_any_path(name: str, value: str, segment: str) -> None:
    pair = f"{quote(name, safe='')}={quote(value, safe='')}"
    url = f"https://{HOST}/dev/{quote(segment, safe='')}?{pair}"
    assert verify(signed(url)) == KEY_ID
    assert verify(presigned(url)) == KEY_ID


class Captured(Exception):
    """Instead of being sent."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__()
        self.request = request


def capture(request: AWSPreparedRequest, **_: object) -> None:
    raise Captured(request)


@pytest.mark.parametrize("token", [None, "FwoGZXIvYXdzE//+=="])
def test_what_boto3_sends_to_connections(token: str | None) -> None:
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"https://{HOST}/dev",
        region_name=REGION,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        aws_session_token=token,
        config=Config(retries={"max_attempts": 0}),
    )
    client.meta.events.register("before-send", capture)
    with pytest.raises(Captured) as post:
        client.post_to_connection(ConnectionId="Df14mfUXIAMCIyg=", Data=b"hello")
    request = received(post.value.request)
    assert (request.method, request.path, request.body) == ("POST", CONNECTION, b"hello")
    assert verify(request) == KEY_ID
    with pytest.raises(SignatureError, match="does not match"):
        verify(request._replace(body=b"hullo"))
    with pytest.raises(Captured) as get:
        client.get_connection(ConnectionId="Df14mfUXIAMCIyg=")
    assert verify(received(get.value.request)) == KEY_ID
    with pytest.raises(Captured) as delete:
        client.delete_connection(ConnectionId="Df14mfUXIAMCIyg=")
    assert verify(received(delete.value.request)) == KEY_ID


# AWS's own test suite: docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html


@pytest.mark.parametrize(
    ("method", "query_string", "signature"),
    [
        ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
)
def test_a_signature_of_the_aws_test_suite(method: str, query_string: str, signature: str) -> None:
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )
    headers = [
        ("Host", "example.amazonaws.com"),
        ("X-Amz-Date", "20150830T123600Z"),
        ("Authorization", authorization),
    ]
    request = SignedRequest(method, "/", query_string, headers, b"")
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    assert verify(request, at, region="us-east-1", service="service") == KEY_ID


# What is tampered with


@pytest.mark.parametrize(
    "change",
    [
        lambda request: request._replace(method="POST"),
        lambda request: request._replace(path="/prod"),
        lambda request: request._replace(path="/de%76"),
        lambda request: request._replace(query="room=8&token=x"),
        lambda request: request._replace(query="room=7"),
        lambda request: request._replace(query="room=7&token=x&room=7"),
        lambda request: request._replace(query="room=7&token=%78x"),
        lambda request: request._replace(body=b"x"),
        lambda request: request._replace(headers=[*request.headers, ("Host", "x")]),
        header("host", lambda value: f"x{value}"),
        header("x-room", lambda value: "8"),
        header("authorization", lambda value: value[:-1] + ("0" if value[-1] != "0" else "1")),
        header("authorization", lambda value: value[:-1]),
        header("authorization", lambda value: value + "0"),
        header("authorization", lambda value: value[:-1] + "\u00e9"),
        header("authorization", lambda value: value[:-1] + "\udcff"),
        header("authorization", lambda value: value.replace(";x-room", "")),
        header("authorization", lambda value: value.replace("host;", "host;host;")),
        header("x-amz-date", lambda value: value[:-2] + f"{(int(value[-2]) + 1) % 10}Z"),
    ],
)
def test_every_part_of_a_signed_request_is_covered(change: Change) -> None:
    request = signed(f"https://{HOST}/dev?room=7&token=x", headers={"X-Room": "7"})
    assert verify(request) == KEY_ID
    with pytest.raises(SignatureError) as raised:
        verify(change(request))
    assert (raised.value.message, raised.value.aws_code) == (MISMATCH, "InvalidSignatureException")


@pytest.mark.parametrize(
    "change",
    [
        lambda request: request._replace(method="POST"),
        lambda request: request._replace(path="/prod"),
        lambda request: request._replace(body=b"x"),
        query("room=7", "room=8"),
        query("room=7&", ""),
        query("room=7", "room=7&room=8"),
        query("X-Amz-Expires=60", "X-Amz-Expires=604800"),
        query("X-Amz-Expires=60&", ""),
        query("Security-Token=T", "Security-Token=U"),
        query("X-Amz-Signature=", "X-Amz-Signature=0"),
        header("host", lambda value: f"x{value}"),
    ],
)
def test_every_part_of_a_presigned_request_is_covered(change: Change) -> None:
    request = presigned(f"https://{HOST}/dev?room=7", token="T")
    assert verify(request) == KEY_ID
    with pytest.raises(SignatureError) as raised:
        verify(change(request))
    assert (raised.value.message, raised.value.aws_code) == (MISMATCH, "InvalidSignatureException")


def test_another_secret_does_not_match() -> None:
    signer = SigV4Auth(credentials(secret=SECRET.lower()), "execute-api", REGION)
    with pytest.raises(SignatureError) as raised:
        verify(signed(signer=signer))
    assert (raised.value.message, raised.value.status) == (MISMATCH, 403)


@pytest.mark.parametrize(("key_id", "secret"), [("AKIDOTHER", SECRET), ("AKIDEMPTY", "")])
def test_a_key_that_nobody_has(key_id: str, secret: str) -> None:
    signer = SigV4Auth(credentials(key_id=key_id, secret=secret), "execute-api", REGION)
    with pytest.raises(UnknownAccessKeyError) as raised:
        verify(signed(signer=signer))
    error = raised.value
    assert (error.message, error.status, error.aws_code) == (
        "The security token included in the request is invalid.",
        403,
        "UnrecognizedClientException",
    )


def test_a_request_that_is_not_signed() -> None:
    request = SignedRequest("GET", "/dev", "room=7", [("Host", HOST)], b"")
    with pytest.raises(MissingSignatureError) as raised:
        verify(request)
    error = raised.value
    assert (error.message, error.status, error.aws_code) == (
        "Missing Authentication Token",
        403,
        "MissingAuthenticationTokenException",
    )
    assert isinstance(error, CallerError)


CREDENTIAL, SIGNATURE, HEADERS = (
    f"Authorization header requires '{name}' parameter."
    for name in ("Credential", "Signature", "SignedHeaders")
)
NO_DATE = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
NO_PARTS = (
    "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
)
NO_BASIC_FORMAT = "Date must be in ISO-8601 'basic format'."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (header("authorization", lambda value: "Bearer x"), f"{CREDENTIAL} {SIGNATURE} {HEADERS}"),
        (
            header("authorization", lambda value: "AWS4-HMAC-SHA256"),
            f"{CREDENTIAL} {SIGNATURE} {HEADERS}",
        ),
        (
            header("authorization", lambda value: value.replace("AWS4-", "AWS5-")),
            f"{CREDENTIAL} {SIGNATURE} {HEADERS}",
        ),
        (header("authorization", lambda value: value.replace("Credential", "x")), CREDENTIAL),
        (header("authorization", lambda value: value.replace("Signature=", "x")), SIGNATURE),
        (header("authorization", lambda value: value.partition("Signature=")[0]), SIGNATURE),
        (header("authorization", lambda value: value.replace("SignedHeaders=", "x=")), HEADERS),
        (header("x-amz-date", lambda value: None), NO_DATE),
        (header("authorization", lambda value: value.replace("/aws4_request", "")), NO_PARTS),
        (header("authorization", lambda value: value.replace("ial=", "ial=a/")), NO_PARTS),
        (header("x-amz-date", lambda value: value[:-1]), NO_BASIC_FORMAT),
        (header("x-amz-date", lambda value: "20241324T000000Z"), NO_BASIC_FORMAT),
        (header("x-amz-date", lambda value: "tomorrow"), NO_BASIC_FORMAT),
        (
            header("x-amz-date", lambda value: "Fri, 31 Dec 9999 23:59:59 -2359"),
            NO_BASIC_FORMAT,
        ),
        (
            header("x-room", lambda value: None),
            "'x-room' is named as a SignedHeader, but it does not exist in the HTTP request.",
        ),
    ],
)
def test_what_is_missing_or_malformed(change: Change, message: str) -> None:
    with pytest.raises(IncompleteSignatureError) as raised:
        verify(change(signed(headers={"X-Room": "7"})))
    error = raised.value
    assert (error.message, error.status, error.aws_code) == (
        message,
        403,
        "IncompleteSignatureException",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(
            (
                query(f"X-Amz-{name}=", "x="),
                f"AWS query-string parameters must include 'X-Amz-{name}'.",
            )
            for name in ("Algorithm", "Credential", "Signature", "SignedHeaders", "Date")
        ),
        (query("HMAC-SHA256", "HMAC-SHA1"), "X-Amz-Algorithm must be AWS4-HMAC-SHA256."),
        (query("%2Faws4_request", ""), NO_PARTS),
        (query("X-Amz-Date=20", "X-Amz-Date=x"), NO_BASIC_FORMAT),
        *(
            (
                query("X-Amz-Expires=60", f"X-Amz-Expires={expires}"),
                "X-Amz-Expires must be a number of seconds, from 1 to 604800.",
            )
            for expires in ("", "0", "-1", "604801", "1000000", "6e1", "%D9%A6%D9%A0", "60%0A")
        ),
    ],
)
def test_what_is_missing_or_malformed_in_a_query(change: Change, message: str) -> None:
    with pytest.raises(IncompleteSignatureError) as raised:
        verify(change(presigned()))
    assert raised.value.message == message


@pytest.mark.parametrize("make", [signed, presigned])
def test_the_host_must_be_signed(make: Callable[[], SignedRequest]) -> None:
    request = make()
    changed = request._replace(
        headers=[(name, value.replace("=host;", "=")) for name, value in request.headers],
        query=request.query.replace("SignedHeaders=host", "SignedHeaders=x"),
    )
    with pytest.raises(SignatureError) as raised:
        verify(changed)
    assert raised.value.message == (
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            header("authorization", lambda value: value.replace("/execute-api/", "/s3/")),
            "Credential should be scoped to correct service: 'execute-api'.",
        ),
        (
            header("authorization", lambda value: value.replace(REGION, "us-east-1")),
            "Credential should be scoped to a valid region, not 'us-east-1'.",
        ),
        (
            header("authorization", lambda value: value.replace("/aws4_request", "/aws4")),
            "Credential should be scoped with a valid terminator: 'aws4_request'.",
        ),
    ],
)
def test_a_scope_of_another_place(change: Change, message: str) -> None:
    with pytest.raises(SignatureError) as raised:
        verify(change(signed()))
    assert (raised.value.message, raised.value.aws_code) == (message, "InvalidSignatureException")


def test_a_scope_of_another_day() -> None:
    request = signed()
    day = time_of(request).strftime("%Y%m%d")
    with pytest.raises(SignatureError) as raised:
        verify(header("x-amz-date", lambda value: "20150830T123600Z")(request))
    assert raised.value.message == (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'{day}' != '20150830', from '20150830T123600Z'."
    )


def time_of(request: SignedRequest) -> datetime:
    """Return when botocore signed a request."""
    texts = {**dict(parse_qsl(request.query)), **dict(request.headers)}
    return datetime.strptime(texts["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def stamp(time: datetime, seconds: int = 0) -> str:
    return (time + timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%SZ")


@pytest.mark.parametrize(
    ("make", "late_s", "span"),
    [
        (signed, 300, "5 min."),
        (presigned, 60, "1 min."),
        (lambda: presigned(expires=90), 90, "90 s"),
        (lambda: presigned(expires=604_800), 604_800, "10080 min."),
    ],
)
def test_a_signature_expires(make: Callable[[], SignedRequest], late_s: int, span: str) -> None:
    request = make()
    time = time_of(request)
    assert verify(request, time + timedelta(seconds=late_s)) == KEY_ID
    with pytest.raises(SignatureError) as raised:
        verify(request, time + timedelta(seconds=late_s + 1))
    assert raised.value.message == (
        f"Signature expired: {stamp(time)} is now earlier than {stamp(time, 1)} "
        f"({stamp(time, late_s + 1)} - {span})"
    )


@pytest.mark.parametrize("make", [signed, presigned])
def test_a_signature_of_the_future(make: Callable[[], SignedRequest]) -> None:
    request = make()
    time = time_of(request)
    assert verify(request, time - timedelta(seconds=300)) == KEY_ID
    with pytest.raises(SignatureError) as raised:
        verify(request, time - timedelta(seconds=301))
    assert raised.value.message == (
        f"Signature not yet current: {stamp(time)} is still later than {stamp(time, -1)} "
        f"({stamp(time, -301)} + 5 min.)"
    )


@pytest.mark.parametrize("zone", ["+0000", "-0000", "GMT"])
def test_a_date_as_mail_writes_it(zone: str) -> None:
    request = signed(headers={"Date": "set when signing"})
    other = header("date", lambda value: value.replace("-0000", zone))(request)
    # Another text than was signed: that it is refused as such shows that its time was read.
    expected = pytest.raises(SignatureError, match="does not match")
    if zone == "-0000":
        assert verify(other) == KEY_ID
    else:
        with expected:
            verify(other)


def test_bytes_that_are_no_text_are_refused_as_any_other() -> None:
    request = signed()
    for changed in (
        request._replace(path="/dev\udcff"),
        request._replace(query="a=\udcff&b=%ff"),
        header("host", lambda value: f"{value}\udcff")(request),
    ):
        with pytest.raises(SignatureError, match="does not match"):
            verify(changed)


@pytest.mark.parametrize("make", [signed, presigned])
def test_no_error_tells_the_secret_or_the_signature(make: Callable[[], SignedRequest]) -> None:
    request = make()._replace(path="/other")
    with pytest.raises(SignatureError) as raised:
        verify(request)
    told = f"{raised.value!r} {raised.value.message} {raised.value.__context__!r}"
    assert SECRET not in told
    assert "Signature=" not in told
