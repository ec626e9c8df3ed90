"""Who is connected, told as AWS IoT tells it: the messages of `$aws/events/presence/…`.

docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import orjson


TOPIC = "$aws/events/presence"
_REASONS = {
    "Client Closed": "CLIENT_INITIATED_DISCONNECT",
    "Duplicate Client ID": "DUPLICATE_CLIENTID",
    "Stale Connection": "MQTT_KEEP_ALIVE_TIMEOUT",
    "Read Error": "CONNECTION_LOST",
    "Write Error": "CONNECTION_LOST",
    "Authentication Failure": "AUTH_ERROR",
    "Authentication Timeout": "AUTH_ERROR",
    "Authentication Expired": "AUTH_ERROR",
    "Parse Error": "CLIENT_ERROR",
    "Protocol Violation": "CLIENT_ERROR",
    "Maximum Message Payload Exceeded": "CLIENT_ERROR",
    "Slow Consumer (Pending Bytes)": "THROTTLED",
    "Slow Consumer (Write Deadline)": "THROTTLED",
    "Kicked": "SERVER_INITIATED_DISCONNECT",
}
"""AWS's reason for each of nats-server's; another one is a SERVER_ERROR
[github.com/nats-io/nats-server/blob/main/server/monitor.go]."""
_CLIENTS = 100_000
"""Client ids whose versions are remembered; AWS forgets them after an hour. Ours."""


class Session(NamedTuple):
    """A connection of a client: `session_id` is its own, `principal` who logged in."""

    client_id: str
    session_id: str
    principal: str
    ip_address: str


class Presence:
    """Makes the messages; `versionNumber` counts the connections of a client id, from 0."""

    def __init__(self) -> None:
        self._versions: OrderedDict[str, int] = OrderedDict()
        self._open: dict[str, int] = {}

    def connected(self, session: Session, *, timestamp_ms: int) -> tuple[str, bytes] | None:
        """Return topic and payload for a client that connected; None for one that gets none."""
        version = self._versions.pop(session.client_id, -1) + 1
        self._versions[session.client_id] = version
        if len(self._versions) > _CLIENTS:
            self._versions.popitem(last=False)
        self._open[session.session_id] = version
        details = {"ipAddress": session.ip_address, "versionNumber": version}
        return _message("connected", session, timestamp_ms, details)

    def disconnected(
        self, session: Session, *, timestamp_ms: int, reason: str
    ) -> tuple[str, bytes] | None:
        """Return topic and payload for a client that is gone, with nats-server's `reason`."""
        version = self._open.pop(session.session_id, self._versions.get(session.client_id, 0))
        code = _REASONS.get(reason, "SERVER_ERROR")
        details = {
            "clientInitiatedDisconnect": code == "CLIENT_INITIATED_DISCONNECT",
            "disconnectReason": code,
            "versionNumber": version,
        }
        return _message("disconnected", session, timestamp_ms, details)


def _message(
    event: str, session: Session, timestamp_ms: int, details: dict[str, object]
) -> tuple[str, bytes] | None:
    if "#" in session.client_id or "+" in session.client_id:
        return None
    payload = {
        "clientId": session.client_id,
        "timestamp": timestamp_ms,
        "eventType": event,
        "sessionIdentifier": session.session_id,
        "principalIdentifier": session.principal,
        **details,
    }
    return f"{TOPIC}/{event}/{session.client_id}", orjson.dumps(payload)
