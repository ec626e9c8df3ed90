"""HTTP destinations: the request that asks for confirmation, and what is kept."""

from __future__ import annotations

import orjson
import pytest

from bellwire.iot.destination import Destination, confirmation_request, decode, encode


DESTINATION = Destination("https://h/a", "arn:x", "token")


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://h/a", "https://h/a/?confirmationToken=token"),
        ("https://h/", "https://h/?confirmationToken=token"),
        ("https://h/a?b=c", "https://h/a?b=c&confirmationToken=token"),
    ],
)
def test_a_confirmation_is_asked_for_as_aws_does(url: str, asked: str) -> None:
    request = confirmation_request(DESTINATION._replace(url=url), "http://node/confirm/token")
    assert request.url == asked
    assert request.headers == {
        "content-type": "application/json",
        "x-amz-rules-engine-message-type": "DestinationConfirmation",
        "x-amz-rules-engine-destination-arn": "arn:x",
    }
    assert orjson.loads(request.body) == {
        "arn": "arn:x",
        "confirmationToken": "token",
        "enableUrl": "http://node/confirm/token",
        "messageType": "DestinationConfirmation",
    }


def test_what_is_kept_is_read_again() -> None:
    for each in (DESTINATION, DESTINATION._replace(is_enabled=True)):
        assert decode(encode(each)) == each
    assert decode(None) is None
