from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
import pytest

from bellwire.definition.model import (
    Action,
    EventInvokeConfig,
    HttpAction,
    LambdaAction,
    NotifyAction,
    RepublishAction,
    TemplateText,
    TopicRule,
)
from bellwire.errors import (
    BusError,
    CallerError,
    NotFoundError,
    Place,
    TooManyRequestsError,
)
from bellwire.iot.delivery import Delivery
from bellwire.iot.performers import Event, Performers
from bellwire.iot.rules import compile_rule
from bellwire.limits import Limits
from bellwire.origin import UNKNOWN


class Result(NamedTuple):
    payload: bytes = b"null"
    error: str | None = None


FAILED = Result(b'{"errorMessage":"no"}', "Unhandled")


class FakeEvent:
    """An event of a broker that notes what it is told."""

    def __init__(self, topic: str, payload: bytes, *, durable: bool = True) -> None:
        self.topic = topic
        self.payload = payload
        self.timestamp_ms = 1_700_000_000_000
        self.durable = durable
        self.origin = UNKNOWN
        self.said: list[str] = []

    def done(self) -> None:
        self.said.append("done")

    def in_progress(self) -> None:
        self.said.append("in progress")

    @property
    def is_done(self) -> bool:
        return self.said.count("done") == 1


class Call(NamedTuple):
    function: str
    event: Any
    request_id: str
    future: asyncio.Future[Any]


class Functions:
    """Functions that end when a test says so, or as the plan says: a result or an error each."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.plan: list[Result | CallerError] = []

    def invoke(self, function: str, event: bytes, request_id: str) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        outcome = self.plan.pop(0) if self.plan else None
        if isinstance(outcome, CallerError):
            raise outcome
        self.calls.append(Call(function, orjson.loads(event), request_id, future))
        if outcome is not None:
            future.set_result(outcome)
        return future

    @property
    def numbers(self) -> list[int]:
        return [call.event["n"] for call in self.calls]


class Cemetery:
    """Takes dead letters; fails as often as told first."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, bytes, dict[str, str]]] = []
        self.failures = 0
        self.retryable = True

    async def bury(self, rule: str, event: Event, headers: Mapping[str, str]) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise BusError("NATS is away", retryable=self.retryable)
        self.letters.append((rule, event.payload, dict(headers)))


class Bench:
    """A delivery with everything around it in a test's hands."""

    def __init__(self, make: Callable[..., Performers], sql: str, **bounds: float) -> None:
        self.functions = Functions()
        self.cemetery = Cemetery()
        rule = TopicRule(
            name="rule",
            sql=sql,
            sql_version="2016-03-23",
            actions=(LambdaAction("notify", Place("serverless.yml", 1, 1)),),
            error_action=None,
            enabled=True,
            description="",
            sql_place=Place("serverless.yml", 1, 1),
        )
        self._definition = rule
        limits = replace(Limits(retry_delay_s=0.02), **bounds)  # type: ignore[arg-type]  # ints too
        self.delivery = Delivery(
            compile_rule(rule),
            make(
                invoke=lambda *call: self.functions.invoke(*call),
                bury=self.cemetery.bury,
            ),
            limits=limits,
        )

    def follow(self, sql: str, function: str = "notify") -> None:
        """Change the rule while it is served."""
        actions = (LambdaAction(function, Place("serverless.yml", 1, 1)),)
        self.delivery.follow(compile_rule(replace(self._definition, sql=sql, actions=actions)))

    def take(self, topic: str, number: int = 0, *, durable: bool = True) -> FakeEvent:
        event = FakeEvent(topic, b'{"n":%d}' % number, durable=durable)
        self.delivery.take(event)
        return event

    def statistics(self) -> dict[str, int]:
        """Return the figures that are not 0."""
        return {name: n for name, n in self.delivery.statistics()._asdict().items() if n}


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(performers: Callable[..., Performers]) -> MakeBench:
    def make(sql: str = "SELECT * FROM 'a/+'", **bounds: float) -> Bench:
        return Bench(performers, sql, **bounds)

    return make


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what it waits for has no event of its own
            await asyncio.sleep(0.001)


# The plain way


