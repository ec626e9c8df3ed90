"""The stream of dead letters: events that failed for good, until somebody retries or drops them.

Nothing is removed from it but by `remove` and `purge`; or by the server, the oldest first, where
it is full: that is counted and told.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, Literal, NamedTuple, Protocol

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, StreamConfig
from nats.js.errors import APIError, BadRequestError, NotFoundError

from bellwire.bus.connection import Bus
from bellwire.errors import BusError
from bellwire.limits import Limits
from bellwire.origin import UNKNOWN, MqttProperties, Origin


log = logging.getLogger("bellwire.bus")

STREAM = "BELLWIRE_DEAD_LETTERS"
_SIZE_HEADER = "Nats-Msg-Size"
"""What tells the payload's size where a consumer brings headers only."""
_EVENT_HEADER = "Bellwire-Event"
"""The event as it was, but for its payload: topic, arrival, origin, as JSON in ASCII."""
_BATCH = 256
_FETCH_S = 5.0
_LOOK_S = 1.0
_NO_MESSAGE = 10057
"""JetStream's error code where a message that is to be deleted is not there
[github.com/nats-io/nats-server/blob/main/server/errors.json]."""

Kind = Literal["rule", "function"]


class RuleEvent(Protocol):
    """What is kept of an event of a rule."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def origin(self) -> Origin: ...


class Selection(NamedTuple):
    """Which letters: all, or those of one rule or one function."""

    kind: Kind | None = None
    name: str | None = None


class Letter(NamedTuple):
    """An event that failed for good: of the rule or function `name`.

    `buried_ms` is when it became a letter; `arrived_ms`, `topic` and `origin` are those of a
    rule's event, `request_id` and `chain` those of an asynchronous one. `payload` is None where
    only `size` was asked for. `retries` counts how often it has been a letter before.
    """

    sequence: int
    kind: Kind
    name: str
    topic: str
    request_id: str
    attempts: int
    retries: int
    reason: str
    buried_ms: int
    arrived_ms: int
    origin: Origin
    chain: int
    size: int
    payload: bytes | None


class Again:
    """A letter as an event for its rule once more: what `done()` is said of is a letter no more.

    It is durable: the letter stays in the stream until then.
    """

    __slots__ = ("__weakref__", "_on_done", "failed_again", "letter", "outcome", "payload")

    durable = True

    def __init__(self, letter: Letter, on_done: Callable[[Again], None]) -> None:
        assert letter.payload is not None
        self.letter = letter
        self.payload = letter.payload
        self.failed_again = False
        """Whether there is a new letter of this event."""
        self.outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Has `failed_again` once the letter is out of the stream."""
        self._on_done = on_done

    @property
    def topic(self) -> str:
        """The topic that it was published to."""
        return self.letter.topic

    @property
    def timestamp_ms(self) -> int:
        """When it arrived first."""
        return self.letter.arrived_ms

    @property
    def origin(self) -> Origin:
        """Who published it."""
        return self.letter.origin

    @property
    def redelivered(self) -> bool:
        """It has been with its rule before."""
        return True

    def done(self) -> None:
        """Take the letter out of the stream."""
        self._on_done(self)

    def in_progress(self) -> None:
        """Nobody else is given the letter meanwhile."""


class DeadLetterStatistics(NamedTuple):
    """`kept` is of the last look; the others count since the node started."""

    kept: int
    buried: int
    removed: int
    discarded: int


