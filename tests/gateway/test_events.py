from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.gateway.events import (
    ConnectionContext,
    Handshake,
    connect_event,
    disconnect_event,
    message_event,
)


CASES = Path(__file__).parent.parent / "cases" / "events"


def handshake(fields: dict[str, Any]) -> Handshake:
    return Handshake(**fields | {"headers": [(name, value) for name, value in fields["headers"]]})


def event_of(case: dict[str, Any]) -> bytes:
    context = ConnectionContext(**case["context"])
    arguments = case["arguments"]
    match case["kind"]:
        case "connect":
            return connect_event(context, handshake(case["handshake"]), **arguments)
        case "message":
            return message_event(context, case["body"], **arguments)
        case _:
            return disconnect_event(context, **arguments)


@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=lambda path: str(path.stem))
def test_an_event_is_the_whole_document_of_the_aws_page(path: Path) -> None:
    case = json.loads(path.read_text())
    assert case["source"].startswith("https://docs.aws.amazon.com/")
    assert json.loads(event_of(case)) == case["event"]


def test_connect_headers_are_sorted_as_on_aws() -> None:
    case = json.loads((CASES / "connect_from_a_browser.json").read_text())
    event = json.loads(event_of(case))
    names = list(event["headers"])
    assert names == sorted(names, key=str.lower)
    assert names == list(event["multiValueHeaders"])


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("localhost:3001", "3001"),
        ("example.com", "80"),
        ("[::1]:3001", "3001"),
        ("[::1]", "80"),
        ("", "80"),
        ("example.com:", "80"),
    ],
)
def test_the_forwarded_port_is_the_one_the_client_named(host: str, port: str) -> None:
    context = ConnectionContext("a", "dev", "c", 0, host, "::1", None)
    event = orjson.loads(
        connect_event(
            context,
            Handshake(host, "/dev", "", [], "::1", None),
            request_id="r",
            now_ms=0,
            trace_id="t",
        )
    )
    assert event["headers"]["X-Forwarded-Port"] == port


@pytest.mark.parametrize("query", ["", "&", "&&"])
def test_an_empty_query_string_leaves_no_trace(query: str) -> None:
    context = ConnectionContext("a", "dev", "c", 0, "h", "::1", None)
    event = orjson.loads(
        connect_event(
            context,
            Handshake("h", "/dev", query, [], "::1", None),
            request_id="r",
            now_ms=0,
            trace_id="t",
        )
    )
    assert set(event) == {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded"}


@given(body=st.text(), now_ms=st.integers(0, 253_402_300_799_999))
def test_a_body_comes_back_as_it_was_sent_at_any_time(body: str, now_ms: int) -> None:
    context = ConnectionContext("a", "dev", "c", 0, "h", "::1", None)
    event = json.loads(
        message_event(context, body, route_key="k", message_id="m", request_id="r", now_ms=now_ms)
    )
    assert event["body"] == body
    assert event["requestContext"]["requestTimeEpoch"] == now_ms
