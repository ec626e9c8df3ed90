"""The rules of a node, with a real broker: which events each of them gets."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from nats.aio.msg import Msg

from bellwire.bus.dead_letters import DeadLetters
from bellwire.definition.model import LambdaAction, TopicRule
from bellwire.errors import BusError, Place
from bellwire.iot.performers import Performers
from bellwire.iot.rules import Rule, compile_rule
from bellwire.limits import RULE_CONSUMERS, Limits
from bellwire.rules import Rules


if TYPE_CHECKING:
    from tests.bus.conftest import Broker, ListeningBus, StartBroker

Until = Callable[..., Awaitable[None]]
MakePerformers = Callable[..., Performers]
Serving = Callable[..., AbstractAsyncContextManager["Served"]]


class Result(NamedTuple):
    payload: bytes = b"null"
    error: str | None = None


class Served:
    """Rules that are served, and what their functions got: payloads by the rule's name."""

    def __init__(
        self, bus: ListeningBus, letters: DeadLetters, make: MakePerformers, limits: Limits
    ) -> None:
        self.got: dict[str, list[bytes]] = {}
        self.is_working = True
        self.rules = Rules(bus, make(invoke=self._invoke, bury=letters.bury_event), limits=limits)

    def have(self, event: bytes) -> set[str]:
        """Return the names of the rules that got an event."""
        return {name for name, got in self.got.items() if event in got}

    def _invoke(self, function: str, event: bytes, request_id: str) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.got.setdefault(function, []).append(event)
        if self.is_working:
            future.set_result(Result())
        return future


def rule(name: str, topic_filter: str) -> Rule:
    sql = f"SELECT VALUE n FROM '{topic_filter}'"
    place = Place("serverless.yml", 1, 1)
    action = LambdaAction(name, place)
    return compile_rule(TopicRule(name, sql, "2016-03-23", (action,), None, True, "", place))


@pytest.fixture
def serving(performers: MakePerformers) -> Serving:
    """Serve rules on a broker."""

    @asynccontextmanager
    async def serving(
        broker: Broker, rules: Iterable[Rule], **bounds: float
    ) -> AsyncIterator[Served]:
        limits = replace(Limits(redelivery_s=0.5), **bounds)  # type: ignore[arg-type]  # ints too
        async with broker.bus() as bus:
            letters = DeadLetters(bus, limits=limits)
            await letters.open()
            served = Served(bus, letters, performers, limits)
            await served.rules.start(rules)
            try:
                yield served
            finally:
                await served.rules.close()

    return serving


def test_a_leading_wildcard_stands_for_no_topic_with_a_dollar(
    serving: Serving, start_broker: StartBroker, wait_until: Until
) -> None:
    filters = {"all": "#", "second": "+/b", "own": "$own/#", "deep": "$own/+/b", "last": "last/#"}

    async def main() -> None:
        async with start_broker() as broker, broker.device() as device:
            rules = [rule(name, each) for name, each in filters.items()]
            async with serving(broker, rules) as served:
                topics = ("a", "a/b", "$own/a", "$own/b", "$own/a/b", "last/x")
                for qos, topic in itertools.product((0, 1), topics):
                    number = topics.index(topic) + 10 * qos
                    await device.publish(topic, b'{"n": %d}' % number, qos=qos)
                await wait_until(lambda: len(served.got.get("last", [])) == 2)
                await asyncio.sleep(0.05)
                assert {name: sorted(map(int, got)) for name, got in served.got.items()} == {
                    "all": [0, 1, 5, 10, 11, 15],
                    "second": [1, 11],
                    "own": [2, 3, 4, 12, 13, 14],
                    "deep": [4, 14],
                    "last": [5, 15],
                }

    asyncio.run(main())


