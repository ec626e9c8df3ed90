"""The @connections API: what its paths and answers look like.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from bellwire.errors import BadRequestError, CallerError
from bellwire.gateway.connection import Connection
from bellwire.gateway.ids import is_well_formed


class Answer(NamedTuple):
    """An HTTP answer: status, headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes


def check_connection_id(connection_id: str) -> None:
    """Raise BadRequestError where the text cannot be a connection's id."""
    if not is_well_formed(connection_id):
        raise BadRequestError(f"Invalid connectionId: {connection_id}")


def check_text(payload: bytes) -> None:
    """Raise BadRequestError where the data is not text: clients get text frames only."""
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        raise BadRequestError(f"Data is not UTF-8 text: byte {error.start}") from None


def connection_document(connection: Connection) -> bytes:
    """Return what GetConnection answers: ISO times with milliseconds, as botocore wants them."""
    context = connection.context
    return orjson.dumps(
        {
            "connectedAt": _iso(context.connected_at_ms),
            "identity": {"sourceIp": context.source_ip, "userAgent": context.user_agent},
            "lastActiveAt": _iso(connection.last_active_ms),
        }
    )


def success(status: int, body: bytes, request_id: str) -> Answer:
    """Return a good answer: 200 with a document or empty, 204."""
    headers = {"x-amzn-RequestId": request_id, "x-amz-apigw-id": request_id}
    if body:
        headers["Content-Type"] = "application/json"
    return Answer(status, headers, body)


def failure(error: CallerError, request_id: str) -> Answer:
    """Return an error as botocore reads it: the type in `x-amzn-ErrorType`.

    The body of a 410 is empty, as AWS sends it.
    """
    headers = {
        "x-amzn-ErrorType": error.aws_code,
        "x-amzn-RequestId": request_id,
        "x-amz-apigw-id": request_id,
    }
    if error.status == 410:
        return Answer(410, headers, b"")
    headers["Content-Type"] = "application/json"
    return Answer(
        error.status,
        headers,
        orjson.dumps({"message": error.message.encode("utf-8", "replace").decode()}),
    )


def _iso(epoch_ms: int) -> str:
    at = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03}Z"
