"""Dead letters in a real nats-server: kept whole, listed, tried again, dropped, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bellwire.bus.dead_letters import Again, DeadLetters, Selection
from bellwire.bus.retries import Retries
from bellwire.errors import BusError
from bellwire.limits import Limits
from bellwire.origin import UNKNOWN, MqttProperties, Origin


if TYPE_CHECKING:
    from tests.bus.conftest import Broker, StartBroker

Until = Callable[..., Awaitable[None]]
ORIGIN = Origin(
    "sensor-1",
    "cert",
    None,
    "10.0.0.1",
    MqttProperties("text/plain", True, None, b"\x00\xff", (("a", "ü"), ("a", "b"))),
)
EVERY = Selection()


class Failed(NamedTuple):
    """An event of a rule that failed."""

    payload: bytes
    topic: str = "devices/1/x"
    timestamp_ms: int = 1_700_000_000_123
    origin: Origin = UNKNOWN


class Desk:
    """The letters of a service, and what was given to its rules and functions."""

    def __init__(self, letters: DeadLetters, limits: Limits) -> None:
        self.letters = letters
        self.rules = {"warm"}
        self.given: list[Again] = []
        self.is_done = True
        self.stored: list[tuple[str, bytes, str, int, str]] = []
        self.retries = Retries(
            letters,
            give=self._give,
            store=self._store,
            functions=lambda: {"work"},
            limits=limits,
        )

    async def bury(self, *payloads: bytes, rule: str = "warm") -> None:
        for payload in payloads:
            headers = {"Bellwire-Attempts": "3", "Bellwire-Reason": "no\x1b: ü"}
            await self.letters.bury_event(rule, Failed(payload), headers)

    async def sequences(self, selection: Selection = EVERY) -> list[int]:
        page = await self.retries.page(selection, before=None, count=1000)
        return [letter.sequence for letter in page.letters]

    def _give(self, rule: str, event: Again, /) -> bool:
        if rule not in self.rules:
            return False
        self.given.append(event)
        if self.is_done:
            event.done()
        return True

    async def _store(
        self, function: str, payload: bytes, /, *, request_id: str, chain: int, once: str
    ) -> None:
        self.stored.append((function, payload, request_id, chain, once))


@asynccontextmanager
async def desk(broker: Broker, scope: str = "app-dev", **bounds: float) -> AsyncIterator[Desk]:
    limits = replace(Limits(), **bounds)  # type: ignore[arg-type]  # ints too
    async with broker.bus(scope, **bounds) as bus:
        letters = DeadLetters(bus, limits=limits)
        await letters.open()
        desk = Desk(letters, limits)
        try:
            yield desk
        finally:
            await desk.retries.close()
            await letters.close()


def test_a_letter_keeps_all_of_its_event(start_broker: StartBroker) -> None:
    headers = {
        "Bellwire-Attempts": "3",
        "Bellwire-Topic": "a/ü b",
        "Bellwire-Reason": "raised\x1b: nö\x00",
    }

    async def main() -> None:
        async with start_broker() as broker, desk(broker) as it:
            event = Failed(b"\x00payload\xff", "a/ü b", origin=ORIGIN)
            await it.letters.bury_event("warm", event, headers)
            letter = await it.retries.find(1)
            assert letter is not None
            assert letter.payload == event.payload
            assert (letter.topic, letter.arrived_ms) == (event.topic, event.timestamp_ms)
            assert letter.origin == ORIGIN
            assert (letter.kind, letter.name, letter.attempts) == ("rule", "warm", 3)
            assert letter.reason == "raised\x1b: nö\x00"
            assert await it.retries.find(2) is None

    asyncio.run(main())


def test_a_letter_that_is_not_stored_is_told(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus:
            letters = DeadLetters(bus, limits=Limits())
            with pytest.raises(BusError, match="a dead letter could not be stored") as caught:
                await letters.bury_event("rule", Failed(b"x"), {})  # there is no stream for it
            assert caught.value.retryable
            await letters.open()
            largest = b"x" * 128 * 1024
            await letters.bury_event("rule", Failed(largest), {"Reason": "🔔" * 1000})
            for payload, headers in ((largest * 2, {}), (b"", {"Topic": "x" * 65_535})):
                with pytest.raises(BusError) as caught:
                    await letters.bury_event("rule", Failed(payload), headers)
                assert not caught.value.retryable

    asyncio.run(main())


def test_the_newest_come_first_page_by_page(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, desk(broker) as it, desk(broker, "other") as other:
            for number in range(700):  # more than are read at once
                name = "rare" if number in (1, 350) else "warm"
                await it.bury(b"%d" % number, rule=name)
            await other.bury(b"not ours")
            await it.letters.bury_invocation("work", b"{}", {"Bellwire-Request-Id": "id-1"})
            page = await it.retries.page(EVERY, before=None, count=3)
            assert [letter.sequence for letter in page.letters] == [702, 700, 699]
            assert page.rules == {"warm": 698, "rare": 2}
            assert page.functions == {"work": 1}
            assert page.selected == 701
            assert page.letters[0].request_id == "id-1"
            assert (page.letters[0].size, page.letters[0].payload) == (2, None)
            older = await it.retries.page(EVERY, before=699, count=2)
            assert [letter.sequence for letter in older.letters] == [698, 697]
            rare = await it.retries.page(Selection("rule", "rare"), before=None, count=9)
            assert [letter.sequence for letter in rare.letters] == [351, 2]
            assert rare.selected == 2
            assert await it.sequences(Selection("rule", "none")) == []
            assert await other.sequences() == [701]
            assert await it.retries.find(701) is None

    asyncio.run(main())


def test_a_rule_is_given_its_event_as_it_was_and_the_letter_goes(
    start_broker: StartBroker,
) -> None:
    async def main() -> None:
        async with start_broker() as broker, desk(broker) as it:
            await it.letters.bury_event("warm", Failed(b"1", origin=ORIGIN), {})
            outcome = await it.retries.retry(EVERY, after=0, up_to=None, count=9, wait_s=5)
            assert (outcome.done, outcome.failed_again, outcome.running) == (1, 0, 0)
            (again,) = it.given
            assert again.topic == "devices/1/x"
            assert again.payload == b"1"
            assert again.timestamp_ms == 1_700_000_000_123
            assert again.origin == ORIGIN
            assert again.durable
            assert await it.sequences() == []
            assert it.letters.statistics().removed == 1

    asyncio.run(main())


def test_what_a_rule_is_not_done_with_stays_a_letter_and_is_not_given_twice(
    start_broker: StartBroker,
) -> None:
    async def main() -> None:
        async with start_broker() as broker, desk(broker) as it:
            it.is_done = False
            await it.bury(b"1", b"2")
            outcome = await it.retries.retry_each([2, 1, 5], wait_s=0.01)
            assert outcome.running == 2
            assert outcome.refused == {5: "there is no such letter"}
            assert [again.payload for again in it.given] == [b"2", b"1"]
            assert await it.sequences() == [2, 1]
            outcome = await it.retries.retry(EVERY, after=0, up_to=None, count=9, wait_s=0)
            assert outcome.refused == dict.fromkeys((1, 2), "it is being tried already")
            it.given.clear()  # as where the rule was stopped
            outcome = await it.retries.retry_each([1], wait_s=0)
            assert outcome.running == 1

    asyncio.run(main())


def test_what_fails_again_is_a_new_letter_and_not_tried_for_ever(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker, desk(broker) as it:
            it.is_done = False
            await it.bury(b"1")
            retrying = asyncio.create_task(
                it.retries.retry(EVERY, after=0, up_to=None, count=9, wait_s=5)
            )
            await wait_until(lambda: it.given)
            await it.letters.bury_event("warm", it.given[0], {"Bellwire-Attempts": "3"})
            it.given[0].done()
            outcome = await retrying
            assert (outcome.failed_again, outcome.up_to, outcome.after) == (1, 1, None)
            (letter,) = (await it.retries.page(EVERY, before=None, count=9)).letters
            assert (letter.sequence, letter.attempts, letter.retries) == (2, 6, 1)
            assert letter.arrived_ms == 1_700_000_000_123

    asyncio.run(main())


def test_many_are_tried_in_parts_oldest_first_with_a_bound(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker, desk(broker, dead_letters_in_flight=3) as it:
            await it.bury(*(b"%d" % number for number in range(10)))
            it.is_done = False
            first = await it.retries.retry(EVERY, after=0, up_to=None, count=5, wait_s=0.1)
            assert (first.running, first.up_to, first.after) == (3, 10, 3)
            full = await it.retries.retry(EVERY, after=3, up_to=10, count=5, wait_s=0.01)
            assert (full.running, full.after) == (0, 3)
            for again in it.given:
                again.done()
            it.is_done = True
            second = await it.retries.retry(EVERY, after=3, up_to=10, count=5, wait_s=5)
            assert (second.done, second.after) == (5, 8)
            last = await it.retries.retry(EVERY, after=8, up_to=10, count=5, wait_s=5)
            assert (last.done, last.after) == (2, None)
            assert [again.payload for again in it.given] == [b"%d" % each for each in range(10)]
            assert await it.sequences() == []

    asyncio.run(main())


def test_what_cannot_be_tried_is_refused_and_stays(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, desk(broker, mqtt_payload_bytes=10) as it:
            await it.bury(b"x" * 11)
            await it.bury(b"x", rule="gone")
            await it.letters.bury_invocation("gone", b"{}", {})
            outcome = await it.retries.retry(EVERY, after=0, up_to=None, count=9, wait_s=0)
            assert outcome.refused == {
                1: "it has 11 bytes, and custom.bellwire.limits.mqttPayloadBytes allows 10",
                2: "rule gone is disabled, or gone from the service",
                3: "function gone is gone from the service",
            }
            assert await it.sequences() == [3, 2, 1]

    asyncio.run(main())


def test_an_asynchronous_event_is_stored_for_its_function_again(
    start_broker: StartBroker,
) -> None:
    headers = {"Bellwire-Request-Id": "id-1", "Bellwire-Chain": "2", "Bellwire-Attempts": "3"}

    async def main() -> None:
        async with start_broker() as broker, desk(broker) as it:
            await it.letters.bury_invocation("work", b'{"a":1}', headers)
            work = Selection("function", "work")
            outcome = await it.retries.retry(work, after=0, up_to=None, count=9, wait_s=0)
            assert outcome.handed_over == 1
            assert it.stored == [("work", b'{"a":1}', "id-1", 2, "dead-letter-1")]
            assert await it.sequences() == []

    asyncio.run(main())


def test_letters_are_dropped_by_number_by_rule_and_up_to_one(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, desk(broker) as it, desk(broker, "other") as other:
            await it.bury(b"1", b"2", b"3", b"4")
            await it.bury(b"5", rule="second")
            await other.bury(b"6")
            dropped = await it.retries.drop_each([2, 6, 2])
            assert dropped.dropped == 1
            assert dropped.refused == dict.fromkeys((6, 2), "there is no such letter")
            assert (await it.retries.drop(Selection("rule", "warm"), up_to=3)).dropped == 2
            assert await it.sequences() == [5, 4]
            assert (await it.retries.drop(EVERY, up_to=None)).dropped == 2
            assert await it.sequences() == []
            assert await other.sequences() == [6]

    asyncio.run(main())


def test_what_a_full_stream_discards_is_counted_and_told(
    start_broker: StartBroker, wait_until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker, desk(broker, dead_letters_bytes=20_000) as it:
            await it.bury(*(b"x" * 3000 for _ in range(3)))
            await it.retries.drop_each([1])
            await it.bury(*(b"x" * 3000 for _ in range(10)))
            await wait_until(lambda: it.letters.statistics().discarded)
            kept = len(await it.sequences())
            figures = it.letters.statistics()
            assert figures == (kept, 13, 1, 12 - kept)

    asyncio.run(main())
    (line,) = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert "dead letters had to go" in line
    assert "bellwire dead-letters list" in line
