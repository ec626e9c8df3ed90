"""The stream that keeps asynchronous events until their functions are done with them.

Each service and stage has one, with a subject and a durable consumer for each function. An event
is removed when it is acknowledged. A full stream takes no more; it never drops what it has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StreamConfig,
)
from nats.js.errors import APIError

from bellwire.bus.connection import ACK, IN_PROGRESS, Bus, another_node
from bellwire.bus.embedded import HEADER_ROOM
from bellwire.errors import BusError
from bellwire.limits import Limits


log = logging.getLogger("bellwire.bus")

_REQUEST_ID, _CHAIN = "Bellwire-Request-Id", "Bellwire-Chain"
_STREAM_FULL = 10077
"""JetStream's error code where `max_bytes` is reached
[github.com/nats-io/nats-server/blob/main/server/errors.json]."""
_OVERHEAD_BYTES = 1024


class StoredEvent(NamedTuple):
    """An asynchronous event from the stream. Say `done()` once, else it comes again.

    `sequence` names it for good, however often it comes. `accepted_ms` is when it was stored,
    `chain` how many invocations led to it by way of destinations.
    """

    bus: Bus
    reply: str
    sequence: int
    function: str
    request_id: str
    payload: bytes
    accepted_ms: int
    chain: int

    def done(self) -> None:
        """Remove the event from the stream."""
        self.bus.reply(self.reply, ACK)

    def in_progress(self) -> None:
        """Say that it is being worked on: it is not given out again yet."""
        self.bus.reply(self.reply, IN_PROGRESS)


class Invocations:
    """The asynchronous events of one service."""

    def __init__(self, bus: Bus, *, limits: Limits) -> None:
        self._bus = bus
        self._limits = limits
        self._stream = f"BELLWIRE_INVOCATIONS_{bus.scope}"
        self._prefix = f"bellwire.invocation.{bus.scope}."
        self._listening: dict[str, Subscription] = {}

    async def open(self) -> None:
        """Make sure that the stream exists and that no other node serves it; BusError."""
        await self._bus.keep_stream(
            StreamConfig(
                name=self._stream,
                subjects=[f"{self._prefix}*"],
                retention=RetentionPolicy.WORK_QUEUE,
                max_bytes=self._limits.stored_invocations_bytes,
                discard=DiscardPolicy.NEW,
            )
        )
        if any(info.push_bound for info in await self._bus.consumers(self._stream)):
            raise another_node()

    async def listen(
        self, functions: Iterable[str], on_event: Callable[[StoredEvent], None]
    ) -> None:
        """Take the events of these functions from now on, and those left by functions now gone.

        Call it again when there are others. Raises BusError.
        """
        try:
            waiting = await self._functions_with_events()
            wanted = {*functions, *waiting}
            for info in await self._bus.consumers(self._stream):
                if info.name not in wanted:
                    await self._end_listening(info.name)
            for function in sorted(wanted - self._listening.keys()):
                await self._listen(function, on_event)
        except (TimeoutError, NatsError) as error:
            raise BusError(
                f"NATS refused to serve the asynchronous events: {error}", retryable=True
            ) from None

    async def store(
        self,
        function: str,
        payload: bytes,
        *,
        request_id: str,
        chain: int = 0,
        once: str | None = None,
    ) -> None:
        """Keep an event for a function; return once the stream has it, else raise BusError.

        What is stored `once` under a name is not stored again within two minutes.
        """
        self._check_size(payload)
        headers = {_REQUEST_ID: request_id, _CHAIN: str(chain)}
        if once is not None:
            headers["Nats-Msg-Id"] = once
        try:
            await self._bus.jetstream.publish(self._prefix + function, payload, headers=headers)
        except APIError as error:
            if error.err_code == _STREAM_FULL:
                raise self._full() from None
            raise self._not_stored(error) from None
        except (TimeoutError, NatsError) as error:
            raise self._not_stored(error) from None

    def _check_size(self, payload: bytes) -> None:
        """Refuse what the server would not take back as a dead letter, with its headers."""
        limit = self._bus.client.max_payload - HEADER_ROOM
        if len(payload) > limit:
            raise BusError(
                f"an event of {len(payload)} bytes could not be stored: the NATS server takes "
                f"{limit} and headers",
                retryable=False,
                hint="raise max_payload in the configuration of nats-server",
            )

    def _full(self) -> BusError:
        return BusError(
            f"asynchronous events fill all of their {self._limits.stored_invocations_bytes} bytes",
            retryable=False,
            hint="wait until functions have worked some off, or raise "
            "custom.bellwire.limits.storedInvocationsBytes",
        )

    def _not_stored(self, error: Exception) -> BusError:
        return BusError(
            f"an asynchronous event could not be stored: {str(error) or type(error).__name__}",
            retryable=True,
        )

    async def _functions_with_events(self) -> list[str]:
        info = await self._bus.jetstream.stream_info(self._stream, subjects_filter=">")
        return [subject.removeprefix(self._prefix) for subject in info.state.subjects or {}]

    async def _end_listening(self, function: str) -> None:
        await self._bus.jetstream.delete_consumer(self._stream, function)
        subscription = self._listening.pop(function, None)
        if subscription is not None:
            await subscription.unsubscribe()

    async def _listen(self, function: str, on_event: Callable[[StoredEvent], None]) -> None:
        in_flight = self._limits.invocations_in_flight
        deliver_to = f"bellwire.invoke.{self._bus.scope}.{function}"

        async def take(message: Msg) -> None:
            event = self._event(function, message)
            if event is not None:
                on_event(event)

        subscription = await self._bus.client.subscribe(
            deliver_to,
            queue=function,
            cb=take,
            pending_bytes_limit=in_flight
            * (self._limits.asynchronous_payload_bytes + _OVERHEAD_BYTES),
        )
        await self._bus.jetstream.add_consumer(
            self._stream,
            ConsumerConfig(
                durable_name=function,
                deliver_subject=deliver_to,
                deliver_group=function,
                filter_subject=self._prefix + function,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=self._limits.redelivery_s,
                max_ack_pending=in_flight,
            ),
        )
        self._listening[function] = subscription

    def _event(self, function: str, message: Msg) -> StoredEvent | None:
        if not message.reply:
            return None
        headers = message.headers or {}
        metadata = message.metadata
        return StoredEvent(
            bus=self._bus,
            reply=message.reply,
            sequence=metadata.sequence.stream,
            function=function,
            request_id=headers.get(_REQUEST_ID, ""),
            payload=message.data,
            accepted_ms=int(metadata.timestamp.timestamp() * 1000),
            chain=int(headers.get(_CHAIN, "0")),
        )
