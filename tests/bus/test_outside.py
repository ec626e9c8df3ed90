"""A real mosquitto as the devices' broker; nats-server's MQTT where one of 3.1.1 is needed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import aiomqtt
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bellwire.bus.embedded import ServerSettings
from bellwire.bus.outside import OutsideBroker
from bellwire.definition.model import Broker as Address
from bellwire.errors import BadRequestError, BusError
from bellwire.limits import Limits
from bellwire.origin import MqttProperties


if TYPE_CHECKING:
    from tests.bus.conftest import Broker, Inbox, StartBroker
    from tests.conftest import Mosquitto

StartMosquitto = Callable[..., "Mosquitto"]
Until = Callable[..., Awaitable[None]]
PROPERTIES = MqttProperties(
    content_type="application/json",
    is_text=True,
    response_topic="answers/1",
    correlation_data=b"\x00\xff",
    user=(("site", "Zürich"), ("site", "two")),
    message_expiry_s=3600,
)


@pytest.fixture(scope="module")
def mosquitto(start_mosquitto: StartMosquitto) -> Mosquitto:
    return start_mosquitto()


@pytest.fixture
def broker_settings(broker_settings: ServerSettings) -> ServerSettings:
    """A nats-server that serves no devices, as a node has it beside somebody else's broker."""
    return replace(broker_settings, mqtt_port=0)


@dataclass
class Side:
    """The node's side: its broker, and what a rule on `filters` got."""

    nats: Broker
    outside: OutsideBroker
    inbox: Inbox

    @property
    def payloads(self) -> list[bytes]:
        return self.inbox.payloads


def address(mosquitto: Mosquitto, client_id: str = "node", **more: Any) -> Address:
    return Address("127.0.0.1", mosquitto.port, tls=False, client_id=client_id, **more)


@pytest.fixture
def serving(start_broker: StartBroker, make_inbox: Callable[..., Inbox]) -> Any:
    """Be a node: `async with serving(address, "a/+") as side`; `nats` where one runs already."""

    @asynccontextmanager
    async def serve(
        where: Address, *filters: str, nats: Broker | None = None, **bounds: float
    ) -> AsyncIterator[Side]:
        if nats is None:
            async with (
                start_broker() as started,
                serve(where, *filters, nats=started, **bounds) as side,
            ):
                yield side
            return
        limits = replace(Limits(redelivery_s=0.5), **bounds)  # type: ignore[arg-type]
        async with nats.bus() as bus:
            outside = OutsideBroker(bus, where, limits=limits)
            inbox = make_inbox()
            try:
                await outside.open()
                await bus.listen([inbox.source(f"rule{n}", each) for n, each in enumerate(filters)])
                await outside.follow(labels(filters))
                yield Side(nats, outside, inbox)
            finally:
                await outside.close()

    return serve


def labels(filters: Iterable[str]) -> Mapping[str, str]:
    return {each: f"rule of {each}" for each in filters}


def device(port: int, **arguments: Any) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", port, timeout=5, **arguments)


def written(given: MqttProperties) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = given.content_type
    properties.PayloadFormatIndicator = int(bool(given.is_text))
    properties.ResponseTopic = given.response_topic
    properties.CorrelationData = given.correlation_data
    properties.UserProperty = list(given.user)
    properties.MessageExpiryInterval = given.message_expiry_s
    return properties


def told(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("bellwire")
    )


# Messages


