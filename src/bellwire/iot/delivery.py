"""From an event to a function that has finished: order, retries, and never into silence.

One `Delivery` serves one rule. Events of one topic are handled one after the other, many topics
at once. An event is done when the function has returned without an error, when the rule's WHERE
does not hold, or when it is stored as a dead letter; until then the broker keeps it (QoS 1 and 2)
and gives it out again should this node die.
docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol

from bellwire.definition.variables import ACCOUNT_ID
from bellwire.errors import CallerError, TooManyRequestsError, UpstreamError
from bellwire.iot.lanes import Lanes
from bellwire.iot.rules import Rule, Unfit
from bellwire.iot.sql.scope import Message, World
from bellwire.limits import Limits
from bellwire.origin import Origin


log = logging.getLogger("bellwire.rules")

_BUSY_DELAY_S = 0.05
_HEADER_CHARACTERS = 1000
_WORLD = World(secrets.randbits, ACCOUNT_ID)


class Event(Protocol):
    """What the broker hands over. `done` is final, `in_progress` asks for more time."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def durable(self) -> bool: ...
    def done(self) -> None: ...
    def in_progress(self) -> None: ...


class InvocationResult(Protocol):
    """What a delivery reads of a function's result."""

    @property
    def payload(self) -> bytes: ...
    @property
    def error(self) -> str | None: ...


InvokeFunction = Callable[[str, bytes, str], "asyncio.Future[InvocationResult]"]
"""Runs a function: its key, the event as JSON, the request id. Raises CallerError."""
Bury = Callable[[str, Event, Mapping[str, str]], Awaitable[None]]
"""Stores what failed for good: rule, event, headers that say why. Raises UpstreamError."""


class DeliveryStatistics(NamedTuple):
    """What a rule did since the node started. `waiting` and `running` are of this moment."""

    received: int
    unmatched: int
    delivered: int
    retried: int
    dead_lettered: int
    dropped: int
    running: int
    waiting: int


class _Job:
    __slots__ = ("attempts", "document", "event", "rule")

    def __init__(self, event: Event, rule: Rule, document: bytes) -> None:
        self.event = event
        self.rule = rule
        self.document = document
        self.attempts = 0


