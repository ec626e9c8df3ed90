from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.errors import (
    BadRequestError,
    CallerError,
    ForbiddenError,
    GoneError,
    NotFoundError,
    PayloadTooLargeError,
    TooManyRequestsError,
)
from bellwire.gateway.connection import Connection
from bellwire.gateway.management import (
    Answer,
    check_connection_id,
    check_text,
    connection_document,
    failure,
    success,
)


# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
def test_get_connection_answers_iso_times_with_milliseconds(
    make_connection: Callable[..., Connection],
) -> None:
    connection = make_connection()
    connection.last_active_ms += 60_007
    assert connection_document(connection) == (
        b'{"connectedAt":"2024-11-11T11:35:24.553Z",'
        b'"identity":{"sourceIp":"127.0.0.1","userAgent":null},'
        b'"lastActiveAt":"2024-11-11T11:36:24.560Z"}'
    )


def test_good_answers() -> None:
    assert success(200, b"", "r1") == Answer(
        200, {"x-amzn-RequestId": "r1", "x-amz-apigw-id": "r1"}, b""
    )
    assert success(204, b"", "r1") == Answer(
        204, {"x-amzn-RequestId": "r1", "x-amz-apigw-id": "r1"}, b""
    )
    assert success(200, b"{}", "r1") == Answer(
        200,
        {"x-amzn-RequestId": "r1", "x-amz-apigw-id": "r1", "Content-Type": "application/json"},
        b"{}",
    )


@pytest.mark.parametrize(
    ("error", "status", "error_type", "body"),
    [
        (GoneError("Gone"), 410, "GoneException", b""),
        (ForbiddenError("Forbidden"), 403, "ForbiddenException", b'{"message":"Forbidden"}'),
        (
            BadRequestError("Invalid connectionId: x"),
            400,
            "BadRequestException",
            b'{"message":"Invalid connectionId: x"}',
        ),
        (
            PayloadTooLargeError("too long"),
            413,
            "PayloadTooLargeException",
            b'{"message":"too long"}',
        ),
        (NotFoundError("no"), 404, "ResourceNotFoundException", b'{"message":"no"}'),
        (
            TooManyRequestsError("slow"),
            429,
            "TooManyRequestsException",
            b'{"message":"slow"}',
        ),
    ],
)
def test_an_error_names_its_type_in_the_header_that_botocore_reads(
    error: CallerError, status: int, error_type: str, body: bytes
) -> None:
    headers = {"x-amzn-ErrorType": error_type, "x-amzn-RequestId": "r1", "x-amz-apigw-id": "r1"}
    if body:
        headers["Content-Type"] = "application/json"
    assert failure(error, "r1") == Answer(status, headers, body)


def test_an_id_that_is_none_is_refused_in_the_words_of_aws() -> None:
    check_connection_id("BFaT_fALIAMCKug=")
    with pytest.raises(BadRequestError, match=r"^Invalid connectionId: cjy8i76bx002884le6n17d49b$"):
        check_connection_id("cjy8i76bx002884le6n17d49b")


def test_data_must_be_text() -> None:
    check_text(b"")
    check_text("ü!!".encode())
    with pytest.raises(BadRequestError, match="Data is not UTF-8 text: byte 1"):
        check_text(b"a\xff")
