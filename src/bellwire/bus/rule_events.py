"""Devices' messages for the rules of a service.

Where they come from. nats-server stores a QoS 1 or 2 message in its stream `$MQTT_msgs` before it
sends PUBACK; a durable consumer there keeps its place whatever dies. A QoS 0 message is in no
stream: the node subscribes to the plain subjects too, and there takes only what the stream will
not bring. QoS 0 promises nothing; QoS 1 reaches the rules at least once.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import NotFoundError

from bellwire.bus.connection import ACK, IN_PROGRESS, PLAIN_PENDING, Bus, another_node, log
from bellwire.bus.origins import origin_of
from bellwire.bus.subjects import (
    MESSAGES_PREFIX,
    MESSAGES_STREAM,
    QOS_HEADER,
    subject_of,
    topic_of_message,
)
from bellwire.errors import BusError
from bellwire.limits import Limits
from bellwire.origin import UNKNOWN, Origin


_HIDDEN = ("_INBOX.", "bellwire.", "$JS.", "$KV.", "$MQTT.", "$SYS.", "$SRV.")
"""Subjects that are no device's: what the server and the node say to one another."""
_NAMED = 5
"""Names in one line of the log."""
_RULES = "rules"
"""The key of a consumer's metadata that names the rules it is for."""


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


OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class EventSource:
    """A durable consumer: its name, the rules it is for, and who takes the events.

    No two of `filters` share a topic. Rules may move from one source to another: see `listen`.
    """

    name: str
    rules: tuple[str, ...]
    filters: tuple[str, ...]
    on_event: OnEvent


class _Listening:
    """A source that gets its events: what it is now, and the subscription for them."""

    __slots__ = ("source", "subscription")

    def __init__(self, source: EventSource, subscription: Subscription) -> None:
        self.source = source
        self.subscription = subscription