def test_messages_of_each_qos_reach_a_rule_with_their_properties(
    serving: Any, mosquitto: Mosquitto
) -> None:
    async def main() -> None:
        async with (
            serving(address(mosquitto), "a/+") as side,
            device(mosquitto.port, protocol=aiomqtt.ProtocolVersion.V5) as sender,
        ):
            assert side.outside.statistics().protocol == "MQTT 5"
            for qos in (0, 1, 2):
                given = written(PROPERTIES)
                await sender.publish("a/b", b"%d" % qos, qos=qos, properties=given)
            await sender.publish("other", b"-", qos=1)
            await sender.publish("a/b", b"plain", qos=1)
            await side.inbox.wait_for(b"0", b"1", b"2", b"plain")
            assert side.payloads == [b"0", b"1", b"2", b"plain"] or side.payloads[1:] == [
                b"1",
                b"2",
                b"plain",
            ]
            by_payload = {event.payload: event for event in side.inbox.events}
            for payload in (b"0", b"1", b"2"):
                event = by_payload[payload]
                assert event.topic == "a/b"
                assert event.origin.properties == PROPERTIES
                assert event.durable == (payload != b"0")
            assert by_payload[b"plain"].origin.properties is None
            figures = side.outside.statistics()
            assert (figures.received, figures.stored, figures.forwarded) == (4, 3, 1)
            assert figures.unacknowledged == 0

    asyncio.run(main())


def test_a_topic_that_nats_cannot_say_reaches_a_rule_with_a_wildcard(
    serving: Any, mosquitto: Mosquitto
) -> None:
    topics = ["w/with space", "w/st*r", "w/a>b", "w/dots.in.it", "w//", "w/ü", "w/%20"]

    async def main() -> None:
        async with (
            serving(address(mosquitto, "spaces"), "w/#") as side,
            device(mosquitto.port) as sender,
        ):
            for topic in topics:
                for qos in (0, 1):
                    await sender.publish(topic, topic.encode() + b"%d" % qos, qos=qos)
            await sender.publish("w/" + "x" * 2000, b"too long", qos=1)
            await sender.publish("w/last", b"last", qos=1)
            await side.inbox.wait_for(b"last")
            found = {event.payload: event.topic for event in side.inbox.events}
            for topic in topics:
                assert found[topic.encode() + b"1"] == topic
                assert found[topic.encode() + b"0"] == topic
            assert side.outside.statistics().unfit == 1
            assert b"too long" not in found

    asyncio.run(main())


def test_overlapping_filters_bring_a_message_once(
    serving: Any, mosquitto: Mosquitto, wait_until: Until
) -> None:
    async def main() -> None:
        async with (
            serving(address(mosquitto, "overlap"), "o/+/c", "o/b/+", "o/b/c") as side,
            device(mosquitto.port) as sender,
        ):
            for qos in (0, 1):
                await sender.publish("o/b/c", b"all", qos=qos)
            await sender.publish("o/x/c", b"first", qos=1)
            await sender.publish("o/b/x", b"second", qos=1)
            await side.inbox.wait_for(b"first", b"second")
            await wait_until(lambda: side.payloads.count(b"all") == 3 * 2)  # of three rules each
            await wait_until(lambda: side.outside.statistics().unacknowledged == 0)
            figures = side.outside.statistics()
            assert figures.subscriptions == 2, "one holds the third"
            assert figures.copies == 2, "mosquitto sends a copy for each subscription"
            assert figures.stored == 3

    asyncio.run(main())


def test_what_the_broker_has_retained_is_no_event(serving: Any, mosquitto: Mosquitto) -> None:
    async def main() -> None:
        async with device(mosquitto.port) as sender:
            await sender.publish("r/1", b"old", qos=1, retain=True)
            async with serving(address(mosquitto, "retained"), "r/+") as side:
                await sender.publish("r/2", b"new", qos=1, retain=True)
                await side.inbox.wait_for(b"new")
                assert side.payloads == [b"new"]

    asyncio.run(main())


