"""Whole documents and frames as AWS shows them, each naming its page: tests/cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bellwire import errors
from bellwire.errors import CallerError
from bellwire.gateway import management, responses
from bellwire.gateway.events import ConnectionContext, Handshake, authorizer_event


CASES = Path(__file__).parents[1] / "cases"


def cases(folder: str) -> list[Any]:
    """Return the cases of a folder, each named by its file."""
    paths = sorted((CASES / folder).glob("*.json"))
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in paths]


@pytest.mark.parametrize("case", cases("authorizers"))
def test_the_event_of_an_authorizer(case: dict[str, Any]) -> None:
    headers = [(name, value) for name, value in case["handshake"]["headers"]]
    event = authorizer_event(
        ConnectionContext(**case["context"]),
        Handshake(**case["handshake"] | {"headers": headers}),
        **case["arguments"],
    )
    assert json.loads(event) == case["event"]
    assert list(json.loads(event)["headers"]) == list(case["event"]["headers"])


@pytest.mark.parametrize("case", cases("frames"))
def test_an_error_frame_byte_for_byte(case: dict[str, Any]) -> None:
    if "message_id" in case["ids"]:
        frame = responses.validation_frame(**case["ids"])
    else:
        frame = responses.error_frame(case["message"], **case["ids"])
    assert frame == case["frame"].encode()


@pytest.mark.parametrize("case", cases("answers"))
def test_an_answer_of_connections_byte_for_byte(case: dict[str, Any]) -> None:
    error: CallerError = getattr(errors, case["error"])(case["words"])
    answer = management.failure(error, case["headers"]["x-amzn-RequestId"])
    expected = management.Answer(case["status"], case["headers"], case["body"].encode())
    assert answer == expected


@pytest.mark.parametrize("folder", ["events", "authorizers", "frames", "answers"])
def test_every_case_names_its_page_of_aws(folder: str) -> None:
    found = [json.loads(path.read_text()) for path in (CASES / folder).glob("*.json")]
    assert found
    for case in found:
        assert case["source"].startswith("https://docs.aws.amazon.com/apigateway/latest/")
        assert case.get("seen", "https://github.com/").startswith("https://github.com/")
