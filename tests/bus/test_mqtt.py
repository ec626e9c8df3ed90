from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bellwire.bus.embedded import free_port
from bellwire.bus.mqtt import Login, MqttPublisher, Received, subscribed, wait_accepting
from bellwire.errors import BadRequestError, BusError


if TYPE_CHECKING:
    from tests.bus.conftest import Inbox, StartBroker

MakeInbox = Callable[..., "Inbox"]
Until = Callable[..., Awaitable[None]]


def test_a_publish_arrives(
    start_broker: StartBroker, make_inbox: MakeInbox, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus:
            inbox = make_inbox()
            await bus.listen([inbox.source("rule", "a/#")])
            async with MqttPublisher("127.0.0.1", broker.settings.mqtt_port) as publisher:
                await publisher.publish("a/ü", b"\x00\xff", qos=1)
                await publisher.publish("a/b.c", b"zero")
                await asyncio.gather(
                    *(publisher.publish("a/many", b"%d" % n, qos=1) for n in range(50))
                )
            await inbox.wait_for(b"\x00\xff", b"zero", *(b"%d" % n for n in range(50)))
            topics = {event.payload: event.topic for event in inbox.events}
            assert (topics[b"\x00\xff"], topics[b"zero"]) == ("a/ü", "a/b.c")

    asyncio.run(main())
    assert caplog.records == []


def test_a_publisher_connects_for_its_first_messages_once(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.device() as device:
            await device.subscribe("a", qos=1)
            publisher = MqttPublisher("127.0.0.1", broker.settings.mqtt_port, client_id="one")
            await asyncio.gather(*(publisher.publish("a", b"%d" % n, qos=1) for n in range(20)))
            await publisher.__aexit__(None, None, None)
            heard = set()
            async with asyncio.timeout(5):
                async for message in device.messages:
                    heard.add(message.payload)
                    if len(heard) == 20:
                        break

    asyncio.run(main())


def test_a_publish_does_not_wait_for_the_one_before(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            MqttPublisher("127.0.0.1", broker.settings.mqtt_port) as publisher,
        ):
            started = time.monotonic()
            for _ in range(25):
                await publisher.publish("a", b"x", qos=0)
                await publisher.publish("a", b"x", qos=1)
            assert time.monotonic() - started < 0.5  # it took 40 ms for each pair

    asyncio.run(main())


def test_a_publisher_survives_the_death_of_the_broker(
    start_broker: StartBroker, make_inbox: MakeInbox, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus:
            inbox = make_inbox()
            await bus.listen([inbox.source("rule", "a")])
            async with MqttPublisher("127.0.0.1", broker.settings.mqtt_port) as publisher:
                await publisher.publish("a", b"before", qos=1)
                first = broker.pid
                os.kill(first, signal.SIGKILL)
                await wait_until(lambda: broker.pid != first)
                await broker.wait_accepting()
                await asyncio.gather(*(publisher.publish("a", b"%d" % n, qos=1) for n in range(10)))
            await inbox.wait_for(b"before", *(b"%d" % n for n in range(10)))

    asyncio.run(main())


def test_a_broker_that_is_away_is_told(start_broker: StartBroker) -> None:
    async def main() -> None:
        port = free_port("127.0.0.1")
        with pytest.raises(BusError, match=f"127.0.0.1:{port} did not take it") as caught:
            async with MqttPublisher("127.0.0.1", port):
                pass
        assert caught.value.retryable
        assert caught.value.hint
        async with start_broker() as broker:
            publisher = MqttPublisher("127.0.0.1", broker.settings.mqtt_port)
            async with publisher:
                await broker.server.stop()
                for _ in range(2):
                    with pytest.raises(BusError):
                        await publisher.publish("a", b"x", qos=1)

    asyncio.run(main())


@pytest.mark.parametrize("topic", ["", "a b", "a/+", "#", "a\x00"])
def test_a_topic_nobody_may_publish_to_is_refused_and_the_connection_stays(
    start_broker: StartBroker, topic: str
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            MqttPublisher("127.0.0.1", broker.settings.mqtt_port) as publisher,
        ):
            with pytest.raises(BadRequestError):
                await publisher.publish(topic, b"x", qos=1)
            await publisher.publish("a", b"x", qos=1)

    asyncio.run(main())


def test_waiting_for_a_broker_that_never_comes_ends_in_time() -> None:
    async def main() -> None:
        started = time.monotonic()
        with pytest.raises(BusError):
            await wait_accepting("127.0.0.1", free_port("127.0.0.1"), within_s=0.2)
        assert 0.15 < time.monotonic() - started < 1

    asyncio.run(main())


def test_waiting_for_a_broker_that_is_slow_to_come(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker:
            await broker.server.stop()
            waiting = asyncio.create_task(broker.wait_accepting())
            await asyncio.sleep(0.1)
            assert not waiting.done()
            await broker.server.start()
            async with asyncio.timeout(5):
                await waiting
            with suppress(asyncio.CancelledError):
                waiting.cancel()

    asyncio.run(main())


# Listening


def test_what_is_published_comes_with_its_marks(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker:
            port = broker.settings.mqtt_port
            async with MqttPublisher("127.0.0.1", port) as publisher:
                await publisher.publish("a/kept", b"0", qos=1, retain=True)
                async with subscribed("127.0.0.1", port, ["a/#", "b"], qos=1) as subscription:
                    await publisher.publish("a/b.c", b"1", qos=1)
                    await publisher.publish("b", b"2")
                    found = set()
                    async with asyncio.timeout(5):
                        async for message in subscription.messages():
                            found.add(message)
                            if len(found) == 3:
                                break
            assert found == {
                Received("a/kept", b"0", 1, True),
                Received("a/b.c", b"1", 1, False),
                Received("b", b"2", 0, False),
            }

    asyncio.run(main())


def test_a_login_that_the_broker_does_not_know_is_left_out(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker:
            port, login = broker.settings.mqtt_port, Login("bellwire-cli", "secret")
            async with (
                MqttPublisher("127.0.0.1", port, login=login) as publisher,
                subscribed("127.0.0.1", port, ["a"], qos=0, login=login) as subscription,
            ):
                await publisher.publish("a", b"1", qos=1)
                async with asyncio.timeout(5):
                    async for message in subscription.messages():
                        assert message.payload == b"1"
                        break

    asyncio.run(main())


def test_a_subscription_that_is_not_read_drops_and_counts(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker:
            port = broker.settings.mqtt_port
            async with (
                MqttPublisher("127.0.0.1", port) as publisher,
                subscribed("127.0.0.1", port, ["a"], qos=0) as subscription,
            ):
                for _ in range(103):
                    await asyncio.gather(*(publisher.publish("a", b"x") for _ in range(100)))
                await wait_until(lambda: subscription.dropped == 300)

    asyncio.run(main())


def test_the_end_of_the_connection_is_told(start_broker: StartBroker) -> None:
    async def listen(port: int, kill: Callable[[], None]) -> None:
        async with subscribed("127.0.0.1", port, ["a"], qos=0) as subscription:
            kill()
            async with asyncio.timeout(5):
                async for _ in subscription.messages():
                    raise AssertionError("nobody published")

    async def main() -> None:
        async with start_broker() as broker:
            kill = partial(os.kill, broker.pid, signal.SIGKILL)
            with pytest.raises(BusError, match="closed the connection") as caught:
                await listen(broker.settings.mqtt_port, kill)
            assert caught.value.retryable
            await broker.wait_accepting()
            async with broker.bus():
                pass
        with pytest.raises(BusError, match="cannot be listened to"):
            await listen(free_port("127.0.0.1"), kill)

    asyncio.run(main())
