"""AWS's presence messages, whole."""

from __future__ import annotations

import json

import pytest

from bellwire.iot.presence import Presence, Session


FIRST = Session("pump-7", "s1", "pump", "192.0.2.7")


def test_a_client_that_connected() -> None:
    message = Presence().connected(FIRST, timestamp_ms=1573002230757)
    assert message is not None
    topic, payload = message
    assert topic == "$aws/events/presence/connected/pump-7"
    assert json.loads(payload) == {
        "clientId": "pump-7",
        "timestamp": 1573002230757,
        "eventType": "connected",
        "sessionIdentifier": "s1",
        "principalIdentifier": "pump",
        "ipAddress": "192.0.2.7",
        "versionNumber": 0,
    }


def test_a_client_that_is_gone() -> None:
    presence = Presence()
    presence.connected(FIRST, timestamp_ms=1)
    message = presence.disconnected(FIRST, timestamp_ms=2, reason="Client Closed")
    assert message is not None
    topic, payload = message
    assert topic == "$aws/events/presence/disconnected/pump-7"
    assert json.loads(payload) == {
        "clientId": "pump-7",
        "timestamp": 2,
        "eventType": "disconnected",
        "sessionIdentifier": "s1",
        "principalIdentifier": "pump",
        "clientInitiatedDisconnect": True,
        "disconnectReason": "CLIENT_INITIATED_DISCONNECT",
        "versionNumber": 0,
    }


def test_a_client_that_is_taken_over_goes_with_its_own_version() -> None:
    presence = Presence()
    second = FIRST._replace(session_id="s2")
    presence.connected(FIRST, timestamp_ms=1)
    connected = presence.connected(second, timestamp_ms=2)
    gone = presence.disconnected(FIRST, timestamp_ms=2, reason="Duplicate Client ID")
    assert connected is not None
    assert gone is not None
    assert json.loads(connected[1])["versionNumber"] == 1
    document = json.loads(gone[1])
    assert document["versionNumber"] == 0
    assert document["disconnectReason"] == "DUPLICATE_CLIENTID"
    assert document["clientInitiatedDisconnect"] is False


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("Stale Connection", "MQTT_KEEP_ALIVE_TIMEOUT"),
        ("Read Error", "CONNECTION_LOST"),
        ("Protocol Violation", "CLIENT_ERROR"),
        ("Kicked", "SERVER_INITIATED_DISCONNECT"),
        ("what is new", "SERVER_ERROR"),
    ],
)
def test_reasons(reason: str, code: str) -> None:
    message = Presence().disconnected(FIRST, timestamp_ms=1, reason=reason)
    assert message is not None
    assert json.loads(message[1])["disconnectReason"] == code


@pytest.mark.parametrize("client_id", ["a#", "a+b"])
def test_a_client_whose_id_has_a_wildcard_gets_none(client_id: str) -> None:
    session = FIRST._replace(client_id=client_id)
    assert Presence().connected(session, timestamp_ms=1) is None
    assert Presence().disconnected(session, timestamp_ms=1, reason="Client Closed") is None
