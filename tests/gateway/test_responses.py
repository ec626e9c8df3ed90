from __future__ import annotations

import orjson
import pytest

from bellwire.gateway.responses import (
    FORBIDDEN,
    INTERNAL_SERVER_ERROR,
    TIMED_OUT,
    TOO_MANY_REQUESTS,
    ProxyResponse,
    error_frame,
    parse_proxy_response,
)


@pytest.mark.parametrize(
    ("document", "response"),
    [
        ({"statusCode": 200}, ProxyResponse(200, {}, b"")),
        ({"statusCode": "204"}, ProxyResponse(204, {}, b"")),
        ({"statusCode": 500, "body": "no"}, ProxyResponse(500, {}, b"no")),
        ({"statusCode": 200, "body": None, "headers": None}, ProxyResponse(200, {}, b"")),
        ({"statusCode": 200, "body": "grüße"}, ProxyResponse(200, {}, "grüße".encode())),
        (
            {"statusCode": 200, "body": "aGk=", "isBase64Encoded": True},
            ProxyResponse(200, {}, b"hi"),
        ),
        (
            {"statusCode": 200, "body": "aGk=", "isBase64Encoded": False},
            ProxyResponse(200, {}, b"aGk="),
        ),
        (
            {
                "statusCode": 200,
                "headers": {"Sec-WebSocket-Protocol": "chat", "X-Count": 3},
                "multiValueHeaders": {"X": ["1", "2"]},
            },
            ProxyResponse(200, {"sec-websocket-protocol": "chat", "x-count": "3"}, b""),
        ),
        (
            {"statusCode": 200, "headers": {"A": "x\r\nSet-Cookie: y", "B": "→", "C": "é"}},
            ProxyResponse(200, {"c": "é"}, b""),
        ),
    ],
)
def test_a_response_of_the_right_form(document: object, response: ProxyResponse) -> None:
    assert parse_proxy_response(orjson.dumps(document)) == response


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b'"ok"',
        b"200",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b'{"body":"hi"}',
        b'{"statusCode":null}',
        b'{"statusCode":true}',
        b'{"statusCode":200.5}',
        b'{"statusCode":"ok"}',
        '{"statusCode":"\u0662\u0660\u0660"}'.encode(),
        b'{"statusCode":99}',
        b'{"statusCode":600}',
        b'{"statusCode":200,"body":{"a":1}}',
        b'{"statusCode":200,"body":5}',
        b'{"statusCode":200,"headers":[]}',
        b'{"statusCode":200,"body":"a","isBase64Encoded":true}',
        b'{"statusCode":200,"body":"/w==","isBase64Encoded":true}',  # not UTF-8
        # github.com/middyjs/middy/issues/1219
        b'{"statusCode":200,"ConnectionId":"x","Data":"y"}',
        b'{"statusCode":200,"cookies":[]}',
        b"[" * 2000,
    ],
)
def test_what_api_gateway_calls_malformed(payload: bytes) -> None:
    assert parse_proxy_response(payload) is None


@pytest.mark.parametrize(
    ("message", "frame"),
    [
        # github.com/aws-samples/simple-websockets-chat-app/issues/42
        (
            INTERNAL_SERVER_ERROR,
            b'{"message": "Internal server error", "connectionId":"VNRUSeldSwMCIRQ=", '
            b'"requestId":"VNRXVFJOywMF3-Q="}',
        ),
        (
            FORBIDDEN,
            b'{"message": "Forbidden", "connectionId":"VNRUSeldSwMCIRQ=", '
            b'"requestId":"VNRXVFJOywMF3-Q="}',
        ),
        # github.com/aws/chalice/issues/1406
        (
            TIMED_OUT,
            b'{"message": "Endpoint request timed out", "connectionId":"VNRUSeldSwMCIRQ=", '
            b'"requestId":"VNRXVFJOywMF3-Q="}',
        ),
        (
            TOO_MANY_REQUESTS,
            b'{"message": "Too Many Requests", "connectionId":"VNRUSeldSwMCIRQ=", '
            b'"requestId":"VNRXVFJOywMF3-Q="}',
        ),
    ],
)
def test_an_error_frame_byte_for_byte(message: str, frame: bytes) -> None:
    made = error_frame(message, connection_id="VNRUSeldSwMCIRQ=", request_id="VNRXVFJOywMF3-Q=")
    assert made == frame
