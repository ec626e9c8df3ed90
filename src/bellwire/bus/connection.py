"""The node's NATS connection: rules' events in, acknowledgements and dead letters out.

Where events come from. nats-server stores a QoS 1 or 2 message in its stream `$MQTT_msgs` before
it sends PUBACK; each rule has a durable consumer there, which keeps its place whatever dies. A QoS
0 message is in no stream: each rule also subscribes to the plain subject, and there takes only
what the stream will not bring. QoS 0 promises nothing; QoS 1 reaches the rule at least once.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError, SlowConsumerError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    StreamConfig,
)
from nats.js.errors import APIError, BadRequestError, NotFoundError

from bellwire.bus.subjects import (
    MESSAGES_PREFIX,
    MESSAGES_STREAM,
    QOS_HEADER,
    subject_of,
    topic_of,
)
from bellwire.errors import BusError
from bellwire.limits import Limits
from bellwire.origin import UNKNOWN, Origin


log = logging.getLogger("bellwire.bus")

ACK, IN_PROGRESS = b"+ACK", b"+WPI"
_DEAD_LETTERS_STREAM = "BELLWIRE_DEAD_LETTERS"
_NO_ROOM = 10047
"""JetStream's error code where it cannot reserve the bytes of a stream
[github.com/nats-io/nats-server/blob/main/server/errors.json]."""
_CONNECT_POLL_S = 0.02
_RECONNECT_S = 0.2
PLAIN_PENDING = 65_536
"""QoS 0 messages that may wait for their turn: many more than one read of the socket brings. What
a rule cannot take it drops itself."""


class Event:
    """A message for one rule. Say `done()` once its work is finished, else it comes again."""

    __slots__ = ("_bus", "_reply", "origin", "payload", "redelivered", "timestamp_ms", "topic")

    def __init__(
        self,
        bus: Bus,
        *,
        topic: str,
        payload: bytes,
        timestamp_ms: int,
        reply: str,
        redelivered: bool,
        origin: Origin = UNKNOWN,
    ) -> None:
        self._bus = bus
        self._reply = reply
        self.topic = topic
        self.payload = payload
        self.timestamp_ms = timestamp_ms
        self.redelivered = redelivered
        self.origin = origin

    @property
    def durable(self) -> bool:
        """Whether the broker keeps the event until it is done (QoS 1 and 2)."""
        return bool(self._reply)

    def done(self) -> None:
        """Acknowledge: the event will not come again."""
        if self._reply:
            self._bus.reply(self._reply, ACK)

    def in_progress(self) -> None:
        """Say that it is being worked on: it is not given out again yet."""
        if self._reply:
            self._bus.reply(self._reply, IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class RuleSource:
    """What one rule listens to: its name, its topic filter, and who takes its events."""

    rule: str
    topic_filter: str
    on_event: Callable[[Event], None]

    @property
    def is_wild(self) -> bool:
        """Whether the filter starts with a wildcard, which stands for no topic that starts with a
        dollar [MQTT 3.1.1, 4.7.2]."""
        return self.topic_filter.startswith(("+", "#"))


class _Listening:
    """A rule that gets its events: where they are from now, and the subscriptions for them."""

    __slots__ = ("source", "subscriptions")

    def __init__(self, source: RuleSource) -> None:
        self.source = source
        self.subscriptions: list[Subscription] = []


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
        self._rules: dict[str, _Listening] = {}

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

    # Rules

    async def listen(self, sources: Iterable[RuleSource]) -> None:
        """Give each rule its events from now on; forget the consumers of rules that are gone.

        Call it again when the rules have changed: each that stays keeps its place.
        Raises BusError where the server has no MQTT or no JetStream.
        """
        sources = list(sources)
        try:
            wanted = {source.rule for source in sources}
            await self._end_listening(wanted)
            consumers = await self.consumers(MESSAGES_STREAM)
            await self._drop_stale(consumers, {self._durable(rule) for rule in wanted})
            for source in sources:
                await self._listen_to(source)
            await self.client.flush()  # from here on nothing is missed, not even QoS 0
        except NotFoundError:
            raise BusError(
                "the NATS server has no MQTT: its stream $MQTT_msgs does not exist",
                retryable=False,
                hint="give nats-server an mqtt { } block, JetStream, and let one client connect",
            ) from None
        except NatsError as error:
            raise BusError(f"NATS refused to serve the rules: {error}", retryable=True) from None

    async def check_alone(self, rules: Iterable[str]) -> None:
        """Raise BusError where another node already serves one of these rules."""
        wanted = {self._durable(rule) for rule in rules}
        with suppress(NotFoundError):  # `listen` says what is missing
            for info in await self.consumers(MESSAGES_STREAM):
                if info.name in wanted and info.push_bound:
                    raise another_node()

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

    async def _end_listening(self, wanted: Set[str]) -> None:
        for rule in self._rules.keys() - wanted:
            for subscription in self._rules.pop(rule).subscriptions:
                await subscription.unsubscribe()

    async def _listen_to(self, source: RuleSource) -> None:
        listening = self._rules.get(source.rule)
        if listening is None:
            await self._begin_listening(source)
        elif listening.source != source:
            await self._keep_consumer(source)
            listening.source = source
            durable, plain = listening.subscriptions
            listening.subscriptions = [durable, await self._subscribe_plain(source)]
            await plain.unsubscribe()

    async def _begin_listening(self, source: RuleSource) -> None:
        listening = self._rules[source.rule] = _Listening(source)
        listening.subscriptions.append(await self._subscribe_durable(listening))
        listening.subscriptions.append(await self._subscribe_plain(source))
        try:
            await self._keep_consumer(source)
        except NatsError:
            await self._end_listening(self._rules.keys() - {source.rule})
            raise

    async def _subscribe_durable(self, listening: _Listening) -> Subscription:
        async def take(message: Msg) -> None:
            event, source = self._durable_event(message), listening.source
            if event is None:
                return
            if source.is_wild and event.topic.startswith("$"):
                event.done()
            elif self._is_too_large(event):
                await self._bury_too_large(source.rule, event)
            else:
                source.on_event(event)

        durable = self._durable(listening.source.rule)
        return await self.client.subscribe(_deliver_to(durable), queue=durable, cb=take)

    async def _keep_consumer(self, source: RuleSource) -> None:
        """Make the durable consumer of a rule, or bring it up to date: it keeps its place."""
        durable = self._durable(source.rule)
        await self.jetstream.add_consumer(
            MESSAGES_STREAM,
            ConsumerConfig(
                durable_name=durable,
                deliver_subject=_deliver_to(durable),
                deliver_group=durable,
                deliver_policy=DeliverPolicy.NEW,
                filter_subject=MESSAGES_PREFIX + subject_of(source.topic_filter),
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=self._limits.redelivery_s,
                max_ack_pending=self._limits.events_in_flight,
            ),
        )

    async def _subscribe_plain(self, source: RuleSource) -> Subscription:
        hidden = ("_INBOX.", "bellwire.", *(("$",) if source.is_wild else ()))

        async def take(message: Msg) -> None:
            qos = (message.headers or {}).get(QOS_HEADER, "0")
            if qos != "0" or message.subject.startswith(hidden):
                return
            event = Event(
                self,
                topic=topic_of(message.subject),
                payload=message.data,
                timestamp_ms=time.time_ns() // 1_000_000,
                reply="",
                redelivered=False,
            )
            if not self._is_too_large(event):
                source.on_event(event)

        return await self.client.subscribe(
            subject_of(source.topic_filter),
            queue=f"bellwire.{self._durable(source.rule)}",
            cb=take,
            pending_msgs_limit=PLAIN_PENDING,
        )

    def _durable_event(self, message: Msg) -> Event | None:
        if not message.subject.startswith(MESSAGES_PREFIX) or not message.reply:
            return None
        metadata = message.metadata
        return Event(
            self,
            topic=topic_of(message.subject.removeprefix(MESSAGES_PREFIX)),
            payload=message.data,
            timestamp_ms=int(metadata.timestamp.timestamp() * 1000),
            reply=message.reply,
            redelivered=metadata.num_delivered > 1,
        )

    def _is_too_large(self, event: Event) -> bool:
        # The server itself takes more: its bound is also that of asynchronous invocations.
        size, limit = len(event.payload), self._limits.mqtt_payload_bytes
        if size > limit:
            log.warning(
                "a message of %d bytes on topic %s is not for a rule: custom.bellwire.limits."
                "mqttPayloadBytes allows %d",
                size,
                event.topic[:256],
                limit,
            )
        return size > limit

    async def _bury_too_large(self, rule: str, event: Event) -> None:
        """Keep what the broker has acknowledged and no rule may have; AWS would not take it."""
        headers = {
            "Bellwire-Rule": rule,
            "Bellwire-Topic": event.topic[:256],
            "Bellwire-Reason": f"larger than {self._limits.mqtt_payload_bytes} bytes",
        }
        try:
            await self.bury(rule, event.payload, headers)
        except BusError as error:
            log.error("rule %s: %s", rule, error.message)
            if error.retryable:
                return  # it is given out again
        event.done()

    async def _drop_stale(self, consumers: Iterable[ConsumerInfo], wanted: set[str]) -> None:
        # The stream keeps a message until every consumer has it: one left behind by a rule that
        # is gone would fill the disk.
        for info in consumers:
            # The name of a rule has no hyphen; a scope may have, and be the start of another's.
            prefix, _, rule = info.name.rpartition("-")
            if prefix + "-" == self._durable("") and info.name not in wanted:
                log.warning(
                    "rule %s is gone from the service: %d events it had not handled are dropped",
                    rule,
                    (info.num_pending or 0) + (info.num_ack_pending or 0),
                )
                await self.jetstream.delete_consumer(MESSAGES_STREAM, info.name)

    def _durable(self, rule: str) -> str:
        return f"bellwire-{self.scope}-{rule}"

    # Dead letters

    async def open_dead_letters(self) -> None:
        """Make sure that the stream for events that failed for good exists."""
        await self.keep_stream(
            StreamConfig(
                name=_DEAD_LETTERS_STREAM,
                subjects=["bellwire.dead.>"],
                max_bytes=self._limits.dead_letters_bytes,
                discard=DiscardPolicy.OLD,
            )
        )

    async def bury(self, rule: str, payload: bytes, headers: Mapping[str, str]) -> None:
        """Store an event that failed for good; BusError where NATS does not confirm."""
        try:
            await self.jetstream.publish(
                f"bellwire.dead.{self._durable(rule)}", payload, headers=dict(headers)
            )
        except (TimeoutError, NatsError) as error:
            raise BusError(
                f"a dead letter could not be stored: {error}",
                retryable=not isinstance(error, MaxPayloadError | BadRequestError),
            ) from None

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


def _deliver_to(durable: str) -> str:
    return f"bellwire.rule.{durable}"


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
