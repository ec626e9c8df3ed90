from __future__ import annotations

import orjson
import pytest

from bellwire.gateway.effects import Reject
from bellwire.gateway.responses import (
    FORBIDDEN,
    INTERNAL_SERVER_ERROR,
    TIMED_OUT,
    TOO_MANY_REQUESTS,
    Response,
    error_frame,
    parse_proxy_response,
    rejection,
    validation_frame,
)


@pytest.mark.parametrize(
    ("document", "response"),
    [
        ({"statusCode": 200}, Response(200, {}, b"")),
        ({"statusCode": "204"}, Response(204, {}, b"")),
        ({"statusCode": 500, "body": "no"}, Response(500, {}, b"no")),
        ({"statusCode": 200, "body": None, "headers": None}, Response(200, {}, b"")),
        ({"statusCode": 200, "body": "grüße"}, Response(200, {}, "grüße".encode())),
        (
            {"statusCode": 200, "body": "aGk=", "isBase64Encoded": True},
            Response(200, {}, b"hi"),
        ),
        (
            {"statusCode": 200, "body": "aGk=", "isBase64Encoded": False},
            Response(200, {}, b"aGk="),
        ),
        (
            {
                "statusCode": 200,
                "headers": {"Sec-WebSocket-Protocol": "chat", "X-Count": 3, "N": None, "E": ""},
                "multiValueHeaders": {"X": ["1", "2"], "Y": [], "Z": [["a"]]},
            },
            Response(200, {"sec-websocket-protocol": "chat", "x-count": "3", "x": "2"}, b""),
        ),
        (
            {"statusCode": 200, "headers": {"A": "x\r\nSet-Cookie: y", "B": "→", "C": "é"}},
            Response(200, {"c": "é"}, b""),
        ),
    ],
)
def test_a_response_of_the_right_form(document: object, response: Response) -> None:
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
        b'{"statusCode":"%s"}' % (b"9" * 5000),
        b'{"statusCode":"0200"}',
        b'{"statusCode":200,"multiValueHeaders":[]}',
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
    assert isinstance(parse_proxy_response(payload), str)


def test_what_is_malformed_is_told_in_a_sentence() -> None:
    payload = b'{"statusCode":200,"Data":"y","ConnectionId":"x"}'
    assert parse_proxy_response(payload) == (
        "it has other keys than body, headers, isBase64Encoded, multiValueHeaders, statusCode: "
        "ConnectionId, Data"
    )


def test_a_handshake_that_the_gateway_refuses() -> None:
    made = rejection(429, b"{}", "VNRXVFJOywMF3-Q=")
    assert made == Reject(
        429,
        {
            "Content-Type": "application/json",
            "x-amzn-ErrorType": "LimitExceededException",
            "x-amzn-RequestId": "VNRXVFJOywMF3-Q=",
            "x-amz-apigw-id": "VNRXVFJOywMF3-Q=",
        },
        b"{}",
    )
    types = {400: "BadRequestException", 401: "UnauthorizedException", 403: "ForbiddenException"}
    for status, name in {**types, 502: "InternalServerErrorException"}.items():
        assert rejection(status, b"", "r").headers["x-amzn-ErrorType"] == name


def test_the_frame_of_a_message_its_model_does_not_allow() -> None:
    made = validation_frame(connection_id="VNRUSeldSwMCIRQ=", message_id="VNRXVFJOywMF3-Q=")
    assert made == (
        b'{"message" : "Bad request body", "connectionId": "VNRUSeldSwMCIRQ=", '
        b'"messageId": "VNRXVFJOywMF3-Q="}'
    )


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
