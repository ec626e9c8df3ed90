from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiomqtt
import pytest

from bellwire.bus.mqtt import MqttPublisher
from bellwire.bus.shadows import ShadowMessage, ShadowRequests, ShadowStore, StoredRecord
from bellwire.errors import BusError
from bellwire.iot.shadow_request import (
    ShadowConflictError,
    ShadowError,
    ShadowName,
    ShadowNotFoundError,
    ShadowThrottledError,
)
from bellwire.limits import Limits
from bellwire.shadows import Shadows


if TYPE_CHECKING:
    from tests.bus.conftest import Broker, StartBroker

Until = Callable[..., Awaitable[None]]
LAMP = ShadowName("lamp")
PREFIX = "$aws/things/lamp/shadow"
STATE = b'{"state":{"reported":{"on":true}}}'


@asynccontextmanager
async def opened(broker: Broker, **bounds: float) -> AsyncIterator[ShadowStore]:
    limits = replace(Limits(), **bounds)  # type: ignore[arg-type]  # ints too
    async with broker.bus() as bus:
        store = ShadowStore(bus, limits=limits)
        await store.open()
        yield store


class Clock:
    """Epoch milliseconds, as the test wants them."""

    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@asynccontextmanager
async def serving(
    broker: Broker, scope: str = "app-dev", publish: Any = None, **bounds: float
) -> AsyncIterator[Shadows]:
    """Serve shadows as a node does."""
    limits = replace(Limits(redelivery_s=0.5, retry_delay_s=0.05), **bounds)  # type: ignore[arg-type]
    async with (
        broker.bus(scope) as bus,
        MqttPublisher("127.0.0.1", broker.settings.mqtt_port) as publisher,
    ):

        async def over_mqtt(topic: str, payload: bytes, qos: int) -> None:
            await publisher.publish(topic, payload, qos=qos)

        shadows = Shadows(
            bus,
            publish=publish or over_mqtt,
            now_ms=Clock(),
            limits=limits,
        )
        await shadows.start()
        alive = asyncio.create_task(shadows.keep_alive())
        try:
            yield shadows
        finally:
            alive.cancel()
            await shadows.close()


@asynccontextmanager
async def listening(broker: Broker, topic: str = f"{PREFIX}/#") -> AsyncIterator[Listener]:
    async with broker.device() as client:
        await client.subscribe(topic, qos=1)
        yield Listener(client)