def test_an_event_becomes_an_invocation_and_is_done_when_that_has_ended(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench("SELECT topic(2) AS device, n FROM 'a/+'")
        event = b.take("a/pump", 7)
        (call,) = b.functions.calls
        assert call[:3] == ("notify", {"device": "pump", "n": 7}, "request-1")
        await turns()
        assert event.said == []
        assert b.statistics() == {"received": 1, "running": 1}
        call.future.set_result(Result())
        await turns()
        assert event.said == ["done"]
        assert b.statistics() == {"received": 1, "delivered": 1}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("sql", "payload"),
    [
        ("SELECT * FROM 'a/+' WHERE n > 5", b'{"n":5}'),
        ("SELECT * FROM 'a/+' WHERE missing = 1", b'{"n":5}'),
    ],
)
def test_an_event_that_does_not_match_is_done_at_once_and_quietly(
    bench: MakeBench, sql: str, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        b = bench(sql)
        event = FakeEvent("a/b", payload)
        b.delivery.take(event)
        assert event.is_done
        assert b.functions.calls == []
        assert b.statistics() == {"received": 1, "unmatched": 1}

    asyncio.run(main())
    assert caplog.records == []


def test_an_event_that_no_function_can_take_is_done_and_told(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        b = bench()
        event = FakeEvent("a/b", b"\xff not JSON")
        b.delivery.take(event)
        assert event.is_done
        assert b.functions.calls == []

    asyncio.run(main())
    (record,) = caplog.records
    assert record.getMessage().startswith("rule rule, topic a/b: ")


# Order


def test_events_of_a_topic_go_one_after_the_other_many_topics_at_once(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench()
        for number, topic in enumerate(["a/x", "a/x", "a/y", "a/x", "a/y", "a/z"]):
            b.take(topic, number)
        assert b.functions.numbers == [0, 2, 5]
        assert b.statistics() == {"received": 6, "running": 3, "waiting": 3}
        b.functions.calls[1].future.set_result(Result())
        await turns()
        assert b.functions.numbers == [0, 2, 5, 4]
        b.functions.calls[0].future.set_result(Result())
        await turns()
        assert b.functions.numbers == [0, 2, 5, 4, 1]
        for _ in range(3):
            for call in b.functions.calls:
                if not call.future.done():
                    call.future.set_result(Result())
            await turns()
        assert b.functions.numbers == [0, 2, 5, 4, 1, 3]
        assert b.statistics() == {"received": 6, "delivered": 6}

    asyncio.run(main())


def test_a_retry_holds_back_what_follows_on_its_topic_only(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench()
        b.functions.plan = [FAILED]
        b.take("a/x", 1)
        b.take("a/x", 2)
        b.take("a/y", 3)
        await turns()
        assert b.functions.numbers == [1, 3]
        await until(lambda: len(b.functions.calls) == 3)
        assert b.functions.numbers == [1, 3, 1]
        b.functions.calls[2].future.set_result(Result())
        await turns()
        assert b.functions.numbers == [1, 3, 1, 2]

    asyncio.run(main())


def test_a_thousand_events_that_end_at_once_do_not_recurse(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench()
        b.functions.plan = [Result()] * 3000
        events = [b.take("a/x", number) for number in range(3000)]
        await until(lambda: all(event.is_done for event in events))
        assert b.functions.numbers == list(range(3000))

    asyncio.run(main())


# Failures


def test_a_failure_is_tried_again_with_growing_pauses_then_set_aside(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        b = bench(function_retries=2, retry_delay_s=0.04)
        loop = asyncio.get_running_loop()
        starts: list[float] = []
        invoke = b.functions.invoke

        def timed(function: str, event: bytes, request_id: str) -> asyncio.Future[Any]:
            starts.append(loop.time())
            return invoke(function, event, request_id)

        b.functions.invoke = timed  # type: ignore[method-assign]
        b.functions.plan = [FAILED, FAILED, FAILED, Result()]
        event = b.take("a/x", 1)
        b.take("a/x", 2)
        await until(lambda: event.is_done)
        await turns()
        first, second = starts[1] - starts[0], starts[2] - starts[1]
        assert 0.035 < first < 0.075 < second < 0.3
        assert b.cemetery.letters == [
            (
                "rule",
                b'{"n":1}',
                {
                    "Bellwire-Rule": "rule",
                    "Bellwire-Topic": "a/x",
                    "Bellwire-Action": "LambdaAction notify",
                    "Bellwire-Attempts": "3",
                    "Bellwire-Reason": '{"errorMessage":"no"}',
                },
            )
        ]
        assert len({call.request_id for call in b.functions.calls}) == 4
        assert b.functions.numbers == [1, 1, 1, 2]
        assert b.statistics() == {
            "received": 2,
            "delivered": 1,
            "retried": 2,
            "dead_lettered": 1,
            "failures": 1,
        }

    asyncio.run(main())
    (record,) = caplog.records
    assert "LambdaAction notify failed on an event of topic a/x, 3 attempts" in record.getMessage()


def test_a_second_try_that_succeeds_is_delivered(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench()
        b.functions.plan = [FAILED, Result()]
        event = b.take("a/x")
        await until(lambda: event.is_done)
        assert b.cemetery.letters == []
        assert b.statistics() == {"received": 1, "delivered": 1, "retried": 1}

    asyncio.run(main())


def test_without_retries_the_first_failure_is_the_last(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench(function_retries=0)
        b.functions.plan = [FAILED]
        event = b.take("a/x")
        await until(lambda: event.is_done)
        assert b.cemetery.letters[0][2]["Bellwire-Attempts"] == "1"

    asyncio.run(main())


def test_a_function_with_no_room_is_no_failed_attempt(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench(function_retries=0)
        b.functions.plan = [*[TooManyRequestsError("full")] * 3, Result()]
        event = b.take("a/x")
        await until(lambda: event.is_done)
        assert b.cemetery.letters == []
        assert b.statistics() == {"received": 1, "delivered": 1}

    asyncio.run(main())


def test_a_function_that_cannot_be_called_is_not_tried_again(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench()
        b.functions.plan = [NotFoundError("no function notify")]
        event = b.take("a/x")
        await until(lambda: event.is_done)
        assert b.cemetery.letters[0][2]["Bellwire-Reason"] == "no function notify"
        assert b.functions.calls == []

    asyncio.run(main())


def test_a_bug_in_an_invocation_is_told_and_the_topic_goes_on(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        b = bench()
        first = b.take("a/x", 1)
        b.take("a/x", 2)
        b.functions.calls[0].future.set_exception(ZeroDivisionError("a bug"))
        await until(lambda: first.is_done)
        assert b.cemetery.letters[0][2]["Bellwire-Reason"] == "ZeroDivisionError('a bug')"
        assert b.functions.numbers == [1, 2]

    asyncio.run(main())
    assert any(record.exc_info for record in caplog.records)


def test_the_reason_is_one_bounded_line(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench(function_retries=0)
        b.functions.plan = [Result(b"line 1\r\nBellwire-Rule: x\n\xff" + b"y" * 5000, "Unhandled")]
        event = b.take("a/x")
        await until(lambda: event.is_done)
        reason = b.cemetery.letters[0][2]["Bellwire-Reason"]
        assert reason.startswith("line 1 Bellwire-Rule: x �y")
        assert len(reason) == 1000

    asyncio.run(main())


def test_an_event_is_not_done_before_its_dead_letter_is_stored(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        b = bench(function_retries=0, retry_delay_s=0.05)
        b.cemetery.failures = 2
        b.functions.plan = [FAILED]
        event = b.take("a/x")
        await asyncio.sleep(0.04)
        assert event.said == []
        assert b.statistics() == {"received": 1, "running": 1, "failures": 1}
        await until(lambda: event.is_done)
        assert b.statistics() == {"received": 1, "dead_lettered": 1, "failures": 1}

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert [record.getMessage() for record in caplog.records[:2]] == [
        "rule rule: NATS is away; trying again"
    ] * 2


def test_an_event_whose_dead_letter_can_never_be_stored_is_lost_and_said_so(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        b = bench(function_retries=0)
        b.cemetery.failures = 1
        b.cemetery.retryable = False
        b.functions.plan = [FAILED]
        event = b.take("a/x")
        await until(lambda: event.is_done)
        assert b.cemetery.letters == []
        assert b.statistics() == {"received": 1, "failures": 1}

    asyncio.run(main())
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "the event is lost" in caplog.records[1].getMessage()


# Bounds


def dropped_lines(records: Sequence[logging.LogRecord]) -> list[int]:
    return [
        int(record.getMessage().split(": ")[1].split(" ")[0])
        for record in records
        if "events dropped so far" in record.getMessage()
    ]


def test_qos_0_beyond_the_bound_is_dropped_and_told_in_powers_of_two(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        b = bench(events_in_flight=3)
        for number in range(13):
            b.take("a/x", number, durable=False)
        durable = b.take("a/x", 99)
        assert b.statistics() == {"received": 14, "dropped": 10, "running": 1, "waiting": 3}
        for _ in range(4):
            b.functions.calls[-1].future.set_result(Result())
            await turns()
        assert b.functions.numbers == [0, 1, 2, 99]
        assert durable.is_done
        b.take("a/x", 100, durable=False)
        assert b.functions.numbers[-1] == 100

    asyncio.run(main())
    assert dropped_lines(caplog.records) == [1, 2, 4, 8]
    assert "eventsInFlight" in caplog.records[0].getMessage()


# Keeping alive, stopping


def test_events_in_hand_are_kept_alive_those_waiting_too(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench()
        running, waiting = b.take("a/x", 1), b.take("a/x", 2)
        b.delivery.keep_alive()
        assert running.said == waiting.said == ["in progress"]
        b.functions.calls[0].future.set_result(Result())
        await turns()
        b.delivery.keep_alive()
        assert running.said == ["in progress", "done"]
        assert waiting.said == ["in progress", "in progress"]

    asyncio.run(main())


def test_stop_waits_for_what_runs_and_leaves_what_waits_to_the_broker(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench()
        running, waiting = b.take("a/x", 1), b.take("a/x", 2)
        stopping = asyncio.create_task(b.delivery.stop())
        await turns()
        late = b.take("a/y", 3)
        assert not stopping.done()
        b.functions.calls[0].future.set_result(Result())
        async with asyncio.timeout(1):
            await stopping
        assert running.said == ["done"]
        assert waiting.said == late.said == []
        assert b.functions.numbers == [1]
        assert b.statistics() == {"received": 2, "delivered": 1}

    asyncio.run(main())


def test_stop_does_not_try_again_what_failed_and_leaves_it_to_the_broker(
    bench: MakeBench,
) -> None:
    async def main() -> None:
        b = bench(retry_delay_s=30)
        b.functions.plan = [FAILED, TooManyRequestsError("full")]
        failed, busy, running = (b.take(f"a/{number}", number) for number in range(3))
        await turns()
        stopping = asyncio.create_task(b.delivery.stop())
        await turns()
        b.functions.calls[-1].future.set_result(FAILED)
        async with asyncio.timeout(1):
            await stopping
        assert failed.said == busy.said == running.said == []
        assert b.functions.numbers == [0, 2]

    asyncio.run(main())


def test_stop_waits_for_a_dead_letter_on_its_way(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench(function_retries=0, retry_delay_s=0.02)
        b.cemetery.failures = 2
        b.functions.plan = [FAILED]
        event = b.take("a/x")
        await turns()
        async with asyncio.timeout(1):
            await b.delivery.stop()
        assert event.is_done
        assert len(b.cemetery.letters) == 1

    asyncio.run(main())


def test_an_invocation_that_is_cancelled_leaves_its_event_to_the_broker(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench()
        event = b.take("a/x", 1)
        b.take("a/x", 2)
        b.functions.calls[0].future.cancel()
        await turns()
        assert event.said == []
        assert b.functions.numbers == [1, 2]

    asyncio.run(main())


def test_stop_with_nothing_in_hand_ends_at_once(bench: MakeBench) -> None:
    async def main() -> None:
        async with asyncio.timeout(1):
            await bench().delivery.stop()

    asyncio.run(main())


# A rule that changes


def test_what_runs_ends_by_the_old_rule_and_what_waits_goes_by_the_new(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench("SELECT n FROM 'a/+'")
        running, waiting = b.take("a/b", 1), b.take("a/b", 2)
        b.follow("SELECT n + 10 AS n FROM 'a/+'", function="other")
        b.take("a/c", 3)
        assert [(call.function, call.event) for call in b.functions.calls] == [
            ("notify", {"n": 1}),
            ("other", {"n": 13}),
        ]
        b.functions.calls[0].future.set_result(Result())
        await turns()
        assert running.is_done
        assert b.functions.calls[2][:2] == ("other", {"n": 12})
        b.functions.calls[2].future.set_result(Result())
        await turns()
        assert waiting.is_done

    asyncio.run(main())


def test_a_retry_goes_by_the_rule_of_its_time(bench: MakeBench) -> None:
    async def main() -> None:
        b = bench("SELECT n FROM 'a/+'")
        b.functions.plan = [FAILED]
        event = b.take("a/b", 1)
        await turns()
        b.follow("SELECT n, 'new' AS by FROM 'a/+'")
        await until(lambda: len(b.functions.calls) == 2)
        assert b.functions.calls[1].event == {"n": 1, "by": "new"}
        b.functions.calls[1].future.set_result(Result())
        await turns()
        assert event.is_done

    asyncio.run(main())


@pytest.mark.parametrize("sql", ["SELECT n FROM 'a/+' WHERE n < 0", "SELECT n FROM 'other/+'"])
def test_a_long_lane_that_the_new_rule_has_no_use_for_is_emptied(
    bench: MakeBench, sql: str
) -> None:
    async def main() -> None:
        b = bench("SELECT n FROM 'a/+'", events_in_flight=5000)
        events = [b.take("a/b", number) for number in range(3000)]
        b.follow(sql)
        b.functions.calls[0].future.set_result(Result())
        await until(lambda: all(event.is_done for event in events))
        await turns()
        assert len(b.functions.calls) == 1
        assert b.statistics() | {"unmatched": 0} == {
            "received": 3000, "delivered": 1, "unmatched": 0
        }  # fmt: skip
        await b.delivery.stop()

    asyncio.run(main())


# Several actions


PLACE = Place("serverless.yml", 1, 1)


def written(template: str) -> TemplateText:
    return TemplateText(template, PLACE)


REPUBLISH = RepublishAction(written("out"), written("1"), PLACE)
POST = HttpAction(written("https://h/"), "https://h/", PLACE)
NOTIFY = NotifyAction(written("d"), PLACE)


class World:
    """What a delivery asks of the node, answered as the plans say: an error, or success."""

    def __init__(self) -> None:
        self.functions = Functions()
        self.cemetery = Cemetery()
        self.plans: dict[str, list[Exception]] = {}
        self.done: list[tuple[str, object]] = []
        self.config = EventInvokeConfig()

    async def publish(self, effect: object) -> None:
        self._perform("publish", effect)

    async def post(self, effect: object) -> None:
        self._perform("post", effect)

    def notify(self, effect: object) -> None:
        self._perform("notify", effect)

    async def tell(self, failed: object) -> None:
        self._perform("tell", failed)

    async def ask(self, question: object) -> object:
        self._perform("ask", question)
        return {"on": True}

    def made(self, what: str) -> list[Any]:
        return [effect for name, effect in self.done if name == what]

    def _perform(self, what: str, effect: object) -> None:
        self.done.append((what, effect))
        if plan := self.plans.get(what):
            raise plan.pop(0)


Deliver = Callable[..., tuple[World, Delivery]]


@pytest.fixture
def deliver(performers: Callable[..., Performers]) -> Deliver:
    """Make a delivery of a rule with these actions, and the world around it."""

    def make(
        *actions: Action, sql: str = "SELECT * FROM 'a/+'", error_action: Action | None = None
    ) -> tuple[World, Delivery]:
        world = World()
        definition = TopicRule("r", sql, "2016-03-23", actions, error_action, True, "", PLACE)
        around = performers(
            invoke=world.functions.invoke,
            bury=world.cemetery.bury,
            publish=world.publish,
            post=world.post,
            notify=world.notify,
            tell=world.tell,
            ask=world.ask,
            settings=lambda function: world.config,
        )
        rule = compile_rule(definition, ["get_thing_shadow"])
        return world, Delivery(rule, around, limits=Limits(retry_delay_s=0.01))

    return make


INVOKE = LambdaAction("f", PLACE)


def figures(delivery: Delivery) -> dict[str, int]:
    return {name: n for name, n in delivery.statistics()._asdict().items() if n}


def away(retryable: bool) -> BusError:
    return BusError("away", retryable=retryable)


def test_a_retry_repeats_only_what_failed(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(INVOKE, REPUBLISH, POST, NOTIFY)
        world.functions.plan = [FAILED, Result()]
        world.plans["post"] = [away(True)]
        event = FakeEvent("a/x", b'{"n":1}')
        delivery.take(event)
        await until(lambda: event.is_done)
        assert len(world.functions.calls) == 2
        assert len(world.made("post")) == 2
        assert len(world.made("publish")) == len(world.made("notify")) == 1
        assert figures(delivery) == {"received": 1, "delivered": 1, "retried": 2}

    asyncio.run(main())


def test_the_error_action_is_told_once_of_all_failures(deliver: Deliver) -> None:
    async def main() -> None:
        error_action = RepublishAction(written("failed/${topic(2)}"), written("0"), PLACE)
        world, delivery = deliver(INVOKE, POST, REPUBLISH, error_action=error_action)
        world.functions.plan = [FAILED] * 3
        world.plans["post"] = [away(False)]
        event = FakeEvent("a/x", b'{"n":1}')
        delivery.take(event)
        await until(lambda: event.is_done)
        first, told = world.made("publish")
        assert (first.topic, told.topic) == ("out", "failed/x")
        document = orjson.loads(told.payload)
        assert [each["failedAction"] for each in document["failures"]] == [
            "HttpAction",
            "LambdaAction",
        ]
        assert world.cemetery.letters == []
        assert figures(delivery) == {
            "received": 1,
            "retried": 2,
            "failures": 2,
            "error_actions": 1,
        }

    asyncio.run(main())


def test_an_error_action_that_fails_too_leaves_a_dead_letter(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(POST, error_action=LambdaAction("g", PLACE))
        world.plans["post"] = [away(False)]
        world.functions.plan = [FAILED] * 3
        event = FakeEvent("a/x", b'{"n":1}')
        delivery.take(event)
        await until(lambda: event.is_done)
        ((_, payload, headers),) = world.cemetery.letters
        assert payload == b'{"n":1}'
        assert headers["Bellwire-Action"] == "HttpAction https://h/, LambdaAction g"
        assert figures(delivery)["error_action_failures"] == 1

    asyncio.run(main())


def test_a_post_is_tried_three_times(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(POST)
        world.plans["post"] = [away(True)] * 3
        event = FakeEvent("a/x", b"{}")
        delivery.take(event)
        await until(lambda: event.is_done)
        assert len(world.made("post")) == 3
        assert world.cemetery.letters[0][2]["Bellwire-Attempts"] == "3"

    asyncio.run(main())


def test_a_republish_waits_for_the_broker_as_long_as_it_takes(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(REPUBLISH)
        world.plans["publish"] = [away(True)] * 6
        event = FakeEvent("a/x", b"{}")
        delivery.take(event)
        await until(lambda: event.is_done)
        assert len(world.made("publish")) == 7
        assert world.cemetery.letters == []

    asyncio.run(main())


def test_a_functions_own_destination_is_told_and_nobody_else(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(INVOKE, error_action=REPUBLISH)
        world.config = EventInvokeConfig(retry_attempts=1, on_failure="g")
        world.functions.plan = [FAILED] * 2
        event = FakeEvent("a/x", b'{"n":1}')
        delivery.take(event)
        await until(lambda: event.is_done)
        (failed,) = world.made("tell")
        assert (failed.function, failed.event, failed.attempts) == ("f", b'{"n":1}', 2)
        assert failed.result is FAILED
        assert world.made("publish") == world.cemetery.letters == []

    asyncio.run(main())


def test_a_destination_that_cannot_be_told_is_no_end(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(INVOKE)
        world.config = EventInvokeConfig(retry_attempts=0, on_failure="g")
        world.functions.plan = [FAILED]
        world.plans["tell"] = [away(False)]
        event = FakeEvent("a/x", b"{}")
        delivery.take(event)
        await until(lambda: event.is_done)
        assert len(world.cemetery.letters) == 1

    asyncio.run(main())


def test_a_rule_that_only_notifies_is_done_at_once(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(NOTIFY)
        world.plans["notify"] = []
        events = [FakeEvent("a/x", b'{"n":%d}' % n) for n in range(3)]
        for event in events:
            delivery.take(event)
            assert event.is_done
        assert [each.value["n"] for each in world.made("notify")] == [0, 1, 2]
        world.plans["notify"] = [CallerError("no")] * 2
        failing = FakeEvent("a/x", b'{"n":9}')
        delivery.take(failing)
        await until(lambda: failing.is_done)
        assert world.cemetery.letters[0][2]["Bellwire-Reason"] == "no"
        assert figures(delivery) == {
            "received": 4,
            "delivered": 3,
            "failures": 1,
            "dead_lettered": 1,
        }

    asyncio.run(main())


def test_what_runs_and_what_waits_end_together_when_the_node_stops(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(INVOKE, POST)
        world.plans["post"] = [away(True)]
        event = FakeEvent("a/x", b"{}")
        delivery.take(event)
        await until(lambda: figures(delivery).get("retried"))
        stopping = asyncio.create_task(delivery.stop())
        await turns()
        assert not stopping.done()
        world.functions.calls[0].future.set_result(Result())
        async with asyncio.timeout(1):
            await stopping
        assert event.said == []  # it comes again, with both actions

    asyncio.run(main())


# Statements that ask


ASKING = "SELECT n, get_thing_shadow(topic(2), 'role').on AS lit FROM 'a/+' WHERE n > 0"


def test_events_of_a_topic_keep_their_order_while_answers_are_awaited(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(INVOKE, sql=ASKING)
        world.functions.plan = [Result()] * 4
        world.plans["ask"] = [away(True)]
        events = [FakeEvent("a/x", b'{"n":%d}' % n) for n in (1, 0, 2)]
        for event in events:
            delivery.take(event)
        await until(lambda: all(event.is_done for event in events))
        assert [call.event for call in world.functions.calls] == [
            {"n": 1, "lit": True},
            {"n": 2, "lit": True},
        ]
        assert figures(delivery) == {
            "received": 3,
            "unmatched": 1,
            "delivered": 2,
            "retried": 1,
        }

    asyncio.run(main())


def test_what_gets_no_answer_fails_as_a_whole(deliver: Deliver) -> None:
    async def main() -> None:
        world, delivery = deliver(INVOKE, NOTIFY, sql=ASKING, error_action=REPUBLISH)
        world.plans["ask"] = [CallerError("no such thing")]
        event = FakeEvent("a/x", b'{"n":1}')
        delivery.take(event)
        await until(lambda: event.is_done)
        (told,) = world.made("publish")
        (failure,) = orjson.loads(told.payload)["failures"]
        assert (failure["failedAction"], failure["failedResource"]) == (
            "FunctionExecution",
            "get_thing_shadow",
        )
        assert world.functions.calls == world.made("notify") == []

    asyncio.run(main())


def test_a_message_that_goes_round_ends_as_a_dead_letter(deliver: Deliver) -> None:
    async def main() -> None:
        again = RepublishAction(written("a/x"), written("0"), PLACE)
        world, delivery = deliver(again, error_action=LambdaAction("g", PLACE))
        for _ in range(9):
            event = FakeEvent("a/x", b"{}")
            delivery.take(event)
            await until(lambda event=event: event.is_done)  # type: ignore[misc]
        assert len(world.made("publish")) == 8
        assert "republished 8 times in a row" in world.cemetery.letters[0][2]["Bellwire-Reason"]
        assert world.functions.calls == []

    asyncio.run(main())