class Delivery:
    """Delivers the events of one rule to its function."""

    def __init__(
        self,
        rule: Rule,
        *,
        invoke: InvokeFunction,
        bury: Bury,
        request_id: Callable[[], str],
        limits: Limits,
    ) -> None:
        self.rule = rule
        self._invoke = invoke
        self._bury = bury
        self._request_id = request_id
        self._limits = limits
        self._lanes: Lanes[_Job] = Lanes()
        self._jobs: set[_Job] = set()
        self._pausing: dict[_Job, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._idle = asyncio.Event()
        self._received = self._unmatched = self._delivered = 0
        self._retried = self._dead_lettered = self._dropped = 0

    def take(self, event: Event) -> None:
        """Take an event from the broker; returns at once."""
        if self._stopping:
            return  # not acknowledged: it comes again, to the next node or the next start
        if not self.rule.topic_filter.matches(event.topic):
            event.done()  # the broker's own filter knows more wildcards than ours
            return
        self._received += 1
        if not event.durable and len(self._jobs) >= self._limits.events_in_flight:
            self._drop(event)
            return
        document = self._evaluate(event)
        if document is None:
            event.done()
            return
        job = _Job(event, self.rule, document)
        self._jobs.add(job)
        if self._lanes.enter(event.topic, job) is not None:
            self._start(job)

    def follow(self, rule: Rule) -> None:
        """Go by another rule of the same name: what runs ends by the one that it began with."""
        self.rule = rule

    def keep_alive(self) -> None:
        """Tell the broker that the events in hand are being worked on."""
        for job in self._jobs:
            job.event.in_progress()

    async def stop(self) -> None:
        """Take no more events; wait for the invocations that run.

        What waits, for its turn or to be tried again, stays with the broker and comes again at
        the next start.
        """
        self._stopping = True
        self._jobs.difference_update(self._lanes.drain())
        pausing, self._pausing = self._pausing, {}
        for job, timer in pausing.items():
            timer.cancel()
            self._leave(job)
        self._note_idle()
        await self._idle.wait()
        for task in self._tasks:
            task.cancel()

    def statistics(self) -> DeliveryStatistics:
        """Return the figures of this moment."""
        return DeliveryStatistics(
            received=self._received,
            unmatched=self._unmatched,
            delivered=self._delivered,
            retried=self._retried,
            dead_lettered=self._dead_lettered,
            dropped=self._dropped,
            running=len(self._jobs) - len(self._lanes),
            waiting=len(self._lanes),
        )

    def _evaluate(self, event: Event) -> bytes | None:
        """Return what the rule makes of an event for its function, None where it is not for it."""
        message = Message(event.topic, event.payload, event.timestamp_ms, event.origin)
        document = self.rule.evaluate(message, _WORLD)
        if isinstance(document, Unfit):
            log.warning("rule %s, topic %s: %s", self.rule.name, event.topic, document.reason)
        if document is None or isinstance(document, Unfit):
            self._unmatched += 1
            return None
        return document

    def _start(self, job: _Job) -> None:
        self._pausing.pop(job, None)
        if job.rule is not self.rule and not self._renew(job):
            job.event.done()
            # Not at once: each job of a long lane would call the next.
            asyncio.get_running_loop().call_soon(self._leave, job)
            return
        try:
            future = self._invoke(self.rule.function, job.document, self._request_id())
        except TooManyRequestsError:
            self._later(_BUSY_DELAY_S, job)
        except CallerError as error:
            self._give_up(job, error.message)
        else:
            future.add_done_callback(partial(self._ended, job))

    def _renew(self, job: _Job) -> bool:
        """Look at an event again by the rule of now, as a restart would; False: not for it."""
        matches = self.rule.topic_filter.matches(job.event.topic)
        document = self._evaluate(job.event) if matches else None
        if document is None:
            return False
        job.rule, job.document = self.rule, document
        return True

    def _ended(self, job: _Job, future: asyncio.Future[InvocationResult]) -> None:
        if future.cancelled():
            self._leave(job)
            return
        if error := future.exception():
            log.error("an invocation ended in a bug of Bellwire's", exc_info=error)
            self._give_up(job, repr(error))
            return
        result = future.result()
        if result.error is None:
            self._delivered += 1
            job.event.done()
            self._leave(job)
        elif job.attempts < self._limits.function_retries:
            job.attempts += 1
            self._retried += 1
            self._later(self._limits.retry_delay_s * 2 ** (job.attempts - 1), job)
        else:
            self._give_up(job, result.payload.decode(errors="replace"))

    def _later(self, delay_s: float, job: _Job) -> None:
        if self._stopping:
            self._leave(job)
            return
        loop = asyncio.get_running_loop()
        self._pausing[job] = loop.call_later(delay_s, self._start, job)

    def _give_up(self, job: _Job, reason: str) -> None:
        task = asyncio.create_task(self._set_aside(job, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _set_aside(self, job: _Job, reason: str) -> None:
        rule, event = self.rule, job.event
        headers = {
            "Bellwire-Rule": rule.name,
            "Bellwire-Topic": event.topic[:_HEADER_CHARACTERS],
            "Bellwire-Attempts": str(job.attempts + 1),
            "Bellwire-Reason": " ".join(reason.split())[:_HEADER_CHARACTERS],
        }
        is_stored = await self._store(headers, event)
        self._dead_lettered += is_stored
        log.error(
            "rule %s: function %s failed on an event of topic %s, %d attempts; the event is %s. "
            "Last answer: %s",
            rule.name,
            rule.function,
            event.topic,
            job.attempts + 1,
            "a dead letter now (bellwire dead-letters list)" if is_stored else "lost",
            reason[:500],
        )
        event.done()
        self._leave(job)

    async def _store(self, headers: Mapping[str, str], event: Event) -> bool:
        """Store a dead letter, trying until it works; False where it never will."""
        while True:
            try:
                await self._bury(self.rule.name, event, headers)
                return True
            except UpstreamError as error:
                if not error.retryable:
                    log.error("rule %s: %s", self.rule.name, error.message)
                    return False
                log.error("rule %s: %s; trying again", self.rule.name, error.message)
            await asyncio.sleep(self._limits.retry_delay_s)

    def _leave(self, job: _Job) -> None:
        self._jobs.discard(job)
        following = self._lanes.leave(job.event.topic)
        if following is not None:
            self._start(following)
        self._note_idle()

    def _drop(self, event: Event) -> None:
        self._dropped += 1
        if self._dropped & (self._dropped - 1) == 0:  # 1, 2, 4, 8 …: a flood must not flood the log
            log.warning(
                "rule %s: %d events dropped so far, the last from topic %s: %d are in flight. They "
                "came with QoS 0, which promises nothing; publish with QoS 1, make function %s "
                "faster, or raise custom.bellwire.limits.eventsInFlight.",
                self.rule.name,
                self._dropped,
                event.topic,
                len(self._jobs),
                self.rule.function,
            )

    def _note_idle(self) -> None:
        if self._jobs:
            self._idle.clear()
        else:
            self._idle.set()
