from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bellwire.errors import TooManyRequestsError
from bellwire.functions.statistics import (
    DURATION_BOUNDS_MS,
    FunctionStatistics,
    Loss,
    Recorder,
)
from bellwire.histogram import Histogram


if TYPE_CHECKING:
    from tests.functions.conftest import Harness, Run


def view(recorder: Recorder) -> FunctionStatistics:
    return recorder.view(starting=1, idle=2, busy=3, provisioned=4, waiting=5)


def test_a_function_starts_at_nothing_and_the_states_are_the_pools() -> None:
    empty = Histogram(DURATION_BOUNDS_MS).view()
    assert view(Recorder()) == FunctionStatistics(
        invocations=0,
        errors=0,
        throttles=0,
        timeouts=0,
        crashes=0,
        out_of_memory=0,
        init_failures=0,
        cold_starts=0,
        durations=empty,
        init_durations=empty,
        provisioned_invocations=0,
        spillovers=0,
        concurrent_max=0,
        starting=1,
        idle=2,
        busy=3,
        provisioned=4,
        provisioned_concurrency=0,
        waiting=5,
    )


def test_what_ran_is_counted_with_its_duration_and_the_most_at_once() -> None:
    recorder = Recorder()
    recorder.ready(80.0)
    for concurrent in (1, 2, 1):
        recorder.started(concurrent)
    recorder.completed(2.0, is_error=False)
    recorder.completed(4.0, is_error=True)
    figures = view(recorder)
    assert (figures.invocations, figures.errors) == (3, 1)
    assert figures.durations[2:] == (6, 4)
    assert figures.durations.total == 2
    assert (figures.cold_starts, figures.init_durations.sum_ms) == (1, 80)
    assert figures.concurrent_max == 2
    assert figures.provisioned_invocations == figures.spillovers == 0


def test_what_never_ran_is_an_error_without_a_duration_and_a_throttle_is_neither() -> None:
    recorder = Recorder()
    recorder.init_failed()
    recorder.refused()
    recorder.throttled()
    figures = view(recorder)
    assert (figures.invocations, figures.errors, figures.throttles) == (1, 1, 1)
    assert (figures.init_failures, figures.cold_starts, figures.durations.total) == (1, 0, 0)


def test_an_environment_is_lost_for_one_reason_with_its_invocation_or_idle() -> None:
    recorder = Recorder()
    for _ in range(4):
        recorder.started(1)
    recorder.lost(Loss.TIMEOUT, duration_ms=3000.0)
    recorder.lost(Loss.OUT_OF_MEMORY, duration_ms=10.0)
    recorder.lost(Loss.CRASH, duration_ms=20.0)
    recorder.lost(Loss.CRASH, duration_ms=None)
    recorder.lost(None, duration_ms=30.0)
    figures = view(recorder)
    assert (figures.timeouts, figures.crashes, figures.out_of_memory) == (1, 2, 1)
    assert (figures.invocations, figures.errors) == (4, 4)
    assert (figures.durations.total, figures.durations.max_ms) == (4, 3000)


def test_invocations_above_the_provisioned_concurrency_spill_over() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    recorder = Recorder(provisioned_concurrency=2)
    for concurrent in (1, 2, 3, 4, 1):
        recorder.started(concurrent)
    recorder.refused()
    figures = view(recorder)
    assert (figures.provisioned_invocations, figures.spillovers) == (3, 2)
    assert figures.provisioned_concurrency == 2


def test_bounds_rise() -> None:
    assert list(DURATION_BOUNDS_MS) == sorted(set(DURATION_BOUNDS_MS))


# Of real workers

HANDLER = """
import os, time

def f(event, context):
    if event == "sleep":
        time.sleep(0.1)
    if event == "raise":
        raise ValueError(event)
    if event == "exit":
        os._exit(3)
    if event == "hang":
        time.sleep(60)
    if event == "grow":
        kept = b"x" * 200_000_000
        time.sleep(60)
"""


def test_each_kind_of_outcome_is_counted_once(harness: Harness, run: Run) -> None:
    harness.write(HANDLER)

    async def main() -> None:
        function = harness.function(timeout_s=0.7, concurrency=2)
        async with harness.running(function) as pools:
            await asyncio.gather(*(harness.value(pools, event="sleep") for _ in range(2)))
            seen = pools.statistics()["f"]
            assert (seen.invocations, seen.errors, seen.concurrent_max) == (2, 0, 2)
            assert seen.cold_starts == 2
            assert 0 < seen.init_durations.sum_ms < 10_000
            assert seen.durations.total == 2
            assert 100 <= seen.durations.max_ms < 600
            for event in ("raise", "exit", "hang", "grow"):
                assert (await harness.call(pools, event=event)).error == "Unhandled"
            seen = pools.statistics()["f"]
            assert (seen.invocations, seen.errors, seen.throttles) == (6, 4, 0)
            assert (seen.timeouts, seen.crashes, seen.init_failures) == (1, 1, 0)
            assert seen.out_of_memory == 1
            assert (seen.durations.total, seen.durations.max_ms >= 690) == (6, True)

    run(main())


def test_an_init_that_fails_and_a_function_that_is_off(harness: Harness, run: Run) -> None:
    harness.write("raise RuntimeError('no')")

    async def main() -> None:
        functions = (
            harness.function("f"),
            harness.function("g", handler="h.f", concurrency=0),
        )
        async with harness.running(*functions) as pools:
            await harness.call(pools)
            seen = pools.statistics()["f"]
            assert (seen.invocations, seen.errors, seen.durations.total) == (1, 1, 0)
            assert (seen.init_failures, seen.cold_starts, seen.idle) == (2, 0, 0)
            with pytest.raises(TooManyRequestsError):
                pools.invoke("g", b"1", request_id="id")
            off = pools.statistics()["g"]
            assert (off.invocations, off.errors, off.throttles) == (0, 0, 1)

    run(main())


def test_what_runs_beside_the_provisioned_environments_spills_over(
    harness: Harness, run: Run
) -> None:
    harness.write(HANDLER)

    async def main() -> None:
        function = harness.function(provisioned=1, concurrency=2)
        async with harness.running(function) as pools:
            await asyncio.gather(*(harness.value(pools, event="sleep") for _ in range(2)))
            seen = pools.statistics()["f"]
            assert (seen.provisioned_invocations, seen.spillovers) == (1, 1)
            assert (seen.provisioned, seen.provisioned_concurrency, seen.idle) == (1, 1, 2)

    run(main())
