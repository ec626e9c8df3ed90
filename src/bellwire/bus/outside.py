"""A broker of somebody else as the device side: mosquitto, EMQX, AWS IoT Core.

The node is one client with a session that the broker keeps. It subscribes to what its rules and
shadows are for, and hands each message on to NATS (`intake.py`); from there everything is as with
the embedded broker. What it publishes goes to the broker only, and comes back by a subscription
where a rule wants it.

A message of QoS 1 is acknowledged once NATS has it. One that came again over a new connection,
before it was acknowledged, is told by its number and content, and stored once; a number is free
again only after its acknowledgement [MQTT 5, 2.2.1].
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, StreamConfig
from nats.js.errors import NotFoundError

from bellwire.bus import broker_errors
from bellwire.bus.connection import Bus
from bellwire.bus.filters import Copies, outermost
from bellwire.bus.intake import Intake, IntakeStatistics, Message
from bellwire.bus.mqtt_connection import UNSUPPORTED_VERSION, MqttConnection, Received
from bellwire.bus.subjects import check_publishable
from bellwire.definition.model import Broker
from bellwire.errors import BusError
from bellwire.limits import Limits
from bellwire.origin import MqttProperties


log = logging.getLogger("bellwire.bus")

_FIRST_RETRY_S = 0.5
_STABLE_S = 10.0
_MOST_IDENTIFIERS = 268_435_455
_STREAM = "BELLWIRE_BROKER"
_SUBJECT = "bellwire.broker"
_REFUSED_LISTED = 20


class BrokerStatistics(NamedTuple):
    """How the broker is doing. `reason` says why it is not connected; `refused` are filters."""

    url: str
    connected: bool
    protocol: str | None
    reason: str | None
    connections: int
    subscriptions: int
    refused: tuple[str, ...]
    received: int
    copies: int
    unacknowledged: int
    stored: int
    forwarded: int
    dropped: int
    unfit: int
    waiting: int


class _Held:
    """A message of QoS 1 that the broker has not been told of yet; `mid` is its number there."""

    __slots__ = ("connection", "is_stored", "payload", "topic")

    def __init__(self, received: Received, connection: MqttConnection) -> None:
        self.topic = received.topic
        self.payload = received.payload
        self.connection = connection
        self.is_stored = False

    def is_same(self, received: Received) -> bool:
        return self.topic == received.topic and self.payload == received.payload


class OutsideBroker:
    """The broker: `open`, then `follow` filters, which connects, and `publish`; `close` last."""

    def __init__(self, bus: Bus, broker: Broker, *, limits: Limits) -> None:
        self._bus = bus
        self._broker = broker
        self._limits = limits
        self._intake = Intake(bus, limits=limits)
        self._copies = Copies()
        self._connection: MqttConnection | None = None
        self._is_new = True
        self._reason: str | None = "not connected yet"
        self._hopeless: BusError | None = None
        self._connected = asyncio.Event()
        self._first = asyncio.Event()
        self._held: dict[int, _Held] = {}
        self._wanted: dict[str, str] = {}
        self._identifiers: dict[str, int] = {}
        self._granted: dict[str, int] = {}
        self._refused: dict[str, str] = {}
        self._changing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._connections = self._received = self._copied = 0

    @property
    def is_connected(self) -> bool:
        """Whether messages can come and go."""
        return self._connected.is_set()

    async def open(self) -> None:
        """Get ready to connect; the bus is connected already. Raises BusError."""
        await self._intake.open()
        await self._load()

    async def wait_connected(self) -> None:
        """Return once the broker is connected; it is tried for as long as it takes."""
        if not self._connected.is_set():
            log.warning("waiting for the MQTT broker %s: %s", self._broker.url, self._reason)
        await self._connected.wait()

    async def follow(self, filters: Mapping[str, str]) -> None:
        """Subscribe to these filters from now on, and no others; each says whom it is for.

        The first call connects, or begins to try: from then on messages come, so who wants them is
        to be there. Where the broker is away all is done once it is there again. Raises BusError
        where trying again is of no use: a refused login, a certificate.
        """
        self._wanted = {text: filters[text] for text in outermost(filters)}
        if not self._tasks:
            await self._start()
            return
        try:
            await self._subscribe()
        except BusError:
            if self._connection is not None and self._connection.is_open:
                raise

    async def _start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._intake.run(), name="broker-intake"),
            asyncio.create_task(self._keep_connected(), name="broker"),
        ]
        await self._first.wait()
        if self._hopeless is not None:
            raise self._hopeless

    async def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        *,
        retain: bool = False,
        properties: MqttProperties | None = None,
    ) -> None:
        """Publish; with QoS 1 return once the broker has acknowledged.

        Waits a moment for a broker that is away. Raises BusError, and BadRequestError where the
        topic cannot be published to.
        """
        check_publishable(topic)
        if not self.is_connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.broker_timeout_s):
                    await self._connected.wait()
        if self._connection is None or not self.is_connected:
            raise BusError(
                f"the MQTT broker {self._broker.url} is not connected: {self._reason}",
                retryable=True,
            )
        await self._connection.publish(topic, payload, qos, retain=retain, properties=properties)

    def statistics(self) -> BrokerStatistics:
        """Return the figures of this moment."""
        intake: IntakeStatistics = self._intake.statistics()
        return BrokerStatistics(
            url=self._broker.url,
            connected=self.is_connected,
            protocol=("MQTT 5" if self._is_new else "MQTT 3.1.1") if self.is_connected else None,
            reason=self._reason,
            connections=self._connections,
            subscriptions=len(self._granted),
            refused=tuple(sorted(self._refused)[:_REFUSED_LISTED]),
            received=self._received,
            copies=self._copied,
            unacknowledged=len(self._held),
            stored=intake.stored,
            forwarded=intake.forwarded,
            dropped=intake.dropped,
            unfit=intake.refused,
            waiting=intake.waiting,
        )

    async def close(self) -> None:
        """Disconnect; the broker keeps the session, and what comes meanwhile."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._connection is not None:
            self._connection.close()

    # The connection

    async def _keep_connected(self) -> None:
        delay_s = _FIRST_RETRY_S
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection = await self._connect()
            except BusError as error:
                self._note_failure(error)
            else:
                since = loop.time()
                cause = await self._serve(connection)
                log.warning("%s", broker_errors.lost(self._broker.url, self._client_id, cause))
                if loop.time() - since > _STABLE_S:
                    delay_s = _FIRST_RETRY_S
            await asyncio.sleep(delay_s * random.uniform(0.8, 1.2))
            delay_s = min(2 * delay_s, self._limits.broker_retry_s)

    async def _connect(self) -> MqttConnection:
        try:
            return await self._connect_once()
        except BusError as error:
            if not self._is_new or UNSUPPORTED_VERSION not in error.message:
                raise
        self._is_new = False
        log.info("the MQTT broker %s speaks no MQTT 5: using 3.1.1", self._broker.url)
        return await self._connect_once()

    async def _connect_once(self) -> MqttConnection:
        connection = MqttConnection(
            self._broker,
            is_new=self._is_new,
            on_message=self._take,
            limits=self._limits,
            packet_bytes=self._bus.client.max_payload,
        )
        self._connection = connection
        await connection.open()
        return connection

    async def _serve(self, connection: MqttConnection) -> str:
        """Use a connection until it is lost; return why it was."""
        self._begin(connection)
        try:
            await self._subscribe(anew=True)
        except BusError as error:
            connection.close()
            self._reason = error.message
            return error.message
        self._reason = None
        self._connected.set()
        self._first.set()
        log.info("connected to the MQTT broker %s, as %s", self._broker.url, self._client_id)
        cause = await connection.lost
        self._connected.clear()
        self._reason = cause
        return cause

    def _begin(self, connection: MqttConnection) -> None:
        if not connection.has_session:
            if self._connections:
                log.warning(
                    "the MQTT broker %s no longer has the session of %s: what was published while "
                    "the node was away is lost. Let the broker keep sessions (mosquitto: "
                    "`persistence true`) for longer",
                    self._broker.url,
                    self._client_id,
                )
            self._held.clear()
            self._granted.clear()
            self._copies.replace({})
        self._connections += 1

    def _note_failure(self, error: BusError) -> None:
        is_news = error.message != self._reason
        self._reason = error.message
        if not self._first.is_set() and not error.retryable:
            self._hopeless = error
        elif is_news:
            hint = f" ({error.hint})" if error.hint else ""
            log.warning(
                "%s%s; trying again, at least every %g s",
                error.message,
                hint,
                self._limits.broker_retry_s,
            )
        self._first.set()

    @property
    def _client_id(self) -> str:
        return self._broker.client_id

    # Subscriptions

    async def _subscribe(self, *, anew: bool = False) -> None:
        """Have the broker send what is wanted, and no more. `anew`: it may have forgotten all."""
        async with self._changing:
            connection = self._connection
            if connection is None or not connection.is_open:
                return
            wanted = list(self._wanted)
            missing = wanted if anew else [each for each in wanted if each not in self._granted]
            gone = [each for each in self._identifiers if each not in self._wanted]
            self._number(missing)
            await self._save()
            if missing:
                pairs = [(each, self._identifiers[each]) for each in missing]
                self._note_granted(missing, await connection.subscribe(pairs))
            if gone:
                await connection.unsubscribe(gone)
            for each in gone:
                del self._identifiers[each]
                self._granted.pop(each, None)
                self._refused.pop(each, None)
            self._copies.replace(self._granted)
            if missing or gone:
                await self._save()

    def _number(self, filters: Iterable[str]) -> None:
        highest = max(self._identifiers.values(), default=0)
        for each in filters:
            if each not in self._identifiers:
                highest = highest % _MOST_IDENTIFIERS + 1
                self._identifiers[each] = highest

    def _note_granted(self, filters: Iterable[str], answers: Iterable[str | int]) -> None:
        for text, answer in zip(filters, answers, strict=True):
            if isinstance(answer, str):
                self._granted.pop(text, None)
                self._refused[text] = answer
                whom = self._wanted.get(text, "nobody")
                log.error("%s", broker_errors.refused_filter(self._broker.url, text, whom, answer))
                continue
            self._refused.pop(text, None)
            self._granted[text] = self._identifiers[text]
            if answer == 0:
                log.warning(
                    "the MQTT broker %s grants %s QoS 0 only: nothing of it is sure to arrive",
                    self._broker.url,
                    text,
                )

    # Messages

    def _take(self, received: Received) -> None:
        connection = self._connection
        assert connection is not None
        self._received += 1
        if received.is_retained or self._copies.is_copy(received.topic, received.identifiers):
            self._copied += 1
            if received.qos:
                connection.acknowledge(received.mid)
            return
        on_stored: Callable[[], None] = _nothing
        if received.qos:
            held = self._hold(received, connection)
            if held is None:
                return
            on_stored = partial(self._stored, received.mid, held)
        self._intake.put(
            Message(received.topic, received.payload, received.qos, received.properties, on_stored)
        )

    def _hold(self, received: Received, connection: MqttConnection) -> _Held | None:
        """Note a message of QoS 1 that is to be stored; None where it is in hand already."""
        held = self._held.get(received.mid)
        if held is not None and received.is_again and held.is_same(received):
            held.connection = connection
            if held.is_stored:
                self._acknowledge(received.mid, held)
            return None
        held = self._held[received.mid] = _Held(received, connection)
        if len(self._held) >= 2 * self._limits.broker_in_flight:
            connection.pause()  # MQTT 3.1.1 has no other way to say so
        return held

    def _stored(self, mid: int, held: _Held) -> None:
        if self._held.get(mid) is held:  # else the broker has forgotten it
            held.is_stored = True
            if held.connection is self._connection and held.connection.is_open:
                self._acknowledge(mid, held)

    def _acknowledge(self, mid: int, held: _Held) -> None:
        del self._held[mid]
        held.connection.acknowledge(mid)
        if len(self._held) < self._limits.broker_in_flight:
            held.connection.resume()

    # What the broker was asked for: it still sends that after a restart of the node

    async def _load(self) -> None:
        await self._bus.keep_stream(
            StreamConfig(
                name=_STREAM,
                subjects=[f"{_SUBJECT}.>"],
                max_msgs_per_subject=1,
                discard=DiscardPolicy.OLD,
            )
        )
        try:
            message = await self._bus.jetstream.get_last_msg(_STREAM, self._key)
        except NotFoundError:
            return
        except (TimeoutError, NatsError) as error:
            raise BusError(f"what the broker was asked for: {error}", retryable=True) from None
        stored = json.loads(message.data or b"{}")
        if stored.get("client") == [self._broker.host, self._client_id]:
            self._identifiers = stored["filters"]
            self._granted = {each: self._identifiers[each] for each in stored["granted"]}
            self._copies.replace(self._granted)

    async def _save(self) -> None:
        document = {
            "client": [self._broker.host, self._client_id],
            "filters": self._identifiers,
            "granted": list(self._granted),
        }
        try:
            await self._bus.jetstream.publish(self._key, json.dumps(document).encode())
        except (TimeoutError, NatsError) as error:
            raise BusError(
                f"NATS did not store what the broker is asked for: {error}", retryable=True
            ) from None

    @property
    def _key(self) -> str:
        return f"{_SUBJECT}.{self._bus.scope}"


def _nothing() -> None:
    """Nobody waits for a message of QoS 0."""
