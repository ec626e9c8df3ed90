"""From a broker of somebody else into NATS, where rules and shadows take messages from.

A message of QoS 1 is put where nats-server puts those of its own MQTT clients, and only then is the
broker told that we have it. So what the broker has acknowledged to a device is in one of the two.
Messages are handed on in the order in which they came. One that NATS did not confirm is sent again
under the same number, by which NATS knows it: it is stored once.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections import deque
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js.api import Header, PubAck, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from bellwire.bus.connection import Bus
from bellwire.bus.origins import PROPERTIES_HEADER, properties_header
from bellwire.bus.subjects import (
    MESSAGES_PREFIX,
    MESSAGES_STREAM,
    QOS_HEADER,
    TOPIC_HEADER,
    subject_of,
)
from bellwire.errors import BusError
from bellwire.limits import BROKER_PROPERTIES_BYTES, BROKER_TOPIC_BYTES, Limits
from bellwire.origin import MqttProperties


log = logging.getLogger("bellwire.bus")

_BATCH = 512
_CONFIRM_S = 5.0
_RETRY_S = (0.05, 0.2, 0.5, 1.0)
_KNOWN_AGAIN_S = 60.0
"""How long NATS knows the number of a message: longer than a nats-server takes to start again."""
_UNSPEAKABLE = re.compile(r"[\x00-\x20\x7f*>]")


class Message(NamedTuple):
    """A message to hand on. `on_stored` is called once NATS has it, or never can (QoS 1)."""

    topic: str
    payload: bytes
    qos: int
    properties: MqttProperties | None
    on_stored: Callable[[], None]


class IntakeStatistics(NamedTuple):
    """What was handed on since the node started; `waiting` is of this moment."""

    stored: int
    forwarded: int
    dropped: int
    refused: int
    waiting: int


class _Draft(NamedTuple):
    """A message as NATS will have it."""

    message: Message
    subject: str
    headers: dict[str, str]


class Intake:
    """Hands messages on, one batch after the other; `run` it for as long as some may come."""

    def __init__(self, bus: Bus, *, limits: Limits) -> None:
        self._bus = bus
        self._limits = limits
        self._waiting: deque[_Draft] = deque()
        self._unkept = 0
        self._wake = asyncio.Event()
        self._name = secrets.token_hex(6)
        self._number = 0
        self._stored = self._forwarded = self._dropped = self._refused = 0
        self._is_stuck = False

    async def open(self) -> None:
        """Make sure that the stream of QoS 1 messages exists; raises BusError.

        nats-server makes it for its first MQTT client, if it ever has one.
        """
        try:
            await self._bus.jetstream.stream_info(MESSAGES_STREAM)
        except NotFoundError:
            await self._bus.keep_stream(
                StreamConfig(
                    name=MESSAGES_STREAM,
                    subjects=[f"{MESSAGES_PREFIX}>"],
                    retention=RetentionPolicy.INTEREST,
                    storage=StorageType.FILE,
                    duplicate_window=_KNOWN_AGAIN_S,
                )
            )
        except (TimeoutError, NatsError) as error:
            raise BusError(f"the stream {MESSAGES_STREAM}: {error}", retryable=True) from None

    def statistics(self) -> IntakeStatistics:
        """Return the figures of this moment."""
        return IntakeStatistics(
            stored=self._stored,
            forwarded=self._forwarded,
            dropped=self._dropped,
            refused=self._refused,
            waiting=len(self._waiting),
        )

    def put(self, message: Message) -> None:
        """Take a message; returns at once. Those of QoS 0 are dropped where too many wait."""
        if message.qos == 0 and (
            self._unkept >= self._limits.broker_waiting or not self._bus.client.is_connected
        ):
            self._drop(message.topic)
            return
        try:
            draft = self._draft(message)
        except ValueError as error:
            self._refuse(message, str(error))
            return
        self._unkept += message.qos == 0
        self._waiting.append(draft)
        self._wake.set()

    async def run(self) -> None:
        """Hand on what comes, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                size = min(_BATCH, len(self._waiting))
                await self._store([self._waiting.popleft() for _ in range(size)])

    def _draft(self, message: Message) -> _Draft:
        """Return a message as NATS will have it; ValueError says why it cannot be had."""
        topic = message.topic
        plain = _UNSPEAKABLE.sub(lambda found: quote(found.group()), topic)
        subject = subject_of(plain)
        if len(subject.encode()) > BROKER_TOPIC_BYTES:
            raise ValueError(f"its topic is longer than {BROKER_TOPIC_BYTES} bytes")
        headers = {QOS_HEADER: str(message.qos)}
        if plain != topic:
            headers[TOPIC_HEADER] = quote(topic)
        if message.properties is not None:
            properties = properties_header(message.properties)
            if len(properties) <= BROKER_PROPERTIES_BYTES:
                headers[PROPERTIES_HEADER] = properties
            else:
                log.warning(
                    "topic %s: MQTT properties of %d bytes are more than %d, and are dropped",
                    topic[:256],
                    len(properties),
                    BROKER_PROPERTIES_BYTES,
                )
        if message.qos:
            self._number += 1
            headers[Header.MSG_ID] = f"{self._name}-{self._number}"
            subject = MESSAGES_PREFIX + subject
        return _Draft(message, subject, headers)

    async def _store(self, batch: list[_Draft]) -> None:
        attempts = 0
        while batch:
            batch = await self._try(batch)
            if not batch:
                break
            if not self._is_stuck:
                self._is_stuck = True
                log.warning("NATS does not take messages of the MQTT broker: they wait there")
            await asyncio.sleep(_RETRY_S[min(attempts, len(_RETRY_S) - 1)])
            attempts += 1
        self._is_stuck = False

    async def _try(self, batch: list[_Draft]) -> list[_Draft]:
        """Send a batch; return what NATS has not confirmed, in order."""
        sent: list[tuple[_Draft, asyncio.Future[PubAck]]] = []
        for index, draft in enumerate(batch):
            if draft.message.qos == 0:
                await self._forward(draft)
                continue
            try:
                sent.append((draft, await self._publish(draft)))
            except MaxPayloadError:
                size = len(draft.message.payload)
                self._refuse(draft.message, f"{size} bytes are more than NATS takes")
            except NatsError:  # it is away
                return await self._unconfirmed(sent) + [
                    each for each in batch[index:] if each.message.qos
                ]
        return await self._unconfirmed(sent)

    async def _publish(self, draft: _Draft) -> asyncio.Future[PubAck]:
        if not self._bus.client.is_connected:
            raise NatsError("not connected")
        return await self._bus.jetstream.publish_async(
            draft.subject, draft.message.payload, headers=draft.headers
        )

    async def _unconfirmed(self, sent: list[tuple[_Draft, asyncio.Future[PubAck]]]) -> list[_Draft]:
        if not sent:
            return []
        await asyncio.wait([future for _, future in sent], timeout=_CONFIRM_S)
        left: list[_Draft] = []
        for draft, future in sent:
            if not future.done():
                future.cancel()
                left.append(draft)
            elif future.exception() is not None:
                log.debug("NATS did not store a message: %s", future.exception())
                left.append(draft)
            else:
                self._stored += 1
                draft.message.on_stored()
        return left

    async def _forward(self, draft: _Draft) -> None:
        self._unkept -= 1
        try:
            await self._bus.client.publish(
                draft.subject, draft.message.payload, headers=draft.headers
            )
            self._forwarded += 1
        except NatsError:
            self._drop(draft.message.topic)

    def _refuse(self, message: Message, reason: str) -> None:
        """Give up a message that NATS can never have: the broker must not bring it for ever."""
        self._refused += 1
        log.error("a message on topic %s reaches no rule: %s", message.topic[:256], reason)
        message.on_stored()

    def _drop(self, topic: str) -> None:
        self._dropped += 1
        if self._dropped & (self._dropped - 1) == 0:  # 1, 2, 4, 8 …: a flood must not flood the log
            log.warning(
                "%d messages of QoS 0 dropped so far, the last on topic %s: NATS is away, or %d "
                "wait already; publish with QoS 1, or raise custom.bellwire.limits.brokerWaiting",
                self._dropped,
                topic[:256],
                self._limits.broker_waiting,
            )
