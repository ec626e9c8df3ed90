"""The device shadows that a node serves, to devices over MQTT and to callers over HTTP.

Requests for one shadow are served one after the other, in the order in which they came; what other
nodes write meanwhile is seen, never overwritten. A device's request of QoS 1 is acknowledged to the
broker when what it changed is stored and what tells of it is published: until then it comes again,
and is not merged twice. What a node that died had in hand is served before anything newer, so that
the order holds; and by one node of all that share a server, for the same reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

from bellwire.bus.connection import Bus
from bellwire.bus.shadows import ShadowMessage, ShadowRequests, ShadowStore
from bellwire.errors import BusError, UpstreamError
from bellwire.iot.shadow import (
    Outcome,
    Publication,
    ShadowStatistics,
    decode_record,
    encode_record,
    rejection,
    respond,
)
from bellwire.iot.shadow_request import (
    InvalidShadowRequestError,
    ShadowError,
    ShadowFailureError,
    ShadowName,
    ShadowRequest,
    ShadowThrottledError,
    parse_topic,
)
from bellwire.limits import SHADOW_VERSION_KEPT_S, Limits


log = logging.getLogger("bellwire.shadows")

SHADOW_FILTERS = ("$aws/things/+/shadow/+", "$aws/things/+/shadow/name/+/+")
"""Topic filters that hold all requests of devices, and no answer."""
_ANSWER_QOS = 1
_ELSEWHERE = (
    "Device shadows are kept by the broker of the devices: ask its own API "
    "(custom.bellwire.broker.shadows)"
)
_Result = TypeVar("_Result")

Publish = Callable[[str, bytes, int], Awaitable[None]]
"""Publishes to a topic with a QoS; returns once the broker has it. Raises UpstreamError."""


class NamesPage(NamedTuple):
    """Names of a thing's shadows in order; `more_after` is the last where there are more."""

    names: tuple[str, ...]
    more_after: str | None


