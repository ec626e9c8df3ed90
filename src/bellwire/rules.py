"""The rules that a node serves: each has a delivery, which gets the events that match.

The broker gives a node each message once for all rules that share a consumer; a topic tree tells
which of them it is for. It is done when all of them are done with it.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping

from bellwire.bus.connection import Bus
from bellwire.bus.rule_events import Event, EventSource, RuleEvents
from bellwire.errors import UpstreamError
from bellwire.iot.cover import cover
from bellwire.iot.delivery import Delivery, DeliveryStatistics
from bellwire.iot.performers import Event as RuleEvent
from bellwire.iot.performers import Performers
from bellwire.iot.republished import INGEST
from bellwire.iot.rules import Rule
from bellwire.iot.topic_tree import TopicTree
from bellwire.iot.topics import TopicFilter, excess
from bellwire.limits import CONSUMER_FILTERS, PLAIN_FILTERS, RULE_CONSUMERS, Limits


log = logging.getLogger("bellwire.rules")

_INGEST_SOURCE = "@ingest"
_INGEST_FILTER = TopicFilter.parse(f"{INGEST}#")


class Rules:
    """All enabled rules of a service, which may be exchanged for others while they are served."""

    def __init__(self, bus: Bus, performers: Performers, *, limits: Limits) -> None:
        self._performers = performers
        self._events = RuleEvents(bus, limits=limits)
        self._limits = limits
        self._deliveries: dict[str, Delivery] = {}
        self._refused = 0
        self._alive: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.not_found = 0
        """Messages that were published to a rule that is not there, or is disabled."""

    async def start(self, rules: Iterable[Rule]) -> None:
        """Serve rules from now on. Raises BusError, also where another node serves them."""
        await self._events.check_alone()
        self._alive = asyncio.create_task(self._keep_alive())
        await self.replace(rules)

    async def replace(self, rules: Iterable[Rule]) -> None:
        """Serve these rules instead; one of the same name goes on where it is. Raises BusError.

        What runs for a rule that is gone ends; what it had not begun is dropped, and told.
        """
        enabled = {rule.name: rule for rule in rules if rule.enabled}
        gone = [name for name in self._deliveries if name not in enabled]
        for name, rule in enabled.items():
            if name in self._deliveries:
                self._deliveries[name].follow(rule)
            else:
                self._deliveries[name] = Delivery(rule, self._performers, limits=self._limits)
        for name in gone:
            self._run(self._deliveries.pop(name).stop())
        listening = [each for each in self._deliveries.values() if each.rule.topic_filter]
        ingest = EventSource(_INGEST_SOURCE, (), (_INGEST_FILTER.text,), self._take_ingested)
        await self._events.listen(
            [ingest, *(self._source(name, group) for name, group in _groups(listening).items())],
            plain=cover([*_filters(listening), _INGEST_FILTER], PLAIN_FILTERS),
            on_plain=self._plain_taker(listening),
        )

    def give(self, name: str, event: RuleEvent) -> bool:
        """Give a rule an event that is for it alone; False where it is not served."""
        delivery = self._deliveries.get(name)
        if delivery is None:
            return False
        delivery.take(event, directly=True)
        return True

    def statistics(self) -> Mapping[str, DeliveryStatistics]:
        """Return the figures of this moment, by rule."""
        return {name: each.statistics() for name, each in self._deliveries.items()}

    async def stop(self) -> None:
        """Take no more events; wait for the invocations that run."""
        await asyncio.gather(*(each.stop() for each in self._deliveries.values()), *self._tasks)

    async def close(self) -> None:
        """End what is still waited for."""
        tasks = set(self._tasks)
        if self._alive is not None:
            tasks.add(self._alive)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _source(self, name: str, group: list[Delivery]) -> EventSource:
        return EventSource(
            name,
            rules=tuple(delivery.rule.name for delivery in group),
            filters=cover(_filters(group), CONSUMER_FILTERS),
            on_event=self._taker(group),
        )

    def _taker(self, group: list[Delivery]) -> Callable[[Event], None]:
        tree = TopicTree(
            (topics, each) for each in group if (topics := each.rule.topic_filter) is not None
        )

        def take(event: Event) -> None:
            # What is for one rule alone comes by a way of its own.
            found = () if event.topic.startswith(INGEST) else tree.match(event.topic)
            if not found:
                event.done()  # the broker was asked for a little more than is needed
            elif (reason := self._excess(event)) is not None:
                self._refuse(event, reason, found)
            elif len(found) == 1:
                found[0].take(event)
            else:
                shared = SharedEvent(event, len(found))
                for delivery in found:
                    delivery.take(shared)

        return take

    def _plain_taker(self, group: list[Delivery]) -> Callable[[Event], None]:
        take = self._taker(group)
        return lambda event: (
            self._take_ingested(event) if event.topic.startswith(INGEST) else take(event)
        )

    def _take_ingested(self, event: Event) -> None:
        """Take what was published to one rule alone.

        docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
        """
        name, _, topic = event.topic.removeprefix(INGEST).partition("/")
        delivery = self._deliveries.get(name)
        if delivery is None:
            self._tell_not_found(name)
            event.done()
            return
        event.topic = topic  # as functions and templates of the rule see it
        if (reason := self._excess(event)) is not None:
            self._refuse(event, reason, [delivery])
        else:
            delivery.take(event, directly=True)

    def _tell_not_found(self, name: str) -> None:
        self.not_found += 1
        if self.not_found & (self.not_found - 1) == 0:  # 1, 2, 4, 8 …
            log.warning(
                "RuleNotFound: %d messages so far were published to rules that are not there or "
                "are disabled, the last to %s; they are dropped, as on AWS",
                self.not_found,
                name[:128],
            )

    def _excess(self, event: Event) -> str | None:
        """Return why AWS would not have taken an event from its device; None where it would."""
        # The server itself takes more: its bound is also that of asynchronous invocations.
        limits, size = self._limits, len(event.payload)
        if size > limits.mqtt_payload_bytes:
            return f"it has {size} bytes, more than {limits.mqtt_payload_bytes}"
        return excess(event.topic, most_bytes=limits.topic_bytes, most_levels=limits.topic_levels)

    def _refuse(self, event: Event, reason: str, found: Iterable[Delivery]) -> None:
        self._refused += 1
        if self._refused & (self._refused - 1) == 0:  # 1, 2, 4, 8 …: as in `Delivery`
            log.warning(
                "%d messages so far were not for a rule, as AWS would refuse them; the last, on "
                "topic %s: %s (limits: mqttPayloadBytes, topicBytes, topicLevels)",
                self._refused,
                event.topic[:256],
                reason,
            )
        if event.durable:
            self._run(self._set_aside(event, reason, [delivery.rule.name for delivery in found]))

    async def _set_aside(self, event: Event, reason: str, rules: Iterable[str]) -> None:
        """Keep what the broker has acknowledged and no rule may have."""
        for rule in rules:
            headers = {
                "Bellwire-Rule": rule,
                "Bellwire-Topic": event.topic[:256],
                "Bellwire-Reason": reason,
            }
            try:
                await self._performers.bury(rule, event, headers)
            except UpstreamError as error:
                log.error("rule %s: %s", rule, error.message)
                if error.retryable:
                    return  # it is given out again
        event.done()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._limits.redelivery_s / 3)
            for delivery in self._deliveries.values():
                delivery.keep_alive()

    def _run(self, work: Coroutine[object, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class SharedEvent:
    """An event that several rules have in hand: done when each of them is done with it."""

    __slots__ = ("_event", "_left", "durable", "origin", "payload", "timestamp_ms", "topic")

    def __init__(self, event: Event, rules: int) -> None:
        self._event = event
        self._left = rules
        self.topic = event.topic
        self.payload = event.payload
        self.timestamp_ms = event.timestamp_ms
        self.origin = event.origin
        self.durable = event.durable

    def done(self) -> None:
        """Say that one of the rules is done with it."""
        self._left -= 1
        if not self._left:
            self._event.done()

    def in_progress(self) -> None:
        """Say that it is being worked on."""
        self._event.in_progress()


def _groups(deliveries: list[Delivery]) -> Mapping[str, list[Delivery]]:
    """Return which rules share a consumer, by its name: none, if they are few.

    A rule that cannot keep up fills its consumer, so many rules are spread over several; by
    their names, so that a further rule moves no other.
    """
    if len(deliveries) <= RULE_CONSUMERS:
        return {each.rule.name: [each] for each in deliveries}
    groups: defaultdict[str, list[Delivery]] = defaultdict(list)
    for each in deliveries:
        groups[f"@{zlib.crc32(each.rule.name.encode()) % RULE_CONSUMERS}"].append(each)
    return groups


def _filters(group: Iterable[Delivery]) -> Iterator[TopicFilter]:
    for delivery in group:
        if delivery.rule.topic_filter is not None:
            yield delivery.rule.topic_filter