def test_an_event_of_several_rules_comes_again_until_all_are_done_with_it(
    serving: Serving, start_broker: StartBroker, wait_until: Until
) -> None:
    """More rules than there are consumers: they share them."""
    many = [rule(f"r{number}", f"a/{number}") for number in range(3 * RULE_CONSUMERS)]

    async def main() -> None:
        async with start_broker() as broker, broker.device() as device:
            async with serving(broker, [*many, rule("all", "a/+")]) as served:
                served.is_working = False
                await device.publish("a/7", b'{"n": 1}', qos=1)
                await wait_until(lambda: len(served.got) == 2)
            async with serving(broker, [*many, rule("all", "a/+")]) as served:
                await device.publish("a/7", b'{"n": 2}', qos=0)
                await wait_until(lambda: sum(map(len, served.got.values())) == 4)
                await asyncio.sleep(0.7)  # longer than redelivery_s
                assert {name: sorted(got) for name, got in served.got.items()} == {
                    "r7": [b"1", b"2"],
                    "all": [b"1", b"2"],
                }

    asyncio.run(main())


def test_rules_become_many_and_few_again_while_they_are_served(
    serving: Serving, start_broker: StartBroker, wait_until: Until
) -> None:
    few = [rule("one", "a/+"), rule("other", "b")]
    many = [rule(f"r{number}", f"c/{number}") for number in range(2 * RULE_CONSUMERS)]

    async def main() -> None:
        async with (
            start_broker() as broker,
            broker.device() as device,
            broker.nats() as onlooker,
            serving(broker, few) as served,
        ):
            for number, rules in enumerate((few, [*few, *many], few)):
                await served.rules.replace(rules)
                for topic in ("a/1", "b", "c/3"):
                    await device.publish(topic, b'{"n": %d}' % number, qos=1)
                due = {"one", "other", *(("r3",) if number == 1 else ())}
                await wait_until(lambda n=number, d=due: served.have(b"%d" % n) == d)
            consumers = await onlooker.jetstream().consumers_info("$MQTT_msgs")
            assert sorted(info.name for info in consumers) == [
                "bellwire-app-dev-@ingest",
                "bellwire-app-dev-one",
                "bellwire-app-dev-other",
            ]

    asyncio.run(main())


def test_a_payload_larger_than_a_device_may_publish_reaches_no_rule_and_is_kept_and_told(
    serving: Serving, start_broker: StartBroker, wait_until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            broker.device() as device,
            broker.nats() as onlooker,
            serving(broker, [rule("rule", "a")], mqtt_payload_bytes=128 * 1024) as served,
        ):
            letters: list[Msg] = []

            async def note(letter: Msg) -> None:
                letters.append(letter)

            await onlooker.subscribe("bellwire.dead.>", cb=note)
            await onlooker.flush()
            largest = b'{"n": "' + b"x" * (128 * 1024 - 9) + b'"}'
            for qos in (0, 1):
                await device.publish("a", largest, qos=qos)
                await device.publish("a", largest + b" ", qos=qos)
            await device.publish("a", b'{"n": 1}', qos=1)
            await wait_until(lambda: len(served.got["rule"]) == 3)
            assert sorted(map(len, served.got["rule"])) == [1, 131_065, 131_065]
            await wait_until(lambda: letters)
            assert [letter.data for letter in letters] == [largest + b" "]
            assert letters[0].headers is not None
            assert letters[0].headers["Bellwire-Reason"] == "it has 131073 bytes, more than 131072"

    asyncio.run(main())
    told = [each.getMessage() for each in caplog.records if each.name == "bellwire.rules"]
    assert [each.partition(" so far ")[0] for each in told] == ["1 messages", "2 messages"]
    assert "the last, on topic a: it has 131073 bytes, more than 131072 (limits: " in told[1]


def test_another_node_with_the_same_rules_is_refused(
    serving: Serving, start_broker: StartBroker
) -> None:
    async def main() -> None:
        async with start_broker() as broker, serving(broker, [rule("rule", "a")]):
            with pytest.raises(BusError, match="another node serves this service"):
                async with serving(broker, [rule("rule", "a")]):
                    pass

    asyncio.run(main())
