"""Where device shadows are kept, and where requests for them come from.

A bucket of NATS's key-value store has the newest record of each shadow, written only where nobody
else has written since it was read. Requests are messages of devices, taken as rules take theirs
(`bus/connection.py`). Both are one for a NATS server, whatever services it serves: as on AWS, a
thing is no part of a service. Of the nodes that share a server one serves the devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, StreamConfig
from nats.js.errors import APIError, NotFoundError

from bellwire.bus.connection import ACK, IN_PROGRESS, PLAIN_PENDING, Bus
from bellwire.bus.subjects import MESSAGES_PREFIX, MESSAGES_STREAM, QOS_HEADER, topic_of
from bellwire.errors import BusError
from bellwire.limits import Limits


_BUCKET = "BELLWIRE_SHADOWS"
_STREAM = f"KV_{_BUCKET}"
_CONSUMER = "bellwire_shadows"
_DELIVER_TO = "bellwire.shadows"
_REQUESTS = ("$aws.things.*.shadow.*", "$aws.things.*.shadow.name.*.*")
"""Subjects that hold all requests, and no answer."""
_ALL_KEPT = f"{MESSAGES_PREFIX}$aws.things.*.shadow.>"
_EXPECTED_REVISION = "Nats-Expected-Last-Subject-Sequence"
_OTHER_REVISION = (10071, 10164)
_STREAM_FULL = 10077
_NO_MESSAGE = 10037
# JetStream's error codes [github.com/nats-io/nats-server/blob/main/server/errors.json].


class StoredRecord(NamedTuple):
    """A record, and the revision that a new one has to name; empty where it was purged."""

    data: bytes
    revision: int


class ShadowMessage(NamedTuple):
    """A request of a device. Say `done()` once it is served, else it comes again.

    `sequence` and `stored_ms` are its number and its time in the broker's stream; both are 0 where
    it is in none, and comes once (QoS 0).
    """

    bus: Bus
    reply: str
    topic: str
    payload: bytes
    sequence: int = 0
    stored_ms: int = 0

    def done(self) -> None:
        """Acknowledge: the request will not come again."""
        if self.reply:
            self.bus.reply(self.reply, ACK)

    def in_progress(self) -> None:
        """Say that it is being worked on: it is not given out again yet."""
        if self.reply:
            self.bus.reply(self.reply, IN_PROGRESS)


class ShadowStore:
    """The records of all shadows; `shadow` is None for a thing's classic one."""

    def __init__(self, bus: Bus, *, limits: Limits) -> None:
        self._bus = bus
        self._limits = limits

    async def open(self) -> None:
        """Make sure that the bucket exists; BusError."""
        # As `nats kv add` makes one; reads ask its leader, so that they see what was just written.
        await self._bus.keep_stream(
            StreamConfig(
                name=_STREAM,
                subjects=[f"$KV.{_BUCKET}.>"],
                max_msgs_per_subject=1,
                max_bytes=self._limits.shadows_bytes,
                discard=DiscardPolicy.NEW,
                allow_rollup_hdrs=True,
                allow_msg_ttl=True,
                deny_delete=True,
            )
        )

    async def load(self, thing: str, shadow: str | None) -> StoredRecord | None:
        """Return what is stored; raises BusError."""
        try:
            message = await self._bus.jetstream.get_last_msg(_STREAM, _subject(thing, shadow))
        except (TimeoutError, NatsError) as error:
            if isinstance(error, NotFoundError) and error.err_code == _NO_MESSAGE:
                return None  # any other: a server that has just started has no streams yet
            raise BusError(f"a shadow could not be read: {_text(error)}", retryable=True) from None
        assert message.seq is not None
        return StoredRecord(message.data or b"", message.seq)

    async def save(
        self,
        thing: str,
        shadow: str | None,
        data: bytes,
        *,
        revision: int,
        keep_s: int | None = None,
    ) -> bool:
        """Store a record in place of the one of this revision (0: of none), for good or `keep_s`.

        Returns False where another has been stored meanwhile. Raises BusError, which a retry does
        not help where the bucket is full.
        """
        try:
            await self._bus.jetstream.publish(
                _subject(thing, shadow),
                data,
                headers={_EXPECTED_REVISION: str(revision)},
                msg_ttl=keep_s,
            )
        except APIError as error:
            if error.err_code in _OTHER_REVISION:
                return False
            if error.err_code == _STREAM_FULL:
                raise self._full() from None
            raise _not_stored(error) from None
        except (TimeoutError, NatsError) as error:
            raise _not_stored(error) from None
        return True

    async def names(self, thing: str) -> list[str]:
        """Return the names of a thing's named shadows, sorted, deleted ones too; BusError."""
        prefix = _subject(thing, "")
        try:
            info = await self._bus.jetstream.stream_info(_STREAM, subjects_filter=f"{prefix}*")
        except (TimeoutError, NatsError) as error:
            raise BusError(f"shadows could not be listed: {_text(error)}", retryable=True) from None
        return sorted(_name(each.removeprefix(prefix)) for each in info.state.subjects or {})

    def _full(self) -> BusError:
        return BusError(
            f"device shadows fill all of their {self._limits.shadows_bytes} bytes",
            retryable=False,
            hint="delete some, or raise custom.bellwire.limits.shadowsBytes",
        )


