"""What nats-server tells its system account: which clients came and went.

docs.nats.io/running-a-nats-service/configuration/sys_accounts
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg

from bellwire.bus.embedded import ACCOUNT


_SUBJECTS = (f"$SYS.ACCOUNT.{ACCOUNT}.CONNECT", f"$SYS.ACCOUNT.{ACCOUNT}.DISCONNECT")
_PENDING = 65_536


class Advisory(NamedTuple):
    """An MQTT client that came or went; `reason` is why it went, None where it came.

    `session_id` is of this connection alone.
    """

    client_id: str
    session_id: str
    user: str
    host: str
    timestamp_ms: int
    reason: str | None


async def listen(client: Client, take: Callable[[Advisory], None]) -> None:
    """Give on who comes and goes from now on; `client` is of the system account."""

    async def read(message: Msg) -> None:
        advisory = advisory_of(message.data)
        if advisory is not None:
            take(advisory)

    for subject in _SUBJECTS:
        await client.subscribe(subject, cb=read, pending_msgs_limit=_PENDING)
    await client.flush()


def advisory_of(data: bytes) -> Advisory | None:
    """Read a message of the server; None where it is of no MQTT client."""
    document = json.loads(data)
    client = document["client"]
    if client.get("client_type") != "mqtt" or not client.get("client_id"):
        return None
    went = "reason" in document
    at = client["stop"] if went else client["start"]
    own = f"{document['server']['id']} {client['id']} {client['start']}"
    return Advisory(
        client_id=client["client_id"],
        session_id=sha256(own.encode()).hexdigest()[:32],
        user=client.get("user", ""),
        host=client.get("host", ""),
        timestamp_ms=int(datetime.fromisoformat(at).timestamp() * 1000),
        reason=document["reason"] if went else None,
    )