def test_filters_that_change_are_subscribed_to_and_no_others(
    serving: Any, mosquitto: Mosquitto, start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        where = address(mosquitto, "changing")
        async with start_broker() as nats, device(mosquitto.port) as sender:
            async with serving(where, "c/#", "d/+", nats=nats) as side:
                await side.outside.follow(labels(["c/1", "e/+"]))
                for topic in ("c/1", "c/2", "d/1", "e/1", "c/1"):
                    await sender.publish(topic, topic.encode(), qos=1)
                await wait_until(lambda: side.outside.statistics().stored == 3)
                assert side.outside.statistics().subscriptions == 2
            # The broker keeps the session: a node with other rules has to leave the rest.
            async with serving(where, "f/+", nats=nats) as side:
                for topic in ("c/1", "e/1", "f/1"):
                    await sender.publish(topic, b"2 " + topic.encode(), qos=1)
                await side.inbox.wait_for(b"2 f/1")
                figures = side.outside.statistics()
                assert (figures.received, figures.subscriptions) == (1, 1)

    asyncio.run(main())


def test_what_comes_while_the_node_is_away_is_kept_by_the_broker(
    serving: Any, mosquitto: Mosquitto, start_broker: StartBroker
) -> None:
    async def main() -> None:
        where = address(mosquitto, "away")
        async with start_broker() as nats, device(mosquitto.port) as sender:
            async with serving(where, "k/+", nats=nats):
                pass
            for number in range(300):
                await sender.publish("k/1", b"%d" % number, qos=1)
            async with serving(where, "k/+", nats=nats) as side:
                await side.inbox.wait_for(b"299")
                assert side.payloads == [b"%d" % number for number in range(300)]

    asyncio.run(main())


# Publishing


def test_what_the_node_publishes_goes_to_the_broker_and_comes_back_once(
    serving: Any, mosquitto: Mosquitto
) -> None:
    async def main() -> None:
        v5 = aiomqtt.ProtocolVersion.V5
        async with (
            serving(address(mosquitto, "publisher"), "p/+") as side,
            device(mosquitto.port, protocol=v5) as listener,
        ):
            await listener.subscribe("p/#", qos=1)
            await side.outside.publish("p/1", b"one", 1, properties=PROPERTIES)
            await side.outside.publish("p/2", b"two", 0, retain=True)
            heard = [await anext(aiter(listener.messages)) for _ in range(2)]
            assert [bytes(each.payload) for each in heard] == [b"one", b"two"]
            assert heard[0].properties is not None
            assert vars(heard[0].properties)["UserProperty"] == list(PROPERTIES.user)
            await side.inbox.wait_for(b"one", b"two")
            await asyncio.sleep(0.2)
            assert sorted(side.payloads) == [b"one", b"two"]
            with pytest.raises(BadRequestError, match="for filters"):
                await side.outside.publish("p/#", b"", 1)

    asyncio.run(main())


def test_a_message_larger_than_the_broker_takes_is_refused_at_once(
    serving: Any, start_mosquitto: StartMosquitto
) -> None:
    small = start_mosquitto("allow_anonymous true\nmax_packet_size 1000\n")

    async def main() -> None:
        async with serving(address(small), "p/+") as side:
            with pytest.raises(BusError, match=r"2003 bytes to topic p/1 is larger .* 1000"):
                await side.outside.publish("p/1", b"x" * 2000, 1)
            await side.outside.publish("p/1", b"fits", 1)
            await side.inbox.wait_for(b"fits")

    asyncio.run(main())


# Losses


class Sender:
    """A device that publishes numbers of QoS 1 and notes what mosquitto has acknowledged."""

    def __init__(self, port: int) -> None:
        self.acknowledged: list[int] = []
        self._numbers: dict[int, int] = {}
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="sender", clean_session=False
        )
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_publish = self._on_publish
        self._client.max_inflight_messages_set(10)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _on_publish(self, _: Any, __: Any, mid: int, *___: Any) -> None:
        self.acknowledged.append(self._numbers.pop(mid))

    async def publish(self, count: int) -> None:
        for number in range(count):
            while True:
                if len(self._numbers) < 10:
                    # The number is noted before the acknowledgement can come.
                    mid = self._client._last_mid % 65_535 + 1
                    self._numbers[mid] = number
                    sent = self._client.publish(f"n/{number % 5}", b"%d" % number, qos=1)
                    assert sent.mid == mid
                    break
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.001)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def check_order(payloads: Iterable[bytes]) -> None:
    """Check that first appearances are in order, topic by topic."""
    first: dict[int, None] = dict.fromkeys(int(each) for each in payloads)
    for topic in range(5):
        numbers = [number for number in first if number % 5 == topic]
        assert numbers == sorted(numbers)