class RuleEvents:
    """The sources of events that a node listens to."""

    def __init__(self, bus: Bus, *, limits: Limits) -> None:
        self._bus = bus
        self._limits = limits
        self._listening: dict[str, _Listening] = {}
        self._plain: dict[str, Subscription] = {}
        self._on_plain: OnEvent | None = None

    async def check_alone(self) -> None:
        """Raise BusError where another node already serves rules of this service and stage."""
        if any(info.push_bound for info in await self._own_consumers()):
            raise another_node()

    async def listen(
        self, sources: Iterable[EventSource], *, plain: Iterable[str], on_plain: OnEvent
    ) -> None:
        """Take events from now on: those of QoS 1 and 2 by source, QoS 0 from `plain` filters.

        Call it again when the rules have changed. A source of the same name keeps its place; one
        that has rules which other sources had before begins where the first of those stood, so that
        a rule misses nothing, and may get again what it had. Raises BusError where the server has
        no MQTT or no JetStream.
        """
        wanted = {source.name: source for source in sources}
        try:
            before = {info.name.rpartition("-")[2]: info for info in await self._own_consumers()}
            gone = [info for name, info in before.items() if name not in wanted]
            for source in wanted.values():
                await self._listen_to(source, before, gone)
            await self._listen_plain(set(plain), on_plain)
            for name in self._listening.keys() - wanted.keys():
                await self._listening.pop(name).subscription.unsubscribe()
            rules = {rule for source in wanted.values() for rule in source.rules}
            for info in gone:
                await self._drop(info, rules)
            for name in wanted.keys() & before.keys():
                _tell_gone(_rules_of(before[name]) - rules, before[name])
            await self._bus.client.flush()  # from here on nothing is missed, not even QoS 0
        except NotFoundError:
            raise BusError(
                "the NATS server has no MQTT: its stream $MQTT_msgs does not exist",
                retryable=False,
                hint="give nats-server an mqtt { } block, JetStream, and let one client connect",
            ) from None
        except NatsError as error:
            raise BusError(f"NATS refused to serve the rules: {error}", retryable=True) from None

    # Sources

    async def _listen_to(
        self,
        source: EventSource,
        before: Mapping[str, ConsumerInfo],
        gone: Iterable[ConsumerInfo],
    ) -> None:
        listening = self._listening.get(source.name)
        config = self._config(source, before.get(source.name), gone)
        if listening is not None:
            await self._keep_consumer(config)
            listening.source = source
            return
        # The subscription comes first: a consumer that finds nobody delivers nothing.
        durable = self._durable(source.name)
        subscription = await self._bus.client.subscribe(
            _deliver_to(durable), queue=durable, cb=self._taker(source.name)
        )
        self._listening[source.name] = _Listening(source, subscription)
        try:
            await self._keep_consumer(config)
        except NatsError:
            await self._listening.pop(source.name).subscription.unsubscribe()
            raise

    def _taker(self, name: str) -> Callable[[Msg], Awaitable[None]]:
        async def take(message: Msg) -> None:
            event = self._durable_event(message)
            if event is not None:
                self._listening[name].source.on_event(event)

        return take

    def _config(
        self, source: EventSource, existing: ConsumerInfo | None, gone: Iterable[ConsumerInfo]
    ) -> ConsumerConfig:
        durable = self._durable(source.name)
        subjects = [MESSAGES_PREFIX + subject_of(each) for each in source.filters]
        policy: DeliverPolicy | None = DeliverPolicy.NEW
        first = None
        if existing is not None:  # where a consumer began cannot be changed any more
            policy, first = existing.config.deliver_policy, existing.config.opt_start_seq
        elif floors := _floors(gone, source.rules):
            policy, first = DeliverPolicy.BY_START_SEQUENCE, min(floors) + 1
        return ConsumerConfig(
            durable_name=durable,
            deliver_subject=_deliver_to(durable),
            deliver_group=durable,
            deliver_policy=policy,
            opt_start_seq=first,
            filter_subject=subjects[0] if len(subjects) == 1 else None,
            filter_subjects=subjects if len(subjects) > 1 else None,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._limits.redelivery_s,
            max_ack_pending=self._limits.events_in_flight,
            metadata={_RULES: " ".join(source.rules)},
        )

    async def _keep_consumer(self, config: ConsumerConfig) -> None:
        """Make a durable consumer, or bring it up to date: it keeps its place."""
        await self._bus.jetstream.add_consumer(MESSAGES_STREAM, config)

    async def _own_consumers(self) -> list[ConsumerInfo]:
        try:
            found = await self._bus.consumers(MESSAGES_STREAM)
        except NotFoundError:
            return []  # `listen` says what is missing
        return [info for info in found if self._is_own(info)]

    def _is_own(self, info: ConsumerInfo) -> bool:
        # The name of a source has no hyphen; a scope may have, and be the start of another's.
        return info.name.rpartition("-")[0] == self._durable("").removesuffix("-")

    def _durable(self, name: str) -> str:
        return f"bellwire-{self._bus.scope}-{name}"

    async def _drop(self, info: ConsumerInfo, rules: set[str]) -> None:
        # The stream keeps a message until every consumer has it: one left behind by a rule that
        # is gone would fill the disk.
        _tell_gone(_rules_of(info) - rules, info)
        await self._bus.jetstream.delete_consumer(MESSAGES_STREAM, info.name)

    def _durable_event(self, message: Msg) -> Event | None:
        if not message.subject.startswith(MESSAGES_PREFIX) or not message.reply:
            return None
        metadata = message.metadata
        return Event(
            self._bus,
            topic=topic_of_message(message.subject.removeprefix(MESSAGES_PREFIX), message.headers),
            payload=message.data,
            timestamp_ms=int(metadata.timestamp.timestamp() * 1000),
            reply=message.reply,
            redelivered=metadata.num_delivered > 1,
            origin=origin_of(message.headers),
        )

    # QoS 0

    async def _listen_plain(self, filters: set[str], on_event: OnEvent) -> None:
        """Listen to these filters instead; what is in two of them for a moment comes once more."""
        self._on_plain = on_event
        for each in filters - self._plain.keys():
            self._plain[each] = await self._bus.client.subscribe(
                subject_of(each),
                queue=f"bellwire.{self._bus.scope}",
                cb=self._take_plain,
                pending_msgs_limit=PLAIN_PENDING,
            )
        for each in self._plain.keys() - filters:
            await self._plain.pop(each).unsubscribe()

    async def _take_plain(self, message: Msg) -> None:
        qos = (message.headers or {}).get(QOS_HEADER, "0")
        if qos != "0" or message.subject.startswith(_HIDDEN) or self._on_plain is None:
            return
        self._on_plain(
            Event(
                self._bus,
                topic=topic_of_message(message.subject, message.headers),
                payload=message.data,
                timestamp_ms=time.time_ns() // 1_000_000,
                reply="",
                redelivered=False,
                origin=origin_of(message.headers),
            )
        )


def _floors(infos: Iterable[ConsumerInfo], rules: Iterable[str]) -> list[int]:
    """Return up to where the consumers that had some of these rules have handled everything."""
    found = [info for info in infos if _rules_of(info) & set(rules)]
    return [info.ack_floor.stream_seq for info in found if info.ack_floor is not None]


def _rules_of(info: ConsumerInfo) -> set[str]:
    """Return the rules that a consumer is for; its name is one where it does not say."""
    metadata = info.config.metadata or {}
    return set(metadata.get(_RULES, info.name.rpartition("-")[2]).split())


def _tell_gone(rules: Iterable[str], info: ConsumerInfo) -> None:
    """Tell that what rules had not handled is dropped: there is nobody to handle it."""
    gone = sorted(rules)
    if not gone:
        return
    more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
    log.warning(
        "%s %s%s %s gone from the service: %s%d events not handled are dropped",
        "rule" if len(gone) == 1 else "rules",
        ", ".join(gone[:_NAMED]),
        more,
        "is" if len(gone) == 1 else "are",
        "" if len(_rules_of(info)) == 1 else "up to ",  # others of the consumer may want them
        (info.num_pending or 0) + (info.num_ack_pending or 0),
    )


def _deliver_to(durable: str) -> str:
    return f"bellwire.rule.{durable}"
