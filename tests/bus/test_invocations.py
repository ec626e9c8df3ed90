from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bellwire.bus.invocations import Invocations, StoredEvent
from bellwire.errors import BusError
from bellwire.limits import Limits


if TYPE_CHECKING:
    from tests.bus.conftest import Broker, StartBroker

Until = Callable[..., Awaitable[None]]
STREAM = "BELLWIRE_INVOCATIONS_app-dev"


class Taken(list[StoredEvent]):
    """Events that came, not done unless told."""

    def __init__(self, *, done: bool = False) -> None:
        self.done = done

    def take(self, event: StoredEvent) -> None:
        self.append(event)
        if self.done:
            event.done()

    def payloads(self) -> set[bytes]:
        return {event.payload for event in self}


@asynccontextmanager
async def opened(
    broker: Broker, *, scope: str = "app-dev", **bounds: float
) -> AsyncIterator[Invocations]:
    limits = replace(Limits(redelivery_s=0.5), **bounds)  # type: ignore[arg-type]  # ints too
    async with broker.bus(scope, **bounds) as bus:
        invocations = Invocations(bus, limits=limits)
        await invocations.open()
        yield invocations


async def stored(broker: Broker) -> int:
    async with broker.nats() as client:
        info = await client.jetstream().stream_info(STREAM)
        return info.state.messages


async def wait_until_empty(broker: Broker) -> None:
    for _ in range(500):
        if not await stored(broker):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("events are left in the stream")


