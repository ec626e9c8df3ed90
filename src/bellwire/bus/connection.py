"""The node's NATS connection, and what all who use it share: acknowledgements, streams."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import SlowConsumerError
from nats.js import JetStreamContext
from nats.js.api import (
    ConsumerInfo,
    StreamConfig,
)
from nats.js.errors import APIError, BadRequestError

from bellwire.bus.subjects import (
    topic_of,
)
from bellwire.errors import BusError
from bellwire.limits import Limits


log = logging.getLogger("bellwire.bus")

ACK, IN_PROGRESS = b"+ACK", b"+WPI"
_NO_ROOM = 10047
"""JetStream's error code where it cannot reserve the bytes of a stream
[github.com/nats-io/nats-server/blob/main/server/errors.json]."""
_CONNECT_POLL_S = 0.02
_RECONNECT_S = 0.2
PLAIN_PENDING = 65_536
"""QoS 0 messages that may wait for their turn: many more than one read of the socket brings. What
a rule cannot take it drops itself."""


class Bus:
    """A connection to NATS that comes back by itself when the server does.

    `scope` (service and stage) keeps the durable consumers of several services apart.
    """

    def __init__(self, *, scope: str, limits: Limits) -> None:
        self.scope = re.sub(r"[^A-Za-z0-9_-]", "_", scope)
        self._limits = limits
        self.client = Client()
        self._js: JetStreamContext | None = None
        self._replies: list[tuple[str, bytes]] = []
        self._sender: asyncio.Task[None] | None = None
        self._closing = False
        self._dropped = 0

    async def connect(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        within_s: float,
        is_hopeless: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Connect, trying for `within_s` seconds; BusError where it does not succeed.

        `is_hopeless` tells why trying again is of no use.
        """
        connecting = asyncio.ensure_future(
            self.client.connect(
                url,
                user=user,
                password=password,
                name="bellwire",
                allow_reconnect=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_CONNECT_POLL_S,  # type: ignore[arg-type]  # not only whole ones
                connect_timeout=2,
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnect,
                reconnected_cb=_on_reconnect,
            )
        )
        # The client itself tries for ever.
        deadline = time.monotonic() + within_s
        while not connecting.done():
            await asyncio.wait([connecting], timeout=_CONNECT_POLL_S)
            reason = is_hopeless()
            if not connecting.done() and (reason is not None or time.monotonic() > deadline):
                while not connecting.done():  # wait_for() may lose a cancellation
                    connecting.cancel()
                    await asyncio.wait([connecting], timeout=_CONNECT_POLL_S)
                await self.client.close()
                raise _unreachable(url, reason or self.client.last_error, retryable=not reason)
        try:
            await connecting
        except (ValueError, NatsError) as error:
            raise _unreachable(url, error, retryable=False) from None
        self.client.options["reconnect_time_wait"] = _RECONNECT_S
        self._js = self.client.jetstream()

    async def close(self) -> None:
        """Send what is waiting and disconnect; safe where `connect` did not succeed."""
        self._closing = True
        if self._js is None:
            return
        if self._sender is not None:
            await self._sender
        if self.client.is_connected:
            await self.client.drain()
        elif not self.client.is_closed:
            # The server is away just now; the client may still hold the socket that it lost.
            with suppress(RuntimeError, OSError):
                await self.client.close()

    @property
    def jetstream(self) -> JetStreamContext:
        """JetStream, on the same connection."""
        assert self._js is not None, "connect() comes first"
        return self._js

    async def keep_stream(self, config: StreamConfig) -> None:
        """Make sure that a stream exists, with this configuration; BusError where it cannot."""
        try:
            try:
                await self.jetstream.add_stream(config)
            except BadRequestError:  # it is there with other settings
                await self.jetstream.update_stream(config)
        except (TimeoutError, NatsError) as error:
            has_no_room = isinstance(error, APIError) and error.err_code == _NO_ROOM
            hint = f"JetStream needs room for {config.max_bytes} bytes more: see storedEventsBytes"
            raise BusError(
                f"the stream {config.name}: {error}",
                retryable=True,
                hint=hint if has_no_room else None,
            ) from None

    async def consumers(self, stream: str) -> list[ConsumerInfo]:
        """Return all consumers of a stream; NotFoundError of nats where there is no such stream."""
        # The server lists 256 at a time, and has one for each MQTT session with QoS 1 as well.
        found: list[ConsumerInfo] = []
        while page := await self.jetstream.consumers_info(stream, offset=len(found)):
            found += page
        return found

    def reply(self, subject: str, verdict: bytes) -> None:
        """Queue an acknowledgement; all of one turn of the loop go out together."""
        self._replies.append((subject, verdict))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_replies())

    async def _send_replies(self) -> None:
        while self._replies:
            replies, self._replies = self._replies, []
            unsent = 0
            for subject, verdict in replies:
                try:
                    await self.client.publish(subject, verdict)
                except NatsError:
                    unsent += 1
            if unsent:
                log.warning(
                    "%d acknowledgements could not be sent: their events are given out again",
                    unsent,
                )

    # What the client reports

    async def _on_error(self, error: Exception) -> None:
        if self._js is None or (isinstance(error, OSError) and not self.client.is_connected):
            return  # one more try to connect that did not succeed: said once, by `_on_disconnect`
        if isinstance(error, SlowConsumerError):
            self._note_dropped(error)
        elif isinstance(error, NatsError):
            log.warning("NATS: %s", error)
        else:
            log.error("taking an event ended in a bug", exc_info=error)

    def _note_dropped(self, error: SlowConsumerError) -> None:
        self._dropped += 1
        if self._dropped & (self._dropped - 1) == 0:  # 1, 2, 4, 8 …: a flood must not flood the log
            log.warning(
                "%d messages of QoS 0 dropped so far, the last from topic %s: they came faster "
                "than this node could look at them",
                self._dropped,
                topic_of(error.subject),
            )

    async def _on_disconnect(self) -> None:
        if self._js is not None and not self._closing:
            log.warning("NATS: connection lost, trying to reconnect")


def another_node() -> BusError:
    """Return the error of a node that finds another in its place."""
    return BusError(
        "another node serves this service and stage on the same NATS",
        retryable=False,
        hint="stop it, or use another --stage: this version has one node for each",
    )


def _unreachable(url: str, reason: object, *, retryable: bool) -> BusError:
    return BusError(
        f"NATS at {without_secret(url)} cannot be reached: {reason}", retryable=retryable
    )


def without_secret(url: str) -> str:
    """Return the address of a server without the user, password or token in it."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


async def _on_reconnect() -> None:
    log.info("NATS: connected again")
