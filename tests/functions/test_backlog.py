from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from bellwire.definition import EventInvokeConfig, Function
from bellwire.errors import BusError, NotFoundError, Place, TooManyRequestsError
from bellwire.functions.backlog import Backlog, BacklogStatistics, Surroundings
from bellwire.limits import Limits


ARN = "arn:aws:lambda:us-east-1:123456789012:function:demo-dev-"
NOW_MS = 1_573_755_365_068


class Result(NamedTuple):
    payload: bytes
    error: str | None = None


FAILED = Result(b'{"errorMessage":"no"}', "Unhandled")


class Event:
    """An event as the store hands it over."""

    def __init__(self, number: int = 1, function: str = "work", **given: Any) -> None:
        self.sequence = number
        self.function = function
        self.request_id = f"id-{number}"
        self.payload = b'{"n":%d}' % number
        self.accepted_ms = NOW_MS
        self.chain = 0
        self.is_done = False
        self.progress = 0
        for name, value in given.items():
            setattr(self, name, value)

    def done(self) -> None:
        assert not self.is_done
        self.is_done = True

    def in_progress(self) -> None:
        self.progress += 1


class World:
    """What is around a backlog: functions that do as they are told, and a store."""

    def __init__(
        self, *, config: EventInvokeConfig, concurrency: int | None, limits: Limits
    ) -> None:
        self.calls: list[tuple[str, bytes, str]] = []
        self.answers: list[Result | Exception | None] = []
        self.pending: list[asyncio.Future[Any]] = []
        self.stored: list[tuple[str, Any, str, int]] = []
        self.store_errors: list[BusError] = []
        self.buried: list[tuple[str, bytes, Mapping[str, str]]] = []
        self.bury_errors: list[BusError] = []
        self.now_ms = NOW_MS
        functions = {
            "work": make_function("work", config, concurrency),
            "done": make_function("done", EventInvokeConfig(), None),
        }
        around = Surroundings(
            invoke=self._invoke,
            store=self._store,
            bury=self._bury,
            arn=lambda name: f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
            new_request_id=lambda: "new-id",
            now_ms=lambda: self.now_ms,
        )
        self.backlog = Backlog(functions, around, limits=limits)

    def _invoke(self, function: str, event: bytes, request_id: str) -> asyncio.Future[Any]:
        self.calls.append((function, event, request_id))
        answer = self.answers.pop(0) if self.answers else Result(b"null")
        if isinstance(answer, Exception):
            raise answer
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if answer is None:
            self.pending.append(future)
        else:
            future.set_result(answer)
        return future

    async def _store(self, function: str, payload: bytes, *, request_id: str, chain: int) -> None:
        if self.store_errors:
            raise self.store_errors.pop(0)
        self.stored.append((function, json.loads(payload), request_id, chain))

    async def _bury(self, function: str, payload: bytes, headers: Mapping[str, str]) -> None:
        if self.bury_errors:
            raise self.bury_errors.pop(0)
        self.buried.append((function, payload, headers))

    @property
    def figures(self) -> BacklogStatistics:
        return self.backlog.statistics()["work"]


def make_function(key: str, config: EventInvokeConfig, concurrency: int | None) -> Function:
    return Function(
        key=key,
        name=f"demo-dev-{key}",
        handler="h.f",
        runtime="python3.12",
        timeout_s=3.0,
        memory_mb=128,
        environment={},
        reserved_concurrency=concurrency,
        place=Place("serverless.yml", 1, 1),
        event_invoke_config=config,
    )


def make_world(
    *,
    on_success: str | None = None,
    on_failure: str | None = None,
    retries: int | None = None,
    age_s: float = 60.0,
    concurrency: int | None = None,
    **bounds: float,
) -> World:
    limits = replace(Limits(retry_delay_s=0.01, redelivery_s=0.03), **bounds)  # type: ignore[arg-type]
    config = EventInvokeConfig(retries, age_s, on_success, on_failure)
    return World(config=config, concurrency=concurrency, limits=limits)


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 10))