class Shadows:
    """All device shadows; `now_ms` tells the time, epoch milliseconds."""

    def __init__(
        self, bus: Bus, *, publish: Publish, now_ms: Callable[[], int], limits: Limits
    ) -> None:
        self._requests = ShadowRequests(bus, self.take, limits=limits)
        self._store = ShadowStore(bus, limits=limits)
        self._publish = publish
        self._now_ms = now_ms
        self._limits = limits
        self._turns: WeakValueDictionary[ShadowName, asyncio.Lock] = WeakValueDictionary()
        self._messages: dict[asyncio.Task[None], ShadowMessage] = {}
        self._waiting: asyncio.Task[None] | None = None
        self._caught_up = 0
        self._calls = 0
        self._accepted: Counter[tuple[str, str]] = Counter()
        self._rejected = self._dropped = 0
        self._is_stuck = False
        self._stopping = False

    async def start(self) -> None:
        """Serve devices from now on; raises BusError."""
        await self._store.open()
        await self._requests.open()
        if await self._requests.is_taken():
            log.info("another node serves devices' shadow requests; this one will when it is gone")
            self._waiting = asyncio.create_task(self._take_over())
        else:
            await self._listen()

    async def serve(self, name: ShadowName, operation: str, payload: bytes) -> bytes:
        """Serve a call over HTTP, and return the answer; raises ShadowError and UpstreamError.

        Devices hear of what it changed as if it had come over MQTT.
        """
        if self._calls + len(self._messages) >= self._limits.shadow_requests:
            self._rejected += 1
            raise ShadowThrottledError("Too many requests for shadows are being worked on")
        self._calls += 1
        try:
            answer = await self._call(ShadowRequest(name, operation, payload))
        except ShadowError:
            self._rejected += 1
            raise
        finally:
            self._calls -= 1
        self._accepted[operation, "HTTP"] += 1
        return answer

    async def names(self, thing: str, *, count: int, after: str | None = None) -> NamesPage:
        """Return up to `count` names of a thing's named shadows that sort behind `after`.

        Raises ShadowError and UpstreamError.
        """
        ShadowName(thing).check()
        found: list[str] = []
        for name in await self._store.names(thing):
            if (after is None or name > after) and await self._is_live(thing, name):
                if len(found) == count:
                    return NamesPage(tuple(found), found[-1])
                found.append(name)
        return NamesPage(tuple(found), None)

    def statistics(self) -> ShadowStatistics:
        """Return the figures of this moment."""
        running = self._calls + len(self._messages)
        return ShadowStatistics(dict(self._accepted), self._rejected, self._dropped, running)

    def take(self, message: ShadowMessage) -> None:
        """Take a device's request from the broker; returns at once."""
        if self._stopping:
            return  # not acknowledged: it comes again, to the next node or the next start
        asked = parse_topic(message.topic)
        if asked is None or (message.reply and message.sequence <= self._caught_up):
            message.done()
            return
        in_hand = self._calls + len(self._messages)
        if not message.reply and in_hand >= self._limits.shadow_requests:
            self._drop(message)
            return
        task = asyncio.create_task(self._answer(message, _request(*asked, message)))
        self._messages[task] = message
        task.add_done_callback(self._ended)

    async def keep_alive(self) -> None:
        """Tell the broker, until cancelled, that the requests in hand are being worked on."""
        while True:
            await asyncio.sleep(self._limits.redelivery_s / 3)
            for message in self._messages.values():
                message.in_progress()

    async def stop(self) -> None:
        """Take no more requests of devices; wait for those in hand."""
        self._stopping = True
        if self._messages:
            await asyncio.wait(self._messages)

    async def close(self) -> None:
        """End what is still waited for: the broker gives it out again."""
        tasks = {*self._messages, *((self._waiting,) if self._waiting else ())}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _listen(self) -> None:
        """Take devices' requests: first what a node that is gone had begun with."""
        for message in await self._requests.left_behind():
            asked = parse_topic(message.topic)
            if asked is not None:
                await self._serve_device(_request(*asked, message))
            self._caught_up = message.sequence
        await self._requests.listen()

    async def _take_over(self) -> None:
        """Take devices' requests once no other node does."""
        while True:
            if not await self._insist(self._requests.is_taken):
                break
            await asyncio.sleep(self._limits.redelivery_s)
        await self._insist(self._listen)

    def _turn(self, name: ShadowName) -> asyncio.Lock:
        """Return the lock of a shadow, which lets in who waits in the order of their coming."""
        lock = self._turns.get(name)
        if lock is None:
            lock = self._turns[name] = asyncio.Lock()
        return lock

    async def _answer(self, message: ShadowMessage, request: ShadowRequest) -> None:
        await self._serve_device(request)
        message.done()

    async def _serve_device(self, request: ShadowRequest) -> None:
        async with self._turn(request.name):
            publications = await self._insist(lambda: self._told(request))
            await self._insist(lambda: self._publish_all(publications))

    async def _call(self, request: ShadowRequest) -> bytes:
        if request.operation == "get":  # it changes nothing, and waits for nobody
            return (await self._apply(request)).answer
        async with self._turn(request.name):
            outcome = await self._apply(request)
            await self._publish_all(outcome.publications)
            return outcome.answer

    async def _told(self, request: ShadowRequest) -> tuple[Publication, ...]:
        try:
            publications = (await self._apply(request)).publications
        except ShadowError as error:
            self._rejected += 1
            return (rejection(request, error),)
        self._accepted[request.operation, "MQTT"] += 1
        return publications

    async def _apply(self, request: ShadowRequest) -> Outcome:
        """Serve a request on what is stored, and store what becomes of it."""
        name = request.name
        while True:  # each turn is somebody else's success
            stored = await self._store.load(name.thing, name.shadow)
            record = decode_record(stored.data) if stored and stored.data else None
            outcome = respond(
                record,
                request,
                now_s=self._now_ms() // 1000,
                limits=self._limits,
            )
            if outcome.record is None:
                return outcome
            is_stored = await self._save(
                request,
                encode_record(outcome.record),
                revision=stored.revision if stored else 0,
                keep_s=None if outcome.record.is_live else SHADOW_VERSION_KEPT_S,
            )
            if is_stored:
                return outcome

    async def _save(
        self, request: ShadowRequest, data: bytes, *, revision: int, keep_s: int | None
    ) -> bool:
        name = request.name
        try:
            return await self._store.save(
                name.thing, name.shadow, data, revision=revision, keep_s=keep_s
            )
        except BusError as error:
            if error.retryable:
                raise
            log.error("shadow %s: %s (%s)", name.label, error.message, error.hint)
            raise ShadowFailureError("Internal service failure") from None

    async def _is_live(self, thing: str, shadow: str) -> bool:
        stored = await self._store.load(thing, shadow)
        return stored is not None and bool(stored.data) and decode_record(stored.data).is_live

    async def _publish_all(self, publications: tuple[Publication, ...]) -> None:
        await asyncio.gather(
            *(self._publish(topic, payload, _ANSWER_QOS) for topic, payload in publications)
        )

    async def _insist(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Do work, again and again until the broker is there for it."""
        while True:
            try:
                result = await work()
            except UpstreamError as error:
                if not self._is_stuck:
                    log.warning("devices' shadow requests wait: %s", error.message)
                self._is_stuck = True
                await asyncio.sleep(self._limits.retry_delay_s)
            else:
                self._is_stuck = False
                return result

    def _ended(self, task: asyncio.Task[None]) -> None:
        message = self._messages.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a shadow request on %s ended in a bug", message.topic, exc_info=error)

    def _drop(self, message: ShadowMessage) -> None:
        self._dropped += 1
        if self._dropped & (self._dropped - 1) == 0:  # 1, 2, 4, 8 …: a flood must not flood the log
            log.warning(
                "%d shadow requests of QoS 0 dropped so far, the last on topic %s: %d are being "
                "worked on; publish with QoS 1, or raise custom.bellwire.limits.shadowRequests",
                self._dropped,
                message.topic,
                self._limits.shadow_requests,
            )


class ShadowsElsewhere:
    """What callers find where the broker of the devices keeps shadows itself."""

    async def serve(self, name: ShadowName, operation: str, payload: bytes) -> bytes:
        """Refuse a call; raises ShadowError."""
        raise InvalidShadowRequestError(_ELSEWHERE)

    async def names(self, thing: str, *, count: int, after: str | None = None) -> NamesPage:
        """Refuse a call; raises ShadowError."""
        raise InvalidShadowRequestError(_ELSEWHERE)


def _request(name: ShadowName, operation: str, message: ShadowMessage) -> ShadowRequest:
    return ShadowRequest(name, operation, message.payload, message.sequence, message.stored_ms)