class Listener:
    """An MQTT client that heard some answers."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client

    async def answers(self, count: int) -> list[tuple[str, Any]]:
        """Return the next messages that are no requests, by the end of their topics."""
        found: list[tuple[str, Any]] = []
        async with asyncio.timeout(10):
            async for message in self.client.messages:
                topic = str(message.topic).rpartition("/shadow/")[2]
                if topic.count("/") % 2:
                    assert isinstance(message.payload, bytes)
                    found.append((topic, json.loads(message.payload)))
                if len(found) == count:
                    break
        return found


async def get(shadows: Shadows, name: ShadowName = LAMP) -> Any:
    return json.loads(await shadows.serve(name, "get", b""))


async def reaches(shadows: Shadows, version: int) -> Any:
    """Return the shadow once it has this version; it must not go beyond."""
    async with asyncio.timeout(10):
        while True:
            with suppress(ShadowNotFoundError):
                shadow = await get(shadows)
                assert shadow["version"] <= version
                if shadow["version"] == version:
                    return shadow
            await asyncio.sleep(0.02)


# The store


def test_a_record_is_stored_where_nothing_else_was_meanwhile(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as store:
            assert await store.load("lamp", None) is None
            assert await store.save("lamp", None, b"1", revision=0)
            first = await store.load("lamp", None)
            assert first is not None
            assert not await store.save("lamp", None, b"2", revision=0)
            assert await store.save("lamp", None, b"2", revision=first.revision)
            assert not await store.save("lamp", None, b"3", revision=first.revision)
            second = await store.load("lamp", None)
            assert second == StoredRecord(b"2", first.revision + 1)

    asyncio.run(main())


def test_each_name_has_a_key_of_its_own(start_broker: StartBroker) -> None:
    names = [
        ("a", None),
        ("a", "a"),
        ("a:b", None),
        ("a:b", "$x"),
        ("a_b", "x"),
        ("a", "$"),
        ("a", ":"),
    ]

    async def main() -> None:
        async with start_broker() as broker, opened(broker) as store:
            for thing, shadow in names:
                assert await store.save(thing, shadow, f"{thing} {shadow}".encode(), revision=0)
            for thing, shadow in names:
                stored = await store.load(thing, shadow)
                assert stored is not None
                assert stored.data == f"{thing} {shadow}".encode()
            assert await store.names("a") == ["$", ":", "a"]
            assert await store.names("a:b") == ["$x"]
            assert await store.names("nothing") == []
            async with broker.nats() as client:
                bucket = await client.jetstream().key_value("BELLWIRE_SHADOWS")
                assert "named.a=3Ab.=24x" in await bucket.keys()

    asyncio.run(main())


def test_a_record_may_go_by_itself(start_broker: StartBroker, wait_until: Until) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as store:
            assert await store.save("lamp", None, b"1", revision=0, keep_s=1)
            assert await store.load("lamp", None) is not None
            await asyncio.sleep(2.5)
            assert await store.load("lamp", None) is None
            assert await store.save("lamp", None, b"2", revision=0)

    asyncio.run(main())


def test_a_record_that_an_operator_removed_is_none(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, serving(broker) as shadows:
            await shadows.serve(LAMP, "update", STATE)
            async with broker.nats() as client:
                bucket = await client.jetstream().key_value("BELLWIRE_SHADOWS")
                await bucket.delete("classic.lamp")
            with pytest.raises(ShadowNotFoundError):
                await get(shadows)
            answer = json.loads(await shadows.serve(LAMP, "update", STATE))
            assert answer["version"] == 1

    asyncio.run(main())


def test_a_full_bucket_refuses_and_loses_nothing(
    start_broker: StartBroker, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker, serving(broker, shadows_bytes=4096) as shadows:
            document = {"state": {"reported": {"text": "x" * 1500}}}
            payload = json.dumps(document).encode()
            await shadows.serve(LAMP, "update", payload)
            outcomes = await asyncio.gather(
                *(
                    shadows.serve(ShadowName("lamp", f"n{each}"), "update", payload)
                    for each in "abc"
                ),
                return_exceptions=True,
            )
            refused = [each for each in outcomes if isinstance(each, ShadowError)]
            assert {(each.status, each.message) for each in refused} == {
                (500, "Internal service failure")
            }
            assert (await get(shadows))["state"] == document["state"]
            accepted = {("update", "HTTP"): 4 - len(refused), ("get", "HTTP"): 1}
            assert shadows.statistics() == (accepted, len(refused), 0, 0)
            assert "raise custom.bellwire.limits.shadowsBytes" in caplog.text

    asyncio.run(main())


def test_a_server_that_is_away_is_an_error_that_says_so(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker) as store:
            async with broker.nats() as client:
                await client.jetstream().delete_stream("KV_BELLWIRE_SHADOWS")
            for work in (
                store.save("lamp", None, b"1", revision=0),
                store.names("lamp"),
            ):
                with pytest.raises(BusError, match="shadow"):
                    await work
            await store.open()
            assert await store.save("lamp", None, b"1", revision=0)

    asyncio.run(main())


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_devices_requests_arrive_and_answers_do_not(
    start_broker: StartBroker, wait_until: Until, qos: int
) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker), broker.bus() as bus:
            taken: list[ShadowMessage] = []
            requests = ShadowRequests(bus, taken.append, limits=Limits())
            await requests.open()
            await requests.listen()
            async with broker.device() as device:
                for topic in ("get", "update/accepted", "name/a/update", "name/a/get/rejected"):
                    await device.publish(f"{PREFIX}/{topic}", topic.encode(), qos=qos)
                await device.publish("$aws/things/a.b:c/shadow/delete", b"", qos=qos)
            await wait_until(lambda: len(taken) == 3)
            assert {(message.topic, message.payload) for message in taken} == {
                (f"{PREFIX}/get", b"get"),
                (f"{PREFIX}/name/a/update", b"name/a/update"),
                ("$aws/things/a.b:c/shadow/delete", b""),
            }
            assert len({message.sequence for message in taken}) == (3 if qos else 1)
            assert all(bool(message.sequence) == bool(qos) for message in taken)

    asyncio.run(main())


def test_a_request_that_is_not_done_comes_again_under_its_number(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def main() -> None:
        async with start_broker() as broker, opened(broker), broker.bus() as bus:
            taken: list[ShadowMessage] = []
            requests = ShadowRequests(bus, taken.append, limits=Limits(redelivery_s=0.3))
            await requests.open()
            await requests.listen()
            async with broker.device() as device:
                await device.publish(f"{PREFIX}/get", b"", qos=1)
            await wait_until(lambda: len(taken) == 2)
            assert taken[0][2:] == taken[1][2:]
            taken[1].done()

    asyncio.run(main())


# What is served


@pytest.mark.parametrize("qos", [0, 1])
def test_a_device_is_answered(start_broker: StartBroker, qos: int) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            serving(broker),
            listening(broker) as app,
            broker.device() as device,
        ):
            asked = b'{"state":{"desired":{"on":true}},"clientToken":"t"}'
            await device.publish(f"{PREFIX}/update", asked, qos=qos)
            answers = dict(await app.answers(3))
            assert answers["update/accepted"] == {
                "state": {"desired": {"on": True}},
                "metadata": {"desired": {"on": {"timestamp": 1_700_000_000}}},
                "version": 1,
                "timestamp": 1_700_000_000,
                "clientToken": "t",
            }
            assert answers["update/delta"]["state"] == {"on": True}
            assert answers["update/documents"]["current"]["version"] == 1
            await device.publish(f"{PREFIX}/get", b"", qos=qos)
            ((topic, document),) = await app.answers(1)
            assert (topic, document["version"]) == ("get/accepted", 1)
            await device.publish(f"{PREFIX}/update", b"{}", qos=qos)
            assert await app.answers(1) == [
                ("update/rejected", {"code": 400, "message": "Missing required node: state"})
            ]
            await device.publish(f"{PREFIX}/delete", b"", qos=qos)
            ((topic, document),) = await app.answers(1)
            assert (topic, document["version"]) == ("delete/accepted", 1)

    asyncio.run(main())


def test_a_named_shadow_is_another(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            serving(broker) as shadows,
            listening(broker, f"{PREFIX}/name/+/get/#") as app,
            broker.device() as device,
        ):
            await shadows.serve(LAMP, "update", STATE)
            await device.publish(f"{PREFIX}/name/config/get", b"", qos=1)
            assert await app.answers(1) == [
                (
                    "name/config/get/rejected",
                    {"code": 404, "message": "No shadow exists with name: 'lamp~config'"},
                )
            ]

    asyncio.run(main())


def test_what_a_call_changes_is_published_and_what_it_reads_is_not(
    start_broker: StartBroker,
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            serving(broker) as shadows,
            listening(broker) as app,
        ):
            await get_refused(shadows)
            answer = json.loads(await shadows.serve(LAMP, "update", STATE))
            with pytest.raises(ShadowConflictError):
                await shadows.serve(LAMP, "update", b'{"state":{},"version":7}')
            await get(shadows)
            await shadows.serve(LAMP, "delete", b"")
            answers = await app.answers(3)
            assert answers[0] == ("update/accepted", answer)
            assert [topic for topic, _ in answers[1:]] == ["update/documents", "delete/accepted"]

    asyncio.run(main())


async def get_refused(shadows: Shadows) -> None:
    with pytest.raises(ShadowNotFoundError):
        await get(shadows)


def test_a_hundred_updates_at_once_through_two_nodes_lose_nothing(
    start_broker: StartBroker,
) -> None:
    def document(number: int) -> bytes:
        return json.dumps({"state": {"reported": {f"n{number}": number}}}).encode()

    async def main() -> None:
        async with (
            start_broker() as broker,
            serving(broker, "one-dev") as one,
            serving(broker, "two-dev") as two,
            broker.device() as device,
        ):
            device.pending_calls_threshold = 1000
            calls = [
                (one, two)[number % 2].serve(LAMP, "update", document(number))
                for number in range(60)
            ]
            messages = [
                device.publish(f"{PREFIX}/update", document(number), qos=1)
                for number in range(60, 100)
            ]
            answers, _ = await asyncio.gather(asyncio.gather(*calls), asyncio.gather(*messages))
            shadow = await reaches(one, 100)
            assert shadow["state"]["reported"] == {f"n{number}": number for number in range(100)}
            assert len({json.loads(answer)["version"] for answer in answers}) == 60

    asyncio.run(main())


def test_requests_for_a_shadow_are_served_in_order(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            serving(broker),
            listening(broker, f"{PREFIX}/update/accepted") as app,
            broker.device() as device,
        ):
            for number in range(50):
                payload = json.dumps({"state": {"reported": {"n": number}}})
                await device.publish(f"{PREFIX}/update", payload, qos=1)
            answers = await app.answers(50)
            assert [answer["state"]["reported"]["n"] for _, answer in answers] == list(range(50))
            assert [answer["version"] for _, answer in answers] == list(range(1, 51))

    asyncio.run(main())


def test_a_request_whose_answer_was_not_published_is_answered_after_a_restart_and_merged_once(
    start_broker: StartBroker, wait_until: Until
) -> None:
    """The node dies between the store and the answer."""

    async def hangs(topic: str, payload: bytes, qos: int) -> None:
        tried.append(topic)
        await asyncio.Event().wait()

    tried: list[str] = []

    async def main() -> None:
        async with start_broker() as broker, listening(broker) as app:
            async with serving(broker, publish=hangs) as shadows, broker.device() as device:
                asked = b'{"state":{"reported":{"on":true}},"version":0}'
                await device.publish(f"{PREFIX}/update", asked, qos=1)
                await wait_until(lambda: len(tried) == 2)
                assert (await get(shadows))["version"] == 1
            async with serving(broker) as shadows:
                answers = dict(await app.answers(2))
                assert answers["update/accepted"]["version"] == 1
                assert (await get(shadows))["version"] == 1

    asyncio.run(main())


def test_what_a_dead_node_had_in_hand_is_served_before_anything_newer(
    start_broker: StartBroker, wait_until: Until
) -> None:
    async def hangs(topic: str, payload: bytes, qos: int) -> None:
        tried.append(topic)
        await asyncio.Event().wait()

    tried: list[str] = []

    async def main() -> None:
        async with start_broker() as broker, broker.device() as device:
            async with serving(broker, publish=hangs, redelivery_s=20):
                for number in range(3):  # one is stored and not answered, two wait for their turn
                    payload = json.dumps({"state": {"reported": {"n": number}}})
                    await device.publish(f"{PREFIX}/update", payload, qos=1)
                await device.publish(f"{PREFIX}/name/a/get", b"", qos=1)
                await wait_until(lambda: len(tried) == 3)
            for number in range(3, 6):
                payload = json.dumps({"state": {"reported": {"n": number}}})
                await device.publish(f"{PREFIX}/update", payload, qos=1)
            async with listening(broker) as app, serving(broker, redelivery_s=20) as shadows:
                answers = [each for each in await app.answers(13) if "documents" not in each[0]]
                assert [
                    (topic, answer.get("version"), answer.get("state"))
                    for topic, answer in sorted(answers, key=lambda each: each[1].get("version", 0))
                ] == [
                    ("name/a/get/rejected", None, None),
                    *(("update/accepted", n + 1, {"reported": {"n": n}}) for n in range(6)),
                ]
                assert (await get(shadows))["version"] == 6

    asyncio.run(main())


def test_another_node_serves_devices_when_the_first_is_gone(
    start_broker: StartBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bellwire.shadows")

    async def main() -> None:
        async with start_broker() as broker, broker.device() as device, AsyncExitStack() as first:
            await first.enter_async_context(serving(broker, "one-dev"))
            async with serving(broker, "two-dev", redelivery_s=0.1) as second:
                assert caplog.text.count("another node serves devices' shadow requests") == 1
                await device.publish(f"{PREFIX}/update", STATE, qos=1)
                await reaches(second, 1)
                await first.aclose()
                await device.publish(f"{PREFIX}/update", STATE, qos=1)
                await reaches(second, 2)

    asyncio.run(main())


def test_a_request_waits_until_the_broker_is_there_for_its_answer(
    start_broker: StartBroker, wait_until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    published: list[str] = []

    async def away_at_first(topic: str, payload: bytes, qos: int) -> None:
        published.append(topic)
        if len(published) <= 4:
            raise BusError("the broker is away", retryable=True)

    async def main() -> None:
        async with (
            start_broker() as broker,
            serving(broker, publish=away_at_first) as shadows,
            broker.device() as device,
        ):
            await device.publish(f"{PREFIX}/update", STATE, qos=1)
            await wait_until(lambda: len(published) == 6)
            await shadows.stop()
            assert (await get(shadows))["version"] == 1
            assert caplog.text.count("devices' shadow requests wait: the broker is away") == 1

    asyncio.run(main())


def test_shadows_and_waiting_requests_outlive_node_and_server(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker:
            async with serving(broker) as shadows:
                await shadows.serve(LAMP, "update", STATE)
            async with broker.device() as device:
                await device.publish(
                    f"{PREFIX}/update", b'{"state":{"desired":{"on":false}}}', qos=1
                )
            os.kill(broker.pid, signal.SIGKILL)
            await asyncio.sleep(0.3)
            await broker.wait_accepting()
            async with serving(broker) as shadows:
                shadow = await reaches(shadows, 2)
                assert shadow["state"]["delta"] == {"on": False}

    asyncio.run(main())


def test_too_many_calls_are_refused(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, serving(broker, shadow_requests=3) as shadows:
            outcomes = await asyncio.gather(
                *(shadows.serve(LAMP, "update", STATE) for _ in range(10)), return_exceptions=True
            )
            refused = [each for each in outcomes if isinstance(each, ShadowThrottledError)]
            assert len(refused) == 7
            assert (await get(shadows))["version"] == 3

    asyncio.run(main())


def test_requests_of_qos_0_that_are_too_many_are_dropped_and_told(
    start_broker: StartBroker, wait_until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    async def hangs(topic: str, payload: bytes, qos: int) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with (
            start_broker() as broker,
            serving(broker, publish=hangs, shadow_requests=2),
            broker.device() as device,
        ):
            for _ in range(4):
                await device.publish(f"{PREFIX}/update", STATE, qos=0)
            await wait_until(lambda: "2 shadow requests of QoS 0 dropped" in caplog.text)
            assert "custom.bellwire.limits.shadowRequests" in caplog.text

    asyncio.run(main())


def test_a_stopped_node_leaves_requests_to_the_next(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.device() as device:
            async with serving(broker) as shadows:
                await shadows.stop()
                await device.publish(f"{PREFIX}/update", STATE, qos=1)
                await asyncio.sleep(0.2)
                await get_refused(shadows)
            async with serving(broker) as shadows:
                await reaches(shadows, 1)

    asyncio.run(main())


def test_named_shadows_are_listed_in_pages_without_those_deleted(
    start_broker: StartBroker,
) -> None:
    async def main() -> None:
        async with start_broker() as broker, serving(broker) as shadows:
            await shadows.serve(LAMP, "update", STATE)
            for number in range(7):
                await shadows.serve(ShadowName("lamp", f"s{number}"), "update", STATE)
            await shadows.serve(ShadowName("lamp", "s1"), "delete", b"")
            await shadows.serve(ShadowName("lamp", "s6"), "delete", b"")
            await shadows.serve(ShadowName("other", "s"), "update", STATE)
            assert await shadows.names("lamp", count=2) == (("s0", "s2"), "s2")
            assert await shadows.names("lamp", count=2, after="s2") == (("s3", "s4"), "s4")
            assert await shadows.names("lamp", count=2, after="s4") == (("s5",), None)
            assert await shadows.names("nothing", count=2) == ((), None)
            with pytest.raises(ShadowError, match="Invalid thing name"):
                await shadows.names("a/b", count=2)

    asyncio.run(main())


def test_devices_cannot_touch_the_store(start_broker: StartBroker) -> None:
    async def main() -> None:
        async with start_broker() as broker, serving(broker) as shadows:
            await shadows.serve(LAMP, "update", STATE)
            async with broker.device() as device:
                await device.publish("$KV/BELLWIRE_SHADOWS/classic/lamp", b"{}", qos=1)
            assert (await get(shadows))["version"] == 1

    asyncio.run(main())