async def until(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the condition never came true")


def context(condition: str, count: int) -> dict[str, Any]:
    return {
        "requestId": "id-1",
        "functionArn": f"{ARN}work:$LATEST",
        "condition": condition,
        "approximateInvokeCount": count,
    }


def test_an_event_runs_once_under_its_own_request_id() -> None:
    async def main() -> None:
        world, event = make_world(), Event()
        world.backlog.take(event)
        await until(lambda: event.is_done)
        assert world.calls == [("work", b'{"n":1}', "id-1")]
        assert (world.stored, world.buried) == ([], [])
        assert world.figures[:7] == (1, 0, 0, 0, 0, 0, 0)

    run(main())


def test_a_failure_is_tried_again_under_the_same_id_and_then_is_a_dead_letter() -> None:
    async def main() -> None:
        world, event = make_world(), Event()
        world.answers = [FAILED] * 3
        world.backlog.take(event)
        await until(lambda: event.is_done)
        assert world.calls == [("work", b'{"n":1}', "id-1")] * 3
        headers = {
            "Bellwire-Function": "work",
            "Bellwire-Request-Id": "id-1",
            "Bellwire-Attempts": "3",
            "Bellwire-Reason": 'RetriesExhausted: {"errorMessage":"no"}',
            "Bellwire-Condition": "RetriesExhausted",
        }
        assert world.buried == [("work", b'{"n":1}', headers)]
        assert world.figures[:7] == (1, 2, 0, 1, 0, 0, 0)

    run(main())


def test_a_failure_that_passes_is_no_failure() -> None:
    async def main() -> None:
        world, event = make_world(), Event()
        world.answers = [FAILED, Result(b"1")]
        world.backlog.take(event)
        await until(lambda: event.is_done)
        assert len(world.calls) == 2
        assert world.buried == []

    run(main())


def test_without_retries_one_failure_is_enough() -> None:
    async def main() -> None:
        world, event = make_world(retries=0, on_failure="done"), Event()
        world.answers = [FAILED]
        world.backlog.take(event)
        await until(lambda: event.is_done)
        (stored,) = world.stored
        document = {
            "version": "1.0",
            "timestamp": "2019-11-14T18:16:05.068Z",
            "requestContext": context("RetriesExhausted", 1),
            "requestPayload": {"n": 1},
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": {"errorMessage": "no"},
        }
        assert stored == ("done", document, "new-id", 1)
        assert world.buried == []
        assert world.figures[:7] == (1, 0, 0, 1, 0, 0, 0)

    run(main())


def test_a_success_is_told_too() -> None:
    async def main() -> None:
        world, event = make_world(on_success="done"), Event(chain=2)
        world.answers = [Result(b'{"ok":true}')]
        world.backlog.take(event)
        await until(lambda: event.is_done)
        ((function, document, request_id, chain),) = world.stored
        assert (function, request_id, chain) == ("done", "new-id", 3)
        assert document["requestContext"] == context("Success", 1)
        assert document["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
        assert document["responsePayload"] == {"ok": True}

    run(main())


def test_the_record_is_stored_before_the_event_is_done() -> None:
    async def main() -> None:
        world, event = make_world(on_success="done"), Event()
        world.store_errors = [BusError("away", retryable=True)] * 3
        world.backlog.take(event)
        await until(lambda: len(world.store_errors) == 1)
        assert not event.is_done
        await until(lambda: event.is_done)
        assert len(world.stored) == 1

    run(main())


def test_an_event_too_old_never_runs() -> None:
    async def main() -> None:
        world, event = make_world(on_failure="done"), Event(accepted_ms=NOW_MS - 60_001)
        world.backlog.take(event)
        await until(lambda: event.is_done)
        assert world.calls == []
        ((_, document, _, _),) = world.stored
        assert document["requestContext"] == context("EventAgeExceeded", 0)
        assert {"responseContext", "responsePayload"}.isdisjoint(document)

    run(main())


def test_a_function_that_is_off_runs_nothing() -> None:
    async def main() -> None:
        world, event = make_world(concurrency=0), Event()
        world.backlog.take(event)
        await until(lambda: event.is_done)
        assert world.calls == []
        ((_, _, headers),) = world.buried
        assert headers["Bellwire-Reason"] == "ZeroReservedConcurrency: it never ran"

    run(main())


def test_a_throttle_is_waited_out_and_is_no_attempt() -> None:
    async def main() -> None:
        world, event = make_world(retries=0, throttle_delay_s=0.01), Event()
        world.answers = [*[TooManyRequestsError("full")] * 9, Result(b"1")]
        world.backlog.take(event)
        await until(lambda: event.is_done)
        assert len(world.calls) == 10
        assert world.buried == []
        assert world.figures[:7] == (1, 0, 9, 0, 0, 0, 0)

    run(main())


def test_throttles_end_with_the_age_of_the_event() -> None:
    async def main() -> None:
        world, event = make_world(throttle_delay_s=0.01, on_failure="done"), Event()
        world.answers = [TooManyRequestsError("full")] * 100
        world.backlog.take(event)
        await until(lambda: len(world.calls) > 3)
        world.now_ms += 60_001
        await until(lambda: event.is_done)
        ((_, document, _, _),) = world.stored
        assert document["requestContext"] == context("EventAgeExceeded", 0)

    run(main())


def test_an_event_of_a_function_that_is_gone_is_a_dead_letter() -> None:
    async def main() -> None:
        world, event = make_world(), Event(function="gone")
        world.answers = [NotFoundError("Function not found: gone")]
        world.backlog.take(event)
        await until(lambda: event.is_done)
        headers = {
            "Bellwire-Function": "gone",
            "Bellwire-Request-Id": "id-1",
            "Bellwire-Attempts": "0",
            "Bellwire-Reason": "Function not found: gone",
        }
        assert world.buried == [("gone", b'{"n":1}', headers)]

    run(main())


def test_a_dead_letter_that_nothing_keeps_is_counted_and_the_age_at_each_attempt() -> None:
    async def main() -> None:
        world, event = make_world(retries=1), Event()
        world.answers = [FAILED, FAILED]
        world.bury_errors = [BusError("too large", retryable=False)]
        world.backlog.take(event)
        await until(lambda: event.is_done)
        assert world.figures[:7] == (1, 1, 0, 1, 1, 0, 0)
        assert world.figures.async_event_ages.total == 2

    run(main())


@pytest.mark.parametrize(
    ("given", "bounds", "store_error", "problem"),
    [
        ({}, {"asynchronous_payload_bytes": 200}, None, "bytes, and an event may have 200"),
        ({"chain": 16}, {}, None, "16 destinations led one to the next, as many as may"),
        ({}, {}, BusError("full", retryable=False), "full"),
    ],
)
def test_a_record_that_cannot_be_sent_leaves_a_dead_letter(
    caplog: pytest.LogCaptureFixture,
    given: dict[str, Any],
    bounds: dict[str, Any],
    store_error: BusError | None,
    problem: str,
) -> None:
    async def main() -> None:
        world, event = make_world(on_failure="done", retries=0, **bounds), Event(**given)
        world.answers = [FAILED]
        world.store_errors = [store_error] if store_error else []
        world.backlog.take(event)
        await until(lambda: event.is_done)
        assert world.stored == []
        ((function, payload, headers),) = world.buried
        assert (function, payload) == ("work", b'{"n":1}')
        assert headers["Bellwire-Condition"] == "RetriesExhausted"
        assert world.figures[:7] == (1, 0, 0, 1, 0, 1, 0)
        assert any(problem in record.getMessage() for record in caplog.records)

    run(main())


def test_a_ring_of_destinations_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        world, event = make_world(on_success="work"), Event()
        for number in range(1, 100):
            event = Event(number, chain=world.stored[-1][3] if world.stored else 0)
            world.backlog.take(event)
            await until(lambda: event.is_done)  # noqa: B023  # waited for at once
            if len(world.stored) < number:
                break
        assert (len(world.calls), len(world.stored)) == (17, 16)
        assert "16 destinations led one to the next" in caplog.text

    run(main())


def test_a_success_that_cannot_be_told_is_logged_and_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        world, event = make_world(on_success="done"), Event()
        world.store_errors = [BusError("full", retryable=False)]
        world.backlog.take(event)
        await until(lambda: event.is_done)
        assert (world.stored, world.buried) == ([], [])
        (record,) = caplog.records
        assert record.getMessage() == (
            "function work: the record of invocation id-1 (Success) did not reach its destination "
            "done: full"
        )

    run(main())


def test_a_dead_letter_is_stored_in_the_end_or_said_to_be_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        world = make_world(retries=0)
        world.answers = [FAILED]
        world.bury_errors = [BusError("away", retryable=True)] * 2
        first, second = Event(1), Event(2)
        world.backlog.take(first)
        await until(lambda: first.is_done)
        assert len(world.buried) == 1
        world.answers, world.bury_errors = [FAILED], [BusError("too large", retryable=False)]
        world.backlog.take(second)
        await until(lambda: second.is_done)
        assert "the event is lost (too large)" in caplog.records[-1].getMessage()

    run(main())


def test_an_event_given_out_again_while_in_hand_does_not_run_twice() -> None:
    async def main() -> None:
        world, event, again = make_world(), Event(), Event()
        world.answers = [None]
        world.backlog.take(event)
        world.backlog.take(again)
        assert (len(world.calls), world.figures.async_events_running) == (1, 1)
        world.pending[0].set_result(Result(b"1"))
        await until(lambda: again.is_done)
        assert not event.is_done

    run(main())


def test_events_in_hand_are_kept_alive_while_they_run_and_while_they_wait() -> None:
    async def main() -> None:
        world = make_world(retry_delay_s=30)
        world.answers = [None, FAILED]
        running, waiting = Event(1), Event(2)
        world.backlog.take(running)
        world.backlog.take(waiting)
        task = asyncio.create_task(world.backlog.keep_alive())
        await until(lambda: running.progress > 1 and waiting.progress > 1)
        task.cancel()

    run(main())


def test_stop_waits_for_what_runs_and_leaves_what_waits() -> None:
    async def main() -> None:
        world = make_world(on_success="done", retry_delay_s=30)
        world.answers = [None, FAILED]
        running, waiting, late = Event(1), Event(2), Event(3)
        world.backlog.take(running)
        world.backlog.take(waiting)
        await until(lambda: world.figures.async_events_retried == 1)
        stopping = asyncio.create_task(world.backlog.stop())
        await asyncio.sleep(0.01)
        assert not stopping.done()
        world.backlog.take(late)
        world.pending[0].set_result(Result(b"1"))
        await stopping
        assert [each.is_done for each in (running, waiting, late)] == [True, False, False]
        assert len(world.stored) == 1
        assert world.buried == []

    run(main())


def test_what_fails_because_the_node_stops_stays_in_the_store() -> None:
    async def main() -> None:
        world, event = make_world(retries=0), Event()
        world.answers = [None]
        world.backlog.take(event)
        stopping = asyncio.create_task(world.backlog.stop())
        await asyncio.sleep(0)
        world.pending[0].set_result(FAILED)
        await stopping
        assert (event.is_done, world.buried) == (False, [])

    run(main())


def test_a_stop_cut_short_leaves_no_task_behind() -> None:
    async def main() -> None:
        world, before = make_world(on_success="done", retry_delay_s=30), asyncio.all_tasks()
        world.answers = [Result(b"1"), None]
        world.store_errors = [BusError("away", retryable=True)]
        untold, running = Event(1), Event(2)
        world.backlog.take(untold)
        world.backlog.take(running)
        await until(lambda: not world.store_errors)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.backlog.stop(), 0.01)
        world.pending[0].set_result(Result(b"1"))
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == before
        assert not untold.is_done
        assert not running.is_done

    run(main())


def test_a_bug_costs_one_event(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        world, event = make_world(), Event()
        world.answers = [None]
        world.backlog.take(event)
        world.pending[0].set_exception(ZeroDivisionError("a bug"))
        await until(lambda: event.is_done)
        ((_, _, headers),) = world.buried
        assert headers["Bellwire-Reason"] == "ZeroDivisionError('a bug')"
        assert any(record.exc_info for record in caplog.records)

    run(main())


def test_settings_change_while_an_event_waits() -> None:
    async def main() -> None:
        world, event = make_world(), Event()
        world.answers = [None]
        world.backlog.take(event)
        config = EventInvokeConfig(on_failure="done")
        world.backlog.configure({"work": make_function("work", config, None)})
        world.answers = [FAILED, FAILED]
        world.pending[0].set_result(FAILED)
        await until(lambda: event.is_done)
        assert len(world.calls) == 3
        assert [destination for destination, *_ in world.stored] == ["done"]

    run(main())


def test_events_of_a_function_that_goes_while_they_are_in_hand_are_dead_letters() -> None:
    async def main() -> None:
        world, running, late = make_world(), Event(1), Event(2)
        world.answers = [None]
        world.backlog.take(running)
        world.backlog.configure({})
        world.answers = [NotFoundError("Function not found: work")]
        world.backlog.take(late)
        world.pending[0].set_result(FAILED)
        await until(lambda: running.is_done and late.is_done)
        assert len(world.buried) == 2
        assert world.backlog.statistics() == {}

    run(main())
