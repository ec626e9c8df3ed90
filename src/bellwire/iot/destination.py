"""A destination of HTTP actions: what is remembered of it, and how it is asked to confirm.

docs.aws.amazon.com/iot/latest/developerguide/http-action-destination.html
"""

from __future__ import annotations

from typing import NamedTuple

import orjson


class Destination(NamedTuple):
    """What one confirmation URL stands for."""

    url: str
    arn: str
    token: str
    is_enabled: bool = False


class ConfirmationRequest(NamedTuple):
    """What is posted to whoever is to confirm."""

    url: str
    headers: dict[str, str]
    body: bytes


def confirmation_request(destination: Destination, enable_url: str) -> ConfirmationRequest:
    """Return the request that asks for a destination's confirmation."""
    url, token = destination.url, destination.token
    mark = "&" if "?" in url else "/?"
    kind = "DestinationConfirmation"
    return ConfirmationRequest(
        f"{url.rstrip('/')}{mark}confirmationToken={token}",
        {
            "content-type": "application/json",
            "x-amz-rules-engine-message-type": kind,
            "x-amz-rules-engine-destination-arn": destination.arn,
        },
        orjson.dumps(
            {
                "arn": destination.arn,
                "confirmationToken": token,
                "enableUrl": enable_url,
                "messageType": kind,
            }
        ),
    )


def encode(destination: Destination) -> bytes:
    """Return a destination as it is kept."""
    status = "ENABLED" if destination.is_enabled else "IN_PROGRESS"
    return orjson.dumps(
        {"url": destination.url, "arn": destination.arn, "token": destination.token}
        | {"status": status}
    )


def decode(data: bytes | None) -> Destination | None:
    """Return a destination that was kept, None where there is none."""
    if data is None:
        return None
    kept = orjson.loads(data)
    return Destination(kept["url"], kept["arn"], kept["token"], kept["status"] == "ENABLED")
