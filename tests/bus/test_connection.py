from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import aiomqtt
import pytest
from nats.aio.msg import Msg

from bellwire.bus.connection import Bus
from bellwire.bus.dead_letters import DeadLetters
from bellwire.bus.embedded import NODE_USER, free_port
from bellwire.errors import BusError
from bellwire.limits import Limits


if TYPE_CHECKING:
    from tests.bus.conftest import Inbox, StartBroker

MakeInbox = Callable[..., "Inbox"]
Until = Callable[..., Awaitable[None]]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("bellwire")]


# What a device may not do

FORBIDDEN = ["bellwire/rule/x", "$JS/API/INFO", "$KV/x/y", "$MQTT/msgs/a", "$SYS/x", "_INBOX/x"]


@pytest.mark.parametrize("topic", FORBIDDEN)
@pytest.mark.parametrize("qos", [0, 1])
def test_a_device_publishes_nothing_into_what_is_the_nodes(
    start_broker: StartBroker, topic: str, qos: int
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.nats() as onlooker:
            seen: list[str] = []

            async def note(message: Msg) -> None:
                if message.data == b"from a device":
                    seen.append(message.subject)

            await onlooker.subscribe(">", cb=note)
            await onlooker.flush()
            with suppress(aiomqtt.MqttError, TimeoutError):
                async with broker.device() as device:
                    async with asyncio.timeout(0.3):
                        await device.publish(topic, b"from a device", qos=qos)
            await asyncio.sleep(0.05)
            assert seen == []

    asyncio.run(main())


def test_a_device_reads_nothing_of_what_is_the_nodes(
    start_broker: StartBroker, make_inbox: MakeInbox
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            broker.bus() as bus,
            broker.nats() as node,
            broker.device() as device,
            broker.device() as spy,
        ):
            inbox = make_inbox()
            await bus.listen([inbox.source("rule", "a")])
            letters = DeadLetters(bus, limits=Limits())
            await letters.open()
            for topic_filter in (
                "#",
                "bellwire/#",
                "$MQTT/#",
                "$JS/#",
                "$KV/#",
                "_INBOX/#",
                "$SYS/#",
            ):
                with suppress(aiomqtt.MqttError):
                    await spy.subscribe(topic_filter)
            await device.publish("a", b"secret", qos=1)  # the rule's copy goes to bellwire.rule…
            await inbox.wait_for(b"secret")
            await letters.bury_invocation("work", b"dead", {})
            await node.publish("bellwire.x", b"x")
            await node.flush()
            await device.publish("last", b"last", qos=0)
            topics = []
            async with asyncio.timeout(5):
                async for message in spy.messages:
                    topics.append(str(message.topic))
                    if topics[-1] == "last":
                        break
            assert topics == ["a", "last"]

    asyncio.run(main())


def test_the_nats_port_without_a_password_is_a_device_too(
    start_broker: StartBroker, make_inbox: MakeInbox
) -> None:
    def talk(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
            peer.sendall(b'CONNECT {"verbose":false}\r\nPUB $JS.API.INFO r 0\r\n\r\nPING\r\n')
            answer = b""
            while b"PONG" not in answer:
                answer += peer.recv(65536)
        return answer

    async def main() -> None:
        async with start_broker() as broker:
            answer = await asyncio.to_thread(talk, broker.settings.nats_port)
            assert b"Permissions Violation for Publish" in answer

    asyncio.run(main())


# Connecting


def test_a_server_that_is_not_there_is_told_in_time() -> None:
    async def main() -> None:
        port = free_port("127.0.0.1")
        bus = Bus(scope="app", limits=Limits())
        started = time.monotonic()
        with pytest.raises(BusError) as caught:
            await bus.connect(f"nats://user:secret@127.0.0.1:{port}", within_s=0.3)
        assert 0.2 < time.monotonic() - started < 2
        assert str(caught.value).startswith(f"NATS at nats://127.0.0.1:{port} cannot be reached: ")
        assert "secret" not in str(caught.value)
        assert caught.value.retryable
        await bus.close()

    asyncio.run(main())


def test_a_server_that_will_never_be_there_is_told_at_once() -> None:
    async def main() -> None:
        bus = Bus(scope="app", limits=Limits())
        started = time.monotonic()
        with pytest.raises(BusError, match="cannot be reached: its disk is full") as caught:
            await bus.connect(
                f"nats://127.0.0.1:{free_port('127.0.0.1')}",
                within_s=10,
                is_hopeless=lambda: "its disk is full",
            )
        assert time.monotonic() - started < 1
        assert not caught.value.retryable

    asyncio.run(main())


@pytest.mark.parametrize("url", ["", "nats://127.0.0.1:port", "nats://"])
def test_an_address_that_is_none_is_told_at_once(url: str) -> None:
    async def main() -> None:
        bus = Bus(scope="app", limits=Limits())
        started = time.monotonic()
        with pytest.raises(BusError, match="cannot be reached"):
            await bus.connect(url, within_s=10)
        assert time.monotonic() - started < 1
        await bus.close()

    asyncio.run(main())


def test_a_wrong_password_is_told(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker:
            bus = Bus(scope="app", limits=Limits())
            with pytest.raises(BusError, match="Authorization Violation"):
                await bus.connect(
                    broker.settings.url, user=NODE_USER, password="wrong", within_s=0.3
                )
            await bus.close()

    asyncio.run(main())


def test_closing_is_quiet_and_safe_to_repeat(
    start_broker: StartBroker, make_inbox: MakeInbox, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus, broker.device() as device:
            inbox = make_inbox(done=False)
            await bus.listen([inbox.source("rule", "a")])
            await device.publish("a", b"x", qos=1)
            await inbox.wait_for(b"x")
            inbox.events[0].done()  # it goes out before the connection ends
            await bus.close()
            await bus.close()
            async with broker.nats() as onlooker:
                info = await onlooker.jetstream().consumer_info(
                    "$MQTT_msgs", "bellwire-app-dev-rule"
                )
                assert (info.num_ack_pending, info.num_pending) == (0, 0)

    with caplog.at_level(logging.INFO, "bellwire"):
        asyncio.run(main())
    assert told(caplog) == []


def test_done_without_a_connection_is_told_once_not_for_each(
    start_broker: StartBroker, make_inbox: MakeInbox, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus, broker.device() as device:
            inbox = make_inbox(done=False)
            await bus.listen([inbox.source("rule", "a")])
            for _ in range(50):
                await device.publish("a", b"x", qos=1)
            await inbox.wait_for(b"x")
            await bus.close()
            for event in inbox.events:
                event.done()
            await asyncio.sleep(0.01)

    asyncio.run(main())
    (line,) = told(caplog)
    assert "acknowledgements could not be sent" in line
