"""Messages of devices on their way to sources of events, and the places that these keep."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import aiomqtt
import pytest

from bellwire.bus.connection import Bus
from bellwire.bus.embedded import ServerSettings
from bellwire.bus.rule_events import Event, EventSource, RuleEvents
from bellwire.errors import BusError
from bellwire.limits import Limits


if TYPE_CHECKING:
    from tests.bus.conftest import Broker, Inbox, StartBroker

MakeInbox = Callable[..., "Inbox"]
Until = Callable[..., Awaitable[None]]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("bellwire")]


# Events


def test_each_event_reaches_each_rule_that_listens_once(
    start_broker: StartBroker, make_inbox: MakeInbox
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus, broker.device() as device:
            one, all_, other = make_inbox(), make_inbox(), make_inbox()
            await bus.listen(
                [
                    one.source("one", "devices/+/parameters"),
                    all_.source("all", "devices/#"),
                    other.source("other", "things/#"),
                ]
            )
            before_ms = time.time_ns() // 1_000_000
            for qos in (0, 1, 2):
                await device.publish("devices/pump-1/parameters", f"qos {qos}", qos=qos)
            await device.publish("things/last", b"last", qos=1)
            await one.wait_for(b"qos 0", b"qos 1", b"qos 2")
            await all_.wait_for(b"qos 0", b"qos 1", b"qos 2")
            await other.wait_for(b"last")
            await asyncio.sleep(0.6)  # longer than `redelivery_s`: what is done does not come again
            for inbox in (one, all_):
                seen = sorted((event.payload, event.durable) for event in inbox.events)
                assert seen == [(b"qos 0", False), (b"qos 1", True), (b"qos 2", True)]
                for event in inbox.events:
                    assert event.topic == "devices/pump-1/parameters"
                    assert before_ms <= event.timestamp_ms <= time.time_ns() // 1_000_000
                    assert not event.redelivered
            assert other.payloads == [b"last"]

    asyncio.run(main())


def test_events_of_one_topic_come_in_order(
    start_broker: StartBroker, make_inbox: MakeInbox
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus, broker.device() as device:
            inbox = make_inbox()
            await bus.listen([inbox.source("rule", "a/+")])
            expected = [b"%d" % number for number in range(200)]
            for payload in expected:
                await device.publish("a/b", payload, qos=1)
            await inbox.wait_for(*expected)
            assert inbox.payloads == expected

    asyncio.run(main())


def test_an_event_that_is_not_done_comes_again_unless_it_is_in_progress(
    start_broker: StartBroker, make_inbox: MakeInbox, wait_until: Until
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            broker.bus(redelivery_s=0.3) as bus,
            broker.device() as device,
        ):
            inbox = make_inbox(done=False)
            await bus.listen([inbox.source("rule", "a")])
            await device.publish("a", b"x", qos=1)
            await inbox.wait_for(b"x")
            for _ in range(6):
                await asyncio.sleep(0.1)
                inbox.events[0].in_progress()
            assert len(inbox.events) == 1
            await wait_until(lambda: len(inbox.events) == 2, within_s=2)
            assert [event.redelivered for event in inbox.events] == [False, True]
            inbox.events[1].done()
            await asyncio.sleep(0.4)
            assert len(inbox.events) == 2

    asyncio.run(main())


def test_a_rule_gets_no_more_than_it_may_have_in_hand(
    start_broker: StartBroker, make_inbox: MakeInbox
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            broker.bus(events_in_flight=5, redelivery_s=30) as bus,
            broker.device() as device,
        ):
            inbox = make_inbox(done=False)
            await bus.listen([inbox.source("rule", "a")])
            for number in range(20):
                await device.publish("a", b"%d" % number, qos=1)
            await asyncio.sleep(0.1)
            assert inbox.payloads == [b"0", b"1", b"2", b"3", b"4"]
            inbox.done = True
            for event in list(inbox.events):
                event.done()
            await inbox.wait_for(*(b"%d" % number for number in range(20)))

    asyncio.run(main())


def test_a_burst_of_qos_0_is_not_lost_on_the_way_to_a_rule_with_room(
    start_broker: StartBroker,
    make_inbox: MakeInbox,
    wait_until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus:
            inbox = make_inbox()
            await bus.listen([inbox.source("rule", "a/+")])
            device = await asyncio.to_thread(broker.raw_device)
            await asyncio.to_thread(device.sendall, b"\x30\x06\x00\x03a/bx" * 20_000)
            await wait_until(lambda: len(inbox.events) == 20_000)
            device.close()

    asyncio.run(main())
    assert told(caplog) == []


def test_a_payload_far_too_large_ends_the_connection_of_its_device(
    start_broker: StartBroker, make_inbox: MakeInbox
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus:
            inbox = make_inbox()
            await bus.listen([inbox.source("rule", "#")])
            with pytest.raises(aiomqtt.MqttError):
                async with broker.device(timeout=1) as device:
                    await device.publish("a", b"x" * 1_000_000, qos=1)
            async with broker.device() as device:
                await device.publish("b", b"next", qos=1)
            await inbox.wait_for(b"next")
            assert inbox.payloads == [b"next"]

    asyncio.run(main())


def test_a_bug_in_taking_an_event_is_told_and_the_next_one_comes(
    start_broker: StartBroker, make_inbox: MakeInbox, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus, broker.device() as device:
            inbox = make_inbox()

            def take(event: Event) -> None:
                if event.payload == b"bad":
                    raise ZeroDivisionError("a bug")
                inbox.take(event)

            await bus.listen([EventSource("rule", ("rule",), ("a",), take)])
            await device.publish("a", b"bad", qos=0)
            await device.publish("a", b"good", qos=0)
            await inbox.wait_for(b"good")

    asyncio.run(main())
    assert told(caplog) == ["taking an event ended in a bug"]


# What dies


def test_a_killed_server_comes_back_and_nothing_acknowledged_is_lost(
    start_broker: StartBroker, make_inbox: MakeInbox, wait_until: Until
) -> None:
    async def publish(broker: Broker, payload: bytes) -> bool:
        """Publish as a careful device does: tell whether the broker has acknowledged."""
        with suppress(aiomqtt.MqttError, OSError):
            async with broker.device(timeout=0.3) as device:
                await device.publish("devices/a", payload, qos=1)
                return True
        return False

    async def main() -> None:
        async with start_broker() as broker, broker.bus(redelivery_s=1) as bus:
            inbox = make_inbox(done=False)
            await bus.listen([inbox.source("rule", "devices/#")])
            acknowledged = [b"before"]
            assert await publish(broker, b"before")
            await inbox.wait_for(b"before")
            inbox.events.clear()

            first = broker.pid
            os.kill(first, signal.SIGKILL)
            for number in range(30):
                payload = b"%d" % number
                if await publish(broker, payload):
                    acknowledged.append(payload)
                await asyncio.sleep(0.03)
            inbox.done = True
            await wait_until(lambda: broker.pid != first)
            await broker.wait_accepting()
            assert await publish(broker, b"after")
            await inbox.wait_for(*acknowledged, b"after")
            assert broker.server.restarts == 1
            assert len(acknowledged) > 1

    asyncio.run(main())


def test_events_wait_for_a_node_that_is_away(
    start_broker: StartBroker, make_inbox: MakeInbox
) -> None:
    """Both for what it had not done when it went, and for what came meanwhile."""

    async def main() -> None:
        async with start_broker() as broker, broker.device() as device:
            async with broker.bus() as bus:
                inbox = make_inbox(done=False)
                await bus.listen([inbox.source("rule", "a")])
                await device.publish("a", b"in hand", qos=1)
                await inbox.wait_for(b"in hand")
            await device.publish("a", b"while away", qos=1)
            await device.publish("a", b"promised nothing", qos=0)
            async with broker.bus() as bus:
                inbox = make_inbox()
                await bus.listen([inbox.source("rule", "a")])
                await inbox.wait_for(b"in hand", b"while away")
                assert b"promised nothing" not in inbox.payloads

    asyncio.run(main())


def test_two_nodes_of_one_service_share_its_events(
    start_broker: StartBroker, make_inbox: MakeInbox, wait_until: Until
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            broker.bus() as first,
            broker.bus() as second,
            broker.device() as device,
        ):
            one, two = make_inbox(), make_inbox()
            await first.listen([one.source("rule", "a")])
            await second.listen([two.source("rule", "a")])
            for number in range(100):
                await device.publish("a", b"%d" % number, qos=number % 2)
            await wait_until(lambda: len(one.events) + len(two.events) == 100)
            assert one.events
            assert two.events
            assert not set(one.payloads) & set(two.payloads)

    asyncio.run(main())


def test_a_rule_keeps_its_place_when_its_filter_and_the_limits_change(
    start_broker: StartBroker, make_inbox: MakeInbox
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.device() as device:
            async with broker.bus() as bus:
                await bus.listen([make_inbox().source("rule", "a/#")])
            await device.publish("a/b", b"1", qos=1)
            await device.publish("c", b"2", qos=1)
            async with broker.bus(redelivery_s=2, events_in_flight=7) as bus:
                inbox = make_inbox()
                await bus.listen([inbox.source("rule", "a/+")])
                await inbox.wait_for(b"1")
                await device.publish("a/b", b"3", qos=1)
                await inbox.wait_for(b"3")
                assert inbox.payloads == [b"1", b"3"]

    asyncio.run(main())


def test_rules_change_while_they_are_served(
    start_broker: StartBroker, make_inbox: MakeInbox, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.device() as device, broker.bus() as bus:
            kept, moved, gone, new = make_inbox(), make_inbox(), make_inbox(), make_inbox()
            sources = [kept.source("kept", "a"), moved.source("moved", "b/+")]
            await bus.listen([*sources, gone.source("gone", "a")])
            await device.publish("a", b"1", qos=1)
            await device.publish("b/x", b"2", qos=1)
            await kept.wait_for(b"1")
            await gone.wait_for(b"1")
            await moved.wait_for(b"2")
            await bus.listen([sources[0], moved.source("moved", "c/+"), new.source("new", "a")])
            for qos in (0, 1):
                for topic in ("a", "b/x", "c/x"):
                    await device.publish(topic, f"{topic} {qos}".encode(), qos=qos)
            await kept.wait_for(b"a 0", b"a 1")
            await new.wait_for(b"a 0", b"a 1")
            await moved.wait_for(b"c/x 0", b"c/x 1")
            assert kept.payloads.count(b"a 1") == 1
            assert sorted(moved.payloads) == [b"2", b"c/x 0", b"c/x 1"]
            assert gone.payloads == [b"1"]

    asyncio.run(main())
    assert told(caplog) == ["rule gone is gone from the service: 0 events not handled are dropped"]


def test_the_consumers_of_rules_that_are_gone_are_dropped_and_no_others(
    start_broker: StartBroker, make_inbox: MakeInbox, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.nats() as onlooker, broker.device() as device:

            async def consumers() -> list[str]:
                found = await onlooker.jetstream().consumers_info("$MQTT_msgs")
                return sorted(info.name for info in found)

            for scope in ("app-dev", "app-dev-2", "app"):
                async with broker.bus(scope) as bus:
                    inbox = make_inbox()
                    await bus.listen([inbox.source("old", "a"), inbox.source("kept", "a")])
            await device.publish("a", b"x", qos=1)
            async with broker.bus("app-dev") as bus:
                await bus.listen([make_inbox().source("kept", "a")])
                assert await consumers() == [
                    "bellwire-app-dev-2-kept",
                    "bellwire-app-dev-2-old",
                    "bellwire-app-dev-kept",
                    "bellwire-app-kept",
                    "bellwire-app-old",
                ]

    asyncio.run(main())
    assert told(caplog) == ["rule old is gone from the service: 1 events not handled are dropped"]


def test_stale_consumers_are_found_among_many(
    start_broker: StartBroker, make_inbox: MakeInbox
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.nats() as onlooker:
            async with broker.bus("zz") as bus:
                await bus.listen([make_inbox().source("old", "a")])
            js = onlooker.jetstream()
            await asyncio.gather(
                *(
                    js.add_consumer("$MQTT_msgs", durable_name=f"aa-{n}", mem_storage=True)
                    for n in range(257)
                )
            )
            async with broker.bus("zz") as bus:
                await bus.listen([])
            info = await onlooker.jetstream().stream_info("$MQTT_msgs")
            assert info.state.consumer_count == 257

    asyncio.run(main())


def test_a_rule_that_moves_to_another_source_misses_nothing(
    start_broker: StartBroker, make_inbox: MakeInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """From one of its own to one that it shares, and back."""

    async def main() -> None:
        async with start_broker() as broker, broker.device() as device:
            async with broker.bus() as bus:
                await bus.listen([make_inbox().source("one", "a/+"), make_inbox().source("b", "b")])
                lazy = make_inbox(done=False)
                await bus.listen([lazy.source("one", "a/+"), make_inbox().source("b", "b")])
                await device.publish("a/1", b"in hand", qos=1)
                await lazy.wait_for(b"in hand")
            await device.publish("a/2", b"while away", qos=1)
            async with broker.bus() as bus:
                shared = make_inbox(done=False)
                await bus.listen([shared.source("@7", "a/+", "b", rules=["one", "b"])])
                await shared.wait_for(b"in hand", b"while away")
                shared.events[-1].done()
                await device.publish("b", b"more", qos=1)
                await shared.wait_for(b"more")
            async with broker.bus() as bus:
                one, other = make_inbox(), make_inbox()
                await bus.listen([one.source("one", "a/+"), other.source("b", "b")])
                await one.wait_for(b"in hand")
                await other.wait_for(b"more")

    asyncio.run(main())
    assert told(caplog) == []


def test_a_rule_that_leaves_a_shared_source_is_told(
    start_broker: StartBroker, make_inbox: MakeInbox, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.device() as device, broker.bus() as bus:
            inbox = make_inbox(done=False)
            await bus.listen([inbox.source("@7", "a", "b", rules=["one", "other"])])
            await device.publish("a", b"x", qos=1)
            await inbox.wait_for(b"x")
            await bus.listen([inbox.source("@7", "b", rules=["other"])])

    asyncio.run(main())
    assert told(caplog) == [
        "rule one is gone from the service: up to 1 events not handled are dropped"
    ]


def test_a_server_without_mqtt_is_told(
    broker_settings: ServerSettings, make_inbox: MakeInbox
) -> None:
    async def main() -> None:
        process = await asyncio.create_subprocess_exec(
            broker_settings.binary,
            *("-a", "127.0.0.1", "-p", str(broker_settings.nats_port)),
            *("-js", "-sd", str(broker_settings.folder)),
            stderr=asyncio.subprocess.DEVNULL,
        )
        bus = Bus(scope="app", limits=Limits())
        try:
            await bus.connect(broker_settings.url, within_s=5)
            source = make_inbox().source("rule", "a")
            with pytest.raises(BusError, match="has no MQTT") as caught:
                await RuleEvents(bus, limits=Limits()).listen(
                    [source], plain=(), on_plain=source.on_event
                )
            assert "mqtt { }" in str(caught.value.hint)
        finally:
            await bus.close()
            process.terminate()
            await process.wait()

    asyncio.run(main())
