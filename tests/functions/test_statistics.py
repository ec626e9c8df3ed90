from __future__ import annotations

import time

from bellwire.functions.statistics import (
    DURATION_BOUNDS_MS,
    FunctionStatistics,
    Loss,
    Recorder,
)
from bellwire.histogram import Histogram


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


def test_counting_costs_little() -> None:
    recorder = Recorder()
    started, completed = recorder.started, recorder.completed

    def measure() -> float:
        begin = time.perf_counter()
        for _ in range(20_000):
            started(3)
            completed(0.04, is_error=False)
        return (time.perf_counter() - begin) / 20_000

    assert min(measure() for _ in range(10)) < 5e-6  # 0.3 µs here; a tenfold loss fails


def test_bounds_rise() -> None:
    assert list(DURATION_BOUNDS_MS) == sorted(set(DURATION_BOUNDS_MS))