def test_killing_nats_server_loses_nothing_that_the_broker_acknowledged(
    serving: Any, mosquitto: Mosquitto, wait_until: Until
) -> None:
    async def main() -> None:
        async with serving(address(mosquitto, "loss-nats"), "n/+") as side:
            sender = Sender(mosquitto.port)
            publishing = asyncio.create_task(sender.publish(1500))
            for _ in range(3):
                await asyncio.sleep(0.6)
                os.kill(side.nats.pid, signal.SIGKILL)
            await publishing
            await wait_until(
                lambda: {int(each) for each in side.payloads} == set(range(1500)), within_s=20
            )
            assert len(sender.acknowledged) == 1500
            check_order(side.payloads)
            await wait_until(lambda: side.outside.statistics().unacknowledged == 0)
            async with side.nats.nats() as client:
                kept = await client.jetstream().stream_info("$MQTT_msgs")
            assert kept.state.last_seq == 1500, "NATS knows again what it had stored before it died"
            sender.close()

    asyncio.run(main())


@pytest.mark.parametrize(("how", "may_miss"), [("stop", 0), ("kill", 10)])
def test_a_broker_that_starts_again_brings_what_it_acknowledged(
    serving: Any, start_mosquitto: StartMosquitto, how: str, may_miss: int
) -> None:
    # mosquitto acknowledges a message before it writes it down: one that is killed may forget what
    # the sender had in flight. What it still knows reaches us.
    mortal = start_mosquitto()

    async def main() -> None:
        async with serving(address(mortal, "loss-broker"), "n/+", broker_retry_s=0.2) as side:
            sender = Sender(mortal.port)
            publishing = asyncio.create_task(sender.publish(1000))
            for _ in range(2):
                await asyncio.sleep(0.8)
                getattr(mortal, how)()
                mortal.start()
            await publishing
            deadline = time.monotonic() + 10
            while True:
                missing = set(sender.acknowledged) - {int(each) for each in side.payloads}
                if len(sender.acknowledged) == 1000 and len(missing) <= 2 * may_miss:
                    break
                assert time.monotonic() < deadline, f"{len(missing)} acknowledged are missing"
                await asyncio.sleep(0.05)
            assert side.outside.statistics().connections > 1
            sender.close()

    asyncio.run(main())


def test_a_node_that_ends_without_a_word_loses_nothing(
    serving: Any, mosquitto: Mosquitto, start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        where = address(mosquitto, "loss-node")
        async with start_broker() as nats:
            async with serving(where, "n/+", nats=nats):
                pass  # from now on the broker keeps what is for us
            sender = Sender(mosquitto.port)
            publishing = asyncio.create_task(sender.publish(600))
            seen: list[bytes] = []
            while not publishing.done():
                async with serving(where, "n/+", nats=nats) as side:
                    await asyncio.sleep(0.3)
                    for task in side.outside._tasks:  # as if killed: nothing is acknowledged now
                        task.cancel()
                seen += side.payloads
            async with serving(where, "n/+", nats=nats) as side:
                await wait_until(
                    lambda: {int(each) for each in [*seen, *side.payloads]} == set(range(600))
                )
            sender.close()

    asyncio.run(main())


def test_a_flood_of_qos_0_is_dropped_with_a_count(serving: Any, mosquitto: Mosquitto) -> None:
    async def main() -> None:
        async with serving(address(mosquitto, "flood"), "q/+", broker_waiting=50) as side:
            os.kill(side.nats.pid, signal.SIGSTOP)  # NATS takes nothing
            try:
                async with device(mosquitto.port) as sender:
                    await sender.publish("q/1", b"kept", qos=1)
                    await asyncio.sleep(0.1)
                    for number in range(2000):
                        await sender.publish("q/1", b"%d" % number, qos=0)
                    await sender.publish("q/2", b"last", qos=1)
                await asyncio.sleep(0.5)
                figures = side.outside.statistics()
                assert figures.waiting <= 60
                assert figures.dropped > 1000
            finally:
                os.kill(side.nats.pid, signal.SIGCONT)
            await side.inbox.wait_for(b"kept", b"last")

    asyncio.run(main())
