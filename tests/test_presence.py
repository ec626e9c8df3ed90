"""Presence, from nats-server's advisories to what is published."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from bellwire.bus.advisories import Advisory
from bellwire.errors import BusError
from bellwire.presence import PresenceTeller


CAME = Advisory("pump-7", "s1", "pump", "192.0.2.7", 1, None)
WENT = CAME._replace(timestamp_ms=2, reason="Client Closed")


def told(count: int, take: Callable[[PresenceTeller], None], *, failures: int = 0) -> list[str]:
    """Return the topics published, of the first `count` messages."""
    topics: list[str] = []
    left = failures

    async def run() -> None:
        all_there = asyncio.Event()

        async def publish(topic: str, payload: bytes, qos: int) -> None:
            nonlocal left
            if left:
                left -= 1
                raise BusError("away", retryable=True)
            assert qos == 1
            assert json.loads(payload)["clientId"] == topic.rpartition("/")[2]
            topics.append(topic)
            if len(topics) == count:
                all_there.set()

        teller = PresenceTeller(publish)
        take(teller)
        task = asyncio.create_task(teller.tell())
        await asyncio.wait_for(all_there.wait(), 5)
        task.cancel()

    asyncio.run(run())
    return topics


def test_they_are_told_in_their_order() -> None:
    def take(teller: PresenceTeller) -> None:
        for advisory in (CAME, WENT, CAME._replace(session_id="s2")):
            teller.take(advisory)

    start = "$aws/events/presence"
    assert told(3, take) == [
        f"{start}/connected/pump-7",
        f"{start}/disconnected/pump-7",
        f"{start}/connected/pump-7",
    ]


def test_the_nodes_own_connections_are_not_told() -> None:
    def take(teller: PresenceTeller) -> None:
        teller.take(CAME._replace(user="bellwire-node"))
        teller.take(CAME._replace(user="bellwire-cli"))
        teller.take(CAME._replace(client_id="bellwire-probe"))
        teller.take(CAME)

    assert told(1, take) == ["$aws/events/presence/connected/pump-7"]


def test_what_the_broker_does_not_take_is_tried_again() -> None:
    topics = told(1, lambda teller: teller.take(CAME), failures=1)
    assert topics == ["$aws/events/presence/connected/pump-7"]