def test_an_event_comes_to_its_function_as_it_was_stored(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as invocations:
            work, other = Taken(), Taken()

            def sort(event: StoredEvent) -> None:
                (work if event.function == "work" else other).take(event)

            await invocations.listen(["work", "other-one"], sort)
            before_ms = time.time_ns() // 1_000_000
            await invocations.store("work", b'{"a":1}', request_id="id-1", chain=3)
            await invocations.store("other-one", b"[]", request_id="id-2")
            await wait_until(lambda: work and other)
            (event,) = work
            assert (event.function, event.payload) == ("work", b'{"a":1}')
            assert (event.request_id, event.chain) == ("id-1", 3)
            assert before_ms <= event.accepted_ms <= time.time_ns() // 1_000_000
            assert (other[0].request_id, other[0].chain) == ("id-2", 0)

    asyncio.run(main())


def test_an_event_that_is_done_leaves_the_stream(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as invocations:
            taken = Taken()
            await invocations.listen(["work"], taken.take)
            await invocations.store("work", b"1", request_id="id")
            await wait_until(lambda: taken)
            assert await stored(broker) == 1
            taken[0].done()
            await wait_until_empty(broker)
            await asyncio.sleep(0.6)  # longer than `redelivery_s`
            assert len(taken) == 1

    asyncio.run(main())


def test_what_is_not_done_comes_again_under_its_number_unless_it_is_in_progress(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker, redelivery_s=0.3) as invocations:
            taken = Taken()
            await invocations.listen(["work"], taken.take)
            await invocations.store("work", b"1", request_id="id")
            await wait_until(lambda: taken)
            for _ in range(6):
                await asyncio.sleep(0.1)
                taken[0].in_progress()
            assert len(taken) == 1
            await wait_until(lambda: len(taken) == 2, within_s=2)
            assert taken[0].sequence == taken[1].sequence
            assert taken[0].accepted_ms == taken[1].accepted_ms

    asyncio.run(main())


def test_a_function_gets_no_more_than_it_may_have_in_hand(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            opened(broker, invocations_in_flight=3, redelivery_s=30) as invocations,
        ):
            taken = Taken()
            await invocations.listen(["work"], taken.take)
            for number in range(5):
                await invocations.store("work", b"%d" % number, request_id="id")
            await wait_until(lambda: len(taken) == 3)
            await asyncio.sleep(0.1)
            assert len(taken) == 3
            taken[0].done()
            await wait_until(lambda: len(taken) == 4)

    asyncio.run(main())


def test_a_full_stream_says_so_and_keeps_what_it_has(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            opened(broker, stored_invocations_bytes=10_000) as invocations,
        ):
            kept = 0

            async def fill() -> None:
                nonlocal kept
                while kept < 100:
                    await invocations.store("work", b"x" * 1000, request_id="id")
                    kept += 1

            with pytest.raises(BusError) as caught:
                await fill()
            assert caught.value.message == "asynchronous events fill all of their 10000 bytes"
            assert not caught.value.retryable
            assert 0 < kept < 10
            taken = Taken(done=True)
            await invocations.listen(["work"], taken.take)
            await wait_until(lambda: len(taken) == kept)
            await invocations.store("work", b"there is room again", request_id="id")
            await wait_until(lambda: len(taken) == kept + 1)

    asyncio.run(main())


def test_an_event_is_no_larger_than_a_dead_letter_may_be(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as invocations:
            largest = b"x" * broker.settings.payload_bytes
            with pytest.raises(BusError) as caught:
                await invocations.store("work", largest + b"x", request_id="id")
            assert caught.value.message == (
                "an event of 131073 bytes could not be stored: the NATS server takes 131072 and "
                "headers"
            )
            assert not caught.value.retryable
            await invocations.store("work", largest, request_id="id")

    asyncio.run(main())


def test_killing_the_server_loses_nothing(start_broker: StartBroker, wait_until: Until) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker, redelivery_s=0.5) as invocations:
            taken = Taken()
            await invocations.listen(["work"], taken.take)
            accepted = set()
            for number in range(200):
                if number == 100:
                    os.kill(broker.pid, signal.SIGKILL)
                payload = b"%d" % number
                try:
                    await invocations.store("work", payload, request_id="id")
                except BusError as error:
                    assert error.retryable  # noqa: PT017  # those stored are looked at below
                else:
                    accepted.add(payload)
                    taken.done = len(accepted) > 20
            assert len(accepted) > 100
            taken.done = True
            await wait_until(lambda: accepted <= taken.payloads(), within_s=20)

    asyncio.run(main())


def test_events_wait_for_the_next_start(start_broker: StartBroker, wait_until: Until) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as invocations:
            await invocations.store("work", b"before", request_id="id")
        async with start_broker() as broker, opened(broker) as invocations:
            taken = Taken(done=True)
            await invocations.listen(["work"], taken.take)
            await wait_until(lambda: taken.payloads() == {b"before"})

    asyncio.run(main())


def test_events_of_a_function_that_is_gone_come_too_and_its_consumer_goes_in_the_end(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker:
            async with opened(broker) as invocations:
                await invocations.listen(["gone"], Taken().take)
                await invocations.store("gone", b"left", request_id="id")
            async with opened(broker) as invocations:
                taken = Taken(done=True)
                await invocations.listen(["work"], taken.take)
                await wait_until(lambda: taken)
                assert (taken[0].function, taken[0].payload) == ("gone", b"left")
                await wait_until_empty(broker)
            async with opened(broker) as invocations, broker.nats() as client:
                await invocations.listen(["work"], taken.take)
                names = [each.name for each in await client.jetstream().consumers_info(STREAM)]
                assert names == ["work"]

    asyncio.run(main())


def test_functions_come_and_go_while_they_are_served(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as invocations:
            taken = Taken()
            await invocations.listen(["kept", "idle", "busy"], taken.take)
            for name in ("kept", "busy"):
                await invocations.store(name, name.encode(), request_id="id")
            await wait_until(lambda: len(taken) == 2)
            await invocations.listen(["kept", "new"], taken.take)
            await invocations.store("new", b"new", request_id="id")
            await invocations.store("busy", b"late", request_id="id")  # it still has an event
            await wait_until(lambda: taken.payloads() == {b"kept", b"busy", b"new", b"late"})
            async with broker.nats() as client:
                consumers = await client.jetstream().consumers_info(STREAM)
            assert sorted(info.name for info in consumers) == ["busy", "kept", "new"]
            for event in taken:
                event.done()
            await invocations.listen(["idle", "kept"], taken.take)
            await invocations.store("idle", b"back", request_id="id")
            await wait_until(lambda: b"back" in taken.payloads())

    asyncio.run(main())


def test_services_share_a_server_and_no_event(start_broker: StartBroker, wait_until: Until) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            opened(broker) as invocations,
            opened(broker, scope="app-dev-2") as others,
        ):
            own, foreign = Taken(done=True), Taken(done=True)
            await invocations.listen(["work"], own.take)
            await others.listen(["work"], foreign.take)
            await invocations.store("work", b"own", request_id="id")
            await others.store("work", b"foreign", request_id="id")
            await wait_until(lambda: own and foreign)
            assert (own.payloads(), foreign.payloads()) == ({b"own"}, {b"foreign"})

    asyncio.run(main())


def test_a_second_node_is_refused(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as invocations:
            await invocations.listen(["work"], Taken().take)
            async with broker.bus() as bus:
                with pytest.raises(BusError, match="another node serves this service and stage"):
                    await Invocations(bus, limits=Limits()).open()

    asyncio.run(main())


def test_bounds_may_change_between_two_starts(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker:
            async with opened(broker, invocations_in_flight=3) as invocations:
                await invocations.listen(["work"], Taken().take)
            async with opened(
                broker, invocations_in_flight=5, stored_invocations_bytes=20_000
            ) as invocations:
                await invocations.listen(["work"], Taken().take)
            async with broker.nats() as client:
                info = await client.jetstream().stream_info(STREAM)
                assert info.config.max_bytes == 20_000

    asyncio.run(main())


def test_a_stream_that_finds_no_room_is_refused_with_a_hint(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus:
            limits = Limits(stored_invocations_bytes=2 * 1024**3)
            with pytest.raises(BusError, match="insufficient storage") as caught:
                await Invocations(bus, limits=limits).open()
            assert caught.value.hint == (
                "JetStream needs room for 2147483648 bytes more: see storedEventsBytes"
            )

    asyncio.run(main())


def test_without_the_stream_an_event_is_not_accepted(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as invocations:
            async with broker.nats() as client:
                await client.jetstream().delete_stream(STREAM)
            with pytest.raises(BusError) as caught:
                await invocations.store("work", b"{}", request_id="id")
            assert caught.value.message.startswith("an asynchronous event could not be stored: ")
            assert caught.value.retryable

    asyncio.run(main())