class DeadLetters:
    """The letters of one service and stage, in a stream that all on this NATS share."""

    def __init__(self, bus: Bus, *, limits: Limits) -> None:
        self._bus = bus
        self._limits = limits
        self._prefix = f"bellwire.dead.{bus.scope}"
        self._kept = self._kept_at_first = 0
        self._buried = self._removed = self._discarded = 0
        self._removing = 0
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Make sure that the stream exists; BusError where it cannot."""
        await self._bus.keep_stream(
            StreamConfig(
                name=STREAM,
                subjects=["bellwire.dead.>"],
                max_bytes=self._limits.dead_letters_bytes,
                discard=DiscardPolicy.OLD,
            )
        )
        counts = await self.counts()
        self._kept = self._kept_at_first = sum(counts.values())

    async def close(self) -> None:
        """Look no more at what the stream holds."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    def statistics(self) -> DeadLetterStatistics:
        """Return the figures of this moment, `kept` those of a second ago."""
        return DeadLetterStatistics(self._kept, self._buried, self._removed, self._discarded)

    # Writing

    async def bury_event(self, rule: str, event: RuleEvent, headers: Mapping[str, str]) -> None:
        """Store a rule's event that failed for good; BusError where NATS does not confirm."""
        attempts, retries = int(headers.get("Bellwire-Attempts", "0")), 0
        if isinstance(event, Again):
            attempts, retries = attempts + event.letter.attempts, event.letter.retries + 1
            event.failed_again = True
        kept = {
            "topic": event.topic,
            "arrived_ms": event.timestamp_ms,
            "origin": event.origin,
            "retries": retries,
        }
        headers = {**headers, _EVENT_HEADER: json.dumps(kept, default=_told)}
        if attempts:
            headers["Bellwire-Attempts"] = str(attempts)
        await self._bury("rule", rule, event.payload, headers)

    async def bury_invocation(
        self, function: str, payload: bytes, headers: Mapping[str, str]
    ) -> None:
        """Store an asynchronous event that failed for good; BusError."""
        await self._bury("function", function, payload, headers)

    async def _bury(
        self, kind: Kind, name: str, payload: bytes, headers: Mapping[str, str]
    ) -> None:
        subject = f"{self._prefix}.{kind}.{name}"
        try:
            await self._bus.jetstream.publish(subject, payload, headers=dict(headers))
        except (TimeoutError, NatsError) as error:
            raise BusError(
                f"a dead letter could not be stored: {error}",
                retryable=not isinstance(error, MaxPayloadError | BadRequestError),
            ) from None
        self._buried += 1
        self._kept += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_soon())

    async def remove(self, sequence: int) -> bool:
        """Remove a letter; tell whether it was there. Raises BusError."""
        with _asking("a dead letter could not be removed"), self._counting_removals():
            try:
                await self._bus.jetstream.delete_msg(STREAM, sequence)
            except NotFoundError:
                return False
            except APIError as error:
                if error.err_code == _NO_MESSAGE:
                    return False
                raise
        self._removed += 1
        self._kept -= 1
        return True

    async def purge(self, selection: Selection, *, up_to: int) -> int:
        """Remove all letters of a selection up to a sequence; return how many. Raises BusError."""
        request = {"filter": self._subject(selection), "seq": up_to + 1}
        with _asking("dead letters could not be removed"), self._counting_removals():
            answer = await self._bus.client.request(
                f"$JS.API.STREAM.PURGE.{STREAM}", json.dumps(request).encode(), timeout=_FETCH_S
            )
        document = json.loads(answer.data)
        if "purged" not in document:
            why = document.get("error", {}).get("description", "no answer")
            raise BusError(f"dead letters could not be removed: {why}", retryable=True)
        purged = int(document["purged"])
        self._removed += purged
        self._kept -= purged
        return purged

    # Reading

    async def counts(self) -> dict[tuple[Kind, str], int]:
        """Return how many letters each rule and function has. Raises BusError."""
        with _asking("the dead letters could not be counted"):
            info = await self._bus.jetstream.stream_info(
                STREAM, subjects_filter=self._subject(Selection())
            )
        subjects = info.state.subjects or {}
        return {self._addressee(subject): count for subject, count in subjects.items()}

    async def last_sequence(self) -> int:
        """Return the sequence of the newest letter that there ever was. Raises BusError."""
        return (await self._range())[1]

    async def find(self, sequence: int) -> Letter | None:
        """Return a letter with its payload, None where there is no such. Raises BusError."""
        async with aclosing(self.read(Selection(), after=sequence - 1)) as letters:
            async for letter in letters:
                return letter if letter.sequence == sequence else None
        return None

    async def newest(self, selection: Selection, *, before: int | None, count: int) -> list[Letter]:
        """Return the newest letters before a sequence, newest first, without payloads. BusError."""
        first, last = await self._range()
        end = last + 1 if before is None else min(before, last + 1)
        found: list[Letter] = []
        window = max(_BATCH, 2 * count)
        # The server reads forwards only.
        while end > first and len(found) < count:
            start = max(first, end - window)
            found = await self._between(selection, start, end) + found
            end, window = start, window * 4
        return found[: -count - 1 : -1]

    async def read(
        self, selection: Selection, *, after: int, headers_only: bool = False
    ) -> AsyncGenerator[Letter]:
        """Yield the letters behind a sequence, oldest first. Raises BusError."""
        with _asking("the dead letters could not be read"):
            async with self._consumer(selection, after + 1, headers_only=headers_only) as (
                subscription,
                pending,
            ):
                while pending:
                    try:
                        messages = await subscription.fetch(min(pending, _BATCH), timeout=_FETCH_S)
                    except NatsTimeoutError:
                        return  # they have been removed meanwhile
                    for message in messages:
                        yield self._letter(message, headers_only=headers_only)
                    pending = messages[-1].metadata.num_pending

    @asynccontextmanager
    async def _consumer(
        self, selection: Selection, start: int, *, headers_only: bool
    ) -> AsyncIterator[tuple[JetStreamContext.PullSubscription, int]]:
        jetstream = self._bus.jetstream
        info = await jetstream.add_consumer(
            STREAM,
            ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=max(start, 1),
                filter_subject=self._subject(selection),
                ack_policy=AckPolicy.NONE,
                headers_only=headers_only,
                inactive_threshold=2 * _FETCH_S,
                mem_storage=True,
            ),
        )
        subscription = await jetstream.pull_subscribe_bind(info.name, STREAM)
        try:
            yield subscription, info.num_pending or 0
        finally:
            await subscription.unsubscribe()
            await jetstream.delete_consumer(STREAM, info.name)

    async def _between(self, selection: Selection, start: int, end: int) -> list[Letter]:
        found: list[Letter] = []
        async with aclosing(self.read(selection, after=start - 1, headers_only=True)) as letters:
            async for letter in letters:
                if letter.sequence >= end:
                    break
                found.append(letter)
        return found

    async def _range(self) -> tuple[int, int]:
        with _asking("the dead letters could not be read"):
            state = (await self._bus.jetstream.stream_info(STREAM)).state
        return state.first_seq, state.last_seq

    def _subject(self, selection: Selection) -> str:
        if selection.kind is None:
            return f"{self._prefix}.>"
        return f"{self._prefix}.{selection.kind}.{selection.name or '*'}"

    def _addressee(self, subject: str) -> tuple[Kind, str]:
        kind, _, name = subject.removeprefix(f"{self._prefix}.").partition(".")
        return ("rule" if kind == "rule" else "function"), name

    def _letter(self, message: Msg, *, headers_only: bool) -> Letter:
        kind, name = self._addressee(message.subject)
        headers, metadata = message.headers or {}, message.metadata
        kept = json.loads(headers.get(_EVENT_HEADER, "{}"))
        buried_ms = int(metadata.timestamp.timestamp() * 1000)
        return Letter(
            sequence=metadata.sequence.stream,
            kind=kind,
            name=name,
            topic=kept.get("topic", ""),
            request_id=headers.get("Bellwire-Request-Id", ""),
            attempts=int(headers.get("Bellwire-Attempts", "0")),
            retries=kept.get("retries", 0),
            reason=headers.get("Bellwire-Reason", ""),
            buried_ms=buried_ms,
            arrived_ms=kept.get("arrived_ms", buried_ms),
            origin=_origin(kept.get("origin")),
            chain=int(headers.get("Bellwire-Chain", "0")),
            size=int(headers.get(_SIZE_HEADER, "0")) if headers_only else len(message.data),
            payload=None if headers_only else message.data,
        )

    # What the server discards

    async def _look_soon(self) -> None:
        """See, a second after a letter was stored, whether older ones had to go for it."""
        while True:
            buried = self._buried
            await asyncio.sleep(_LOOK_S)
            try:
                has_looked = await self._look()
            except BusError as error:
                log.debug("%s; looking again", error.message)
            else:
                if has_looked and buried == self._buried:
                    return

    async def _look(self) -> bool:
        """Count what there is; False where letters are being removed, and no count is right."""
        buried, removed = self._buried, self._removed
        counts = await self.counts()
        if self._removing or removed != self._removed:
            return False
        self._kept = sum(counts.values())
        discarded = self._kept_at_first + buried - removed - self._kept
        if discarded > self._discarded:
            log.error(
                "%d dead letters had to go, %d so far, the oldest first: they fill their %d bytes. "
                "Look at them with `bellwire dead-letters list`, retry or drop them, or raise "
                "custom.bellwire.limits.deadLettersBytes",
                discarded - self._discarded,
                discarded,
                self._limits.dead_letters_bytes,
            )
            self._discarded = discarded
        return True

    @contextmanager
    def _counting_removals(self) -> Iterator[None]:
        self._removing += 1
        try:
            yield
        finally:
            self._removing -= 1


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turn what NATS refuses into a BusError."""
    try:
        yield
    except (TimeoutError, NatsError) as error:
        why = str(error) or type(error).__name__
        raise BusError(f"{what}: {why}", retryable=True) from None


def _origin(kept: list[Any] | None) -> Origin:
    """Return an origin, of which JSON has made lists."""
    if kept is None:
        return UNKNOWN
    client_id, principal, trace_id, source_ip, properties = kept
    return Origin(client_id, principal, trace_id, source_ip, _properties(properties))


def _properties(kept: list[Any] | None) -> MqttProperties | None:
    if kept is None:
        return None
    content_type, is_text, response_topic, correlation, user, *expiry = kept
    return MqttProperties(
        content_type,
        is_text,
        response_topic,
        None if correlation is None else bytes.fromhex(correlation),
        tuple((name, value) for name, value in user),
        *expiry,
    )


def _told(value: object) -> str:
    """Return what JSON has no form for: the correlation data of a message."""
    assert isinstance(value, bytes)
    return value.hex()
