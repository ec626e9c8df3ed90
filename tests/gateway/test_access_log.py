from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import DefinitionError, Place
from bellwire.gateway.access_log import compile_access_log


PLACE = Place("serverless.yml", 9, 5)
# The format that the Serverless Framework gives a WebSocket API's stage.
SERVERLESS = (
    "$context.identity.sourceIp $context.identity.caller $context.identity.user "
    '[$context.requestTime] "$context.eventType $context.routeKey $context.connectionId" '
    "$context.requestId"
)
VALUES = {
    "identity.sourceIp": "127.0.0.1",
    "requestTime": "11/Nov/2024:11:35:24 +0000",
    "eventType": "CONNECT",
    "routeKey": "$connect",
    "connectionId": "BFHPhfCWIAMCKlQ=",
    "requestId": "BFHPhFe3IAMF93g=",
    "extendedRequestId": "BFHPhFe3IAMF93g=",
    "status": "200",
    "stage": "",
    "authorizer.principalId": "user",
    "authorizer.tenant_id": "t1",
    "authorizer.claims.email": "a@example.com",
    "identity.secret": "never shown",
    "error.message": 'say "no"',
    "error.messageString": '"Forbidden"',
    "error.validationErrorString": '["a"] is missing',
}


def line(format: str, values: dict[str, str] | None = None) -> str:
    return compile_access_log(format, PLACE)((VALUES if values is None else values).get)


def test_the_format_of_the_serverless_framework() -> None:
    assert line(SERVERLESS) == (
        "127.0.0.1 - - [11/Nov/2024:11:35:24 +0000] "
        '"CONNECT $connect BFHPhfCWIAMCKlQ=" BFHPhFe3IAMF93g='
    )


def test_the_same_format_writes_many_lines() -> None:
    write = compile_access_log("$context.requestId $context.status", PLACE)
    assert write({"requestId": "a", "status": "200"}.get) == "a 200"
    assert write({"requestId": "b", "status": "403"}.get) == "b 403"
    assert write(lambda name: None) == "- -"


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("$context.status.", "200."),
        ("$context.status$context.status", "200200"),
        ("$context.stage", "-"),
        ("$context.authorizer.principalId", "user"),
        ("$context.authorizer.tenant_id", "t1"),
        ("$context.authorizer.claims.email", "a@example.com"),
        ("$context.authorizer.other", "-"),
        ("$context.authorizer", "-"),
        ("$context.identity.secret", "-"),
        ("$context.statusCode", "-"),
        ("$context.Status", "-"),
        ("$context.", "$context."),
        ("$context", "$context"),
        ("$$context.status", "$200"),
        ("${context.status}", "${context.status}"),
        ("$context.requestId.more", "-"),
        ("größe", "größe"),
    ],
)
def test_what_a_variable_is(format: str, text: str) -> None:
    assert line(f"$context.requestId {format}") == f"BFHPhFe3IAMF93g= {text}"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("status", "a\nb", r"a\nb"),
        ("status", "a\r\n\tb", r"a\r\n\tb"),
        ("status", "\x00\x1b[2J\x7f\x85", r"\u0000\u001b[2J\u007f\u0085"),
        ("status", "\u2028\u2029\udcff", r"\u2028\u2029\udcff"),
        ("status", 'a "b" \\', r"a \"b\" \\"),
        ("status", "größe 温度 😀", "größe 温度 😀"),
        ("error.messageString", '"Forbidden"', '"Forbidden"'),
        ("error.messageString", '"a\nb"', r'"a\nb"'),
    ],
)
def test_values_are_escaped(name: str, value: str, text: str) -> None:
    assert line(f"$context.requestId $context.{name}", {name: value}) == f"- {text}"


@given(agent=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_whatever_a_client_sends_is_one_line_and_one_value(agent: str) -> None:
    format = '{"id":"$context.requestId","agent":"$context.identity.userAgent"}'
    written = line(format, {"requestId": "r", "identity.userAgent": agent})
    assert json.loads(written) == {"id": "r", "agent": agent}
    assert written.splitlines() == [written]
    assert written.encode()


def test_all_variables_of_the_aws_page_are_known() -> None:
    names = [
        *("apiId", "connectedAt", "connectionId", "domainName", "eventType", "extendedRequestId"),
        *("integrationLatency", "messageId", "requestId", "requestTime", "requestTimeEpoch"),
        *("routeKey", "stage", "status"),
        *(
            f"{part}.{name}"
            for part in ("authorize", "authenticate", "waf")
            for name in ("error", "latency", "status")
        ),
        *(
            f"authorizer.{name}"
            for name in (
                "error",
                "integrationLatency",
                "integrationStatus",
                "latency",
                "requestId",
                "status",
                "principalId",
                "anything",
            )
        ),
        *(
            f"error.{name}"
            for name in ("message", "messageString", "responseType", "validationErrorString")
        ),
        *(
            f"identity.{name}"
            for name in (
                "accountId",
                "apiKey",
                "apiKeyId",
                "caller",
                "cognitoAuthenticationProvider",
                "cognitoAuthenticationType",
                "cognitoIdentityId",
                "cognitoIdentityPoolId",
                "principalOrgId",
                "sourceIp",
                "user",
                "userAgent",
                "userArn",
            )
        ),
        *(
            f"integration.{name}"
            for name in ("error", "integrationStatus", "latency", "requestId", "status")
        ),
    ]
    write = compile_access_log(" ".join(f"$context.{name}" for name in names), PLACE)
    assert write(lambda name: f"<{name}>") == " ".join(f"<{name}>" for name in names)


@pytest.mark.parametrize(
    ("format", "message", "hint"),
    [
        ("", "an access log format must contain $context.requestId", "add $context.requestId"),
        (
            "$context.extendedRequestId $context.integration.requestId $context.requestIdentity",
            "an access log format must contain $context.requestId",
            "add $context.requestId",
        ),
        *(
            (
                f"$context.requestId{end}",
                "an access log format is one line",
                "in YAML, a text after >- is folded into one line",
            )
            for end in ("\n", "\r", "\nx", "\u2028", "\x85", "\x0b")
        ),
        (
            "$context.requestId" + "x" * (3072 - 17),
            "an access log format has at most 3072 bytes",
            "log less",
        ),
        (
            "$context.requestId" + "é" * 1528,
            "an access log format has at most 3072 bytes",
            "log less",
        ),
    ],
)
def test_a_format_that_is_refused(format: str, message: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        compile_access_log(format, PLACE)
    error = raised.value
    assert (error.message, error.place, error.hint) == (message, PLACE, hint)


def test_the_longest_format() -> None:
    assert line("$context.requestId" + "é" * 1527) == VALUES["requestId"] + "é" * 1527