class ShadowRequests:
    """Devices' requests for shadows. One node of a server takes those of QoS 1, in order."""

    def __init__(
        self, bus: Bus, on_request: Callable[[ShadowMessage], None], *, limits: Limits
    ) -> None:
        self._bus = bus
        self._on_request = on_request
        self._limits = limits

    async def open(self) -> None:
        """Have the broker keep requests from now on, and take those that it does not keep.

        Raises BusError where the server has no MQTT or no JetStream.
        """
        consumer = ConsumerConfig(
            durable_name=_CONSUMER,
            deliver_subject=_DELIVER_TO,
            deliver_policy=DeliverPolicy.NEW,
            filter_subjects=[MESSAGES_PREFIX + subject for subject in _REQUESTS],
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._limits.redelivery_s,
            max_ack_pending=self._limits.shadow_requests,
        )
        with _served():
            for subject in _REQUESTS:
                await self._bus.client.subscribe(
                    subject, queue=_CONSUMER, cb=self._take_plain, pending_msgs_limit=PLAIN_PENDING
                )
            await self._bus.jetstream.add_consumer(MESSAGES_STREAM, consumer)
            await self._bus.client.flush()

    async def is_taken(self) -> bool:
        """Tell whether a node takes the requests of QoS 1 now; raises BusError."""
        with _served():
            info = await self._bus.jetstream.consumer_info(MESSAGES_STREAM, _CONSUMER)
            return bool(info.push_bound)

    async def left_behind(self) -> list[ShadowMessage]:
        """Return the requests that a node was given and did not acknowledge, in order; BusError.

        The broker gives them out again too, but later, and after newer ones.
        """
        found: list[ShadowMessage] = []
        with _served():
            info = await self._bus.jetstream.consumer_info(MESSAGES_STREAM, _CONSUMER)
            if not info.num_ack_pending or not info.ack_floor or not info.delivered:
                return found
            position = info.ack_floor.stream_seq
            while position < info.delivered.stream_seq:
                message = await self._after(position)
                if message is None or message.sequence > info.delivered.stream_seq:
                    break
                found.append(message)
                position = message.sequence
        return found

    async def listen(self) -> None:
        """Take requests of QoS 1 from now on, and those that nobody has taken yet; BusError."""
        with _served():
            await self._bus.client.subscribe(_DELIVER_TO, cb=self._take)
            await self._bus.client.flush()

    async def _after(self, position: int) -> ShadowMessage | None:
        try:
            stored = await self._bus.jetstream.get_msg(
                MESSAGES_STREAM, seq=position + 1, subject=_ALL_KEPT, next=True
            )
        except NotFoundError:
            return None
        assert stored.seq is not None
        assert stored.subject is not None
        assert stored.time is not None
        topic = topic_of(stored.subject.removeprefix(MESSAGES_PREFIX))
        stored_ms = _milliseconds(stored.time)
        return ShadowMessage(self._bus, "", topic, stored.data or b"", stored.seq, stored_ms)

    async def _take(self, message: Msg) -> None:
        if message.subject.startswith(MESSAGES_PREFIX) and message.reply:
            topic = topic_of(message.subject.removeprefix(MESSAGES_PREFIX))
            metadata = message.metadata
            self._on_request(
                ShadowMessage(
                    bus=self._bus,
                    reply=message.reply,
                    topic=topic,
                    payload=message.data,
                    sequence=metadata.sequence.stream,
                    stored_ms=_milliseconds(metadata.timestamp),
                )
            )

    async def _take_plain(self, message: Msg) -> None:
        if (message.headers or {}).get(QOS_HEADER, "0") == "0":
            self._on_request(ShadowMessage(self._bus, "", topic_of(message.subject), message.data))


@contextmanager
def _served() -> Iterator[None]:
    try:
        yield
    except (TimeoutError, NatsError) as error:
        raise BusError(f"NATS refused to serve shadows: {_text(error)}", retryable=True) from None


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _subject(thing: str, shadow: str | None) -> str:
    """Return the subject of a shadow's key. Neither name has a `=`, which stands for an escape."""
    key = (
        f"classic.{_token(thing)}" if shadow is None else f"named.{_token(thing)}.{_token(shadow)}"
    )
    return f"$KV.{_BUCKET}.{key}"


def _token(name: str) -> str:
    # The characters of keys [docs.nats.io/nats-concepts/jetstream/key-value-store] are fewer.
    return name.replace(":", "=3A").replace("$", "=24")


def _name(token: str) -> str:
    return token.replace("=3A", ":").replace("=24", "$")


def _not_stored(error: Exception) -> BusError:
    return BusError(f"a shadow could not be stored: {_text(error)}", retryable=True)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
