"""Tells devices and rules who is connected: what nats-server says becomes AWS's messages."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from bellwire.bus.advisories import Advisory
from bellwire.bus.embedded import CLI_USER, DEVICE_USER
from bellwire.errors import BellwireError
from bellwire.iot.presence import Presence, Session


log = logging.getLogger("bellwire.devices")

_WAITING = 20_000
"""Messages that may wait for the broker; of more the oldest are dropped. Ours."""
_TOGETHER = 100
_PATIENCE_S = 1.0

Publish = Callable[[str, bytes, int], Awaitable[None]]
"""Publishes a payload to a topic with a QoS; raises BellwireError."""


class PresenceTeller:
    """Publishes who came and went, in the order of events, with QoS 1."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._presence = Presence()
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=_WAITING)
        self._is_waiting = asyncio.Event()
        self._dropped = 0

    def take(self, advisory: Advisory) -> None:
        """Take what the server says; of the node's own connections nothing is told."""
        if advisory.user in (DEVICE_USER, CLI_USER) or advisory.client_id.startswith("bellwire-"):
            return
        session = Session(
            client_id=advisory.client_id,
            session_id=advisory.session_id,
            principal=advisory.user,
            ip_address=advisory.host,
        )
        at_ms = advisory.timestamp_ms
        if advisory.reason is None:
            message = self._presence.connected(session, timestamp_ms=at_ms)
        else:
            message = self._presence.disconnected(
                session, timestamp_ms=at_ms, reason=advisory.reason
            )
        if message is not None:
            self._queue(message)

    async def tell(self) -> None:
        """Publish what waits, until cancelled; what the broker does not take is tried again."""
        while True:
            await self._is_waiting.wait()
            self._is_waiting.clear()
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
                await asyncio.gather(*(self._insist(*message) for message in some))

    async def _insist(self, topic: str, payload: bytes) -> None:
        for is_last in (False, True):
            try:
                await self._publish(topic, payload, 1)
            except BellwireError as error:
                if is_last:
                    log.warning("%s is not told: %s", topic, error.message)
                else:
                    await asyncio.sleep(_PATIENCE_S)
            else:
                return

    def _queue(self, message: tuple[str, bytes]) -> None:
        if len(self._waiting) == _WAITING:
            self._dropped += 1
            if self._dropped & (self._dropped - 1) == 0:
                log.warning("%d presence messages dropped: too many wait", self._dropped)
        self._waiting.append(message)
        self._is_waiting.set()
