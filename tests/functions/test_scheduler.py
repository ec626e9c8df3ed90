from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bellwire.functions.scheduler import (
    BACKOFF_S,
    FREE_FAILURES,
    GROWTH_DELAY_S,
    LONGEST_BACKOFF_S,
    Scheduler,
)


def make(*, limit: int = 4, queue_limit: int = 10, ready: str = "") -> Scheduler[str, int]:
    """A scheduler with the environments named by `ready` idle, the last one freshest."""
    scheduler: Scheduler[str, int] = Scheduler(limit=limit, queue_limit=queue_limit)
    for name in ready:
        scheduler.starting += 1
        scheduler.ready(name)
    return scheduler


def figures(scheduler: Scheduler[str, int] | Scheduler[int, int]) -> tuple[int, int, int, int]:
    return (
        scheduler.starting,
        len(scheduler.idle),
        scheduler.busy,
        len(scheduler.waiting),
    )


def test_the_first_environment_starts_at_once() -> None:
    scheduler = make()
    assert scheduler.next_start_at == float("-inf")
    assert scheduler.starts(0.0) == 1
    assert scheduler.starts(0.0) == 0
    assert scheduler.next_start_at is None


def test_the_environment_used_last_runs_first() -> None:
    scheduler = make(ready="ab")
    assert scheduler.submit(1, 0.0) == "b"
    assert scheduler.submit(2, 0.0) == "a"
    assert scheduler.submit(3, 0.0) is None
    assert figures(scheduler) == (0, 0, 2, 1)


def test_what_waited_longest_runs_next() -> None:
    scheduler = make(ready="a")
    for invocation in (1, 2, 3):
        scheduler.submit(invocation, 0.0)
    assert scheduler.release("a") == 2
    assert scheduler.release("a") == 3
    assert scheduler.release("a") is None
    assert scheduler.idle == ["a"]
    assert figures(scheduler) == (0, 1, 0, 0)


def test_the_queue_is_bounded() -> None:
    scheduler = make(ready="a", queue_limit=1)
    assert not scheduler.is_full
    scheduler.submit(1, 0.0)
    assert not scheduler.is_full
    scheduler.submit(2, 0.0)
    assert scheduler.is_full


def test_a_limit_of_zero_takes_nothing() -> None:
    scheduler = make(limit=0)
    assert scheduler.is_full
    assert scheduler.starts(0.0) == 0
    assert scheduler.next_start_at is None


def test_a_short_wait_starts_nothing() -> None:
    scheduler = make(ready="a")
    scheduler.submit(1, 5.0)
    scheduler.submit(2, 5.0)
    assert scheduler.starts(5.0) == 0
    assert scheduler.next_start_at == 5.0 + GROWTH_DELAY_S
    scheduler.release("a")
    assert scheduler.next_start_at is None


def test_a_longer_wait_doubles_the_environments_up_to_the_limit() -> None:
    scheduler = make(limit=7, ready="a")
    for invocation in range(10):
        scheduler.submit(invocation, 0.0)
    moments = [n * 1.001 * GROWTH_DELAY_S for n in range(1, 5)]
    assert [scheduler.starts(moment) for moment in moments] == [1, 2, 3, 0]
    assert scheduler.total == 7
    assert scheduler.next_start_at is None


def test_no_more_are_started_than_wait() -> None:
    scheduler = make(ready="ab")
    for invocation in range(3):
        scheduler.submit(invocation, 0.0)
    assert scheduler.starts(1.0) == 1
    assert scheduler.starts(2.0) == 0
    assert scheduler.next_start_at is None


def test_one_that_is_ready_takes_what_waits() -> None:
    scheduler = make()
    scheduler.starts(0.0)
    scheduler.submit(1, 0.0)
    assert scheduler.ready("a") == 1
    assert figures(scheduler) == (0, 0, 1, 0)


def test_a_lost_environment_is_replaced_at_once() -> None:
    scheduler = make(ready="a")
    scheduler.submit(1, 0.0)
    scheduler.lost_busy()
    assert scheduler.starts(0.0) == 1
    scheduler.ready("b")
    scheduler.lost_idle("b", 0.0, was_used=True)
    assert scheduler.starts(0.0) == 1


def test_one_that_dies_unused_is_replaced_when_needed() -> None:
    scheduler = make(ready="a")
    scheduler.lost_idle("a", 0.0, was_used=False)
    assert scheduler.starts(0.0) == 0
    scheduler.submit(1, 0.0)
    assert scheduler.starts(0.0) == 1


def test_a_failed_start_answers_the_one_who_waited_longest() -> None:
    scheduler = make()
    scheduler.starts(0.0)
    scheduler.submit(1, 0.0)
    scheduler.submit(2, 0.0)
    assert scheduler.init_failed(0.0) == [1]
    assert scheduler.starts(0.0) == 1
    assert scheduler.init_failed(0.0) == [2]
    assert scheduler.starts(0.0) == 0, "nobody waits: the next invocation tries again"


def test_a_failed_start_answers_nobody_while_others_run() -> None:
    scheduler = make(ready="a")
    scheduler.submit(1, 0.0)
    scheduler.submit(2, 0.0)
    scheduler.starts(1.0)
    assert scheduler.init_failed(1.0) == []
    assert figures(scheduler) == (0, 0, 1, 1)


def failing(times: int, now: float = 0.0) -> Scheduler[str, int]:
    scheduler = make()
    for _ in range(times):
        scheduler.starting += 1
        scheduler.init_failed(now)
    return scheduler


@pytest.mark.parametrize(
    ("failures", "delay_s"),
    [
        (FREE_FAILURES + 1, BACKOFF_S),
        (FREE_FAILURES + 2, 2 * BACKOFF_S),
        (FREE_FAILURES + 3, 4 * BACKOFF_S),
        (FREE_FAILURES + 9, LONGEST_BACKOFF_S),
        (FREE_FAILURES + 5000, LONGEST_BACKOFF_S),
    ],
)
def test_starts_that_keep_failing_are_delayed(failures: int, delay_s: float) -> None:
    scheduler = failing(failures, now=50.0)
    scheduler.submit(1, 50.0)
    assert scheduler.next_start_at == pytest.approx(50.0 + delay_s)
    assert scheduler.starts(50.0 + 0.9 * delay_s) == 0
    assert scheduler.starts(50.0 + 1.1 * delay_s) == 1


def test_a_start_that_keeps_failing_answers_all_who_wait() -> None:
    scheduler = failing(FREE_FAILURES)
    for invocation in range(5):
        scheduler.submit(invocation, 0.0)
    assert scheduler.starts(0.0) == 1
    assert scheduler.init_failed(0.0) == [0, 1, 2, 3, 4]


def test_while_starts_fail_there_is_one_at_a_time() -> None:
    scheduler = failing(FREE_FAILURES + 1)
    for invocation in range(5):
        scheduler.submit(invocation, 0.0)
    assert scheduler.starts(10.0) == 1
    assert scheduler.starts(20.0) == 0
    assert scheduler.next_start_at is None
    scheduler.ready("a")
    assert scheduler.starts(30.0) == 1


def test_a_completed_invocation_ends_the_delay() -> None:
    scheduler = failing(FREE_FAILURES + 1)
    scheduler.submit(1, 0.0)
    scheduler.starts(10.0)
    scheduler.ready("a")
    assert scheduler.release("a") is None
    scheduler.lost_idle("a", 11.0, was_used=True)
    assert scheduler.starts(11.0) == 1


def test_a_queue_can_be_emptied() -> None:
    scheduler = make(ready="a")
    for invocation in (1, 2, 3):
        scheduler.submit(invocation, 0.0)
    assert scheduler.drain() == [2, 3]
    assert figures(scheduler) == (0, 0, 1, 0)


def test_as_many_as_are_kept_start_before_anybody_asks() -> None:
    scheduler: Scheduler[str, int] = Scheduler(limit=4, queue_limit=10, kept=3)
    assert scheduler.starts(0.0) == 3
    for name in "abc":
        scheduler.ready(name)
    assert scheduler.next_start_at is None
    scheduler.submit(1, 0.0)
    scheduler.lost_busy()
    assert scheduler.starts(0.0) == 1


def test_no_more_are_kept_than_may_be() -> None:
    scheduler: Scheduler[str, int] = Scheduler(limit=2, queue_limit=10, kept=5)
    assert scheduler.starts(0.0) == 2


def test_after_a_failed_start_the_kept_ones_wait_for_an_invocation() -> None:
    scheduler: Scheduler[str, int] = Scheduler(limit=4, queue_limit=10, kept=2)
    assert scheduler.starts(0.0) == 2
    scheduler.init_failed(0.0)
    scheduler.init_failed(0.0)
    assert scheduler.next_start_at is None
    scheduler.submit(1, 1.0)
    assert scheduler.starts(1.0) == 2


def test_those_go_that_had_nothing_to_do() -> None:
    scheduler = make(ready="abcd")
    assert scheduler.surplus() == []  # they are new
    for _ in range(3):
        assert scheduler.submit(1, 0.0) == "d"
        scheduler.release("d")
    assert scheduler.surplus() == ["a", "b", "c"]
    assert scheduler.surplus() == []  # the last one is kept
    assert scheduler.idle == ["d"]


def test_those_that_ran_at_the_same_time_stay() -> None:
    scheduler = make(ready="abcd")
    scheduler.surplus()
    for number in range(3):
        scheduler.submit(number, 0.0)
    for name in "bcd":
        scheduler.release(name)
    assert scheduler.surplus() == ["a"]
    assert len(scheduler.surplus()) == 2
    assert len(scheduler.idle) == 1


def test_one_that_was_lost_is_not_surplus() -> None:
    scheduler = make(ready="abc")
    scheduler.surplus()
    scheduler.lost_idle("a", 0.0, was_used=True)
    assert scheduler.surplus() == ["b"]


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order, beside a model of plain lists."""

    @initialize(limit=st.integers(0, 6), kept=st.integers(1, 8), queue_limit=st.integers(0, 8))
    def begin(self, limit: int, kept: int, queue_limit: int) -> None:
        self.scheduler: Scheduler[int, int] = Scheduler(
            limit=limit, queue_limit=queue_limit, kept=kept
        )
        self.now = 0.0
        self.invocations = self.environments = self.starting = 0
        self.idle: list[int] = []
        self.busy: list[int] = []
        self.waiting: list[int] = []

    def grow(self) -> None:
        self.starting += self.scheduler.starts(self.now)

    def take(self, environment: int, invocation: int | None) -> None:
        if invocation is None:
            assert not self.waiting
            self.idle.append(environment)
        else:
            assert self.waiting.pop(0) == invocation
            self.busy.append(environment)

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.011, 0.2, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.grow()

    @precondition(lambda self: not self.scheduler.is_full)
    @rule()
    def submit(self) -> None:
        self.invocations += 1
        environment = self.scheduler.submit(self.invocations, self.now)
        if environment is None:
            assert not self.idle
            self.waiting.append(self.invocations)
        else:
            self.idle.remove(environment)
            self.busy.append(environment)
        self.grow()

    @precondition(lambda self: self.starting)
    @rule()
    def ready(self) -> None:
        self.starting -= 1
        self.environments += 1
        self.take(self.environments, self.scheduler.ready(self.environments))

    @precondition(lambda self: self.starting)
    @rule()
    def init_failed(self) -> None:
        self.starting -= 1
        for invocation in self.scheduler.init_failed(self.now):
            assert self.waiting.pop(0) == invocation
        self.grow()

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        environment = data.draw(st.sampled_from(self.busy))
        self.busy.remove(environment)
        self.take(environment, self.scheduler.release(environment))

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def lost_busy(self, data: st.DataObject) -> None:
        self.busy.remove(data.draw(st.sampled_from(self.busy)))
        self.scheduler.lost_busy()
        self.grow()

    @precondition(lambda self: self.idle)
    @rule(data=st.data(), was_used=st.booleans())
    def lost_idle(self, data: st.DataObject, was_used: bool) -> None:
        environment = data.draw(st.sampled_from(self.idle))
        self.idle.remove(environment)
        self.scheduler.lost_idle(environment, self.now, was_used=was_used)
        self.grow()

    @rule()
    def surplus(self) -> None:
        before = self.scheduler.total
        for environment in self.scheduler.surplus():
            self.idle.remove(environment)
        assert self.scheduler.total >= min(before, self.scheduler.kept)

    @invariant()
    def is_as_the_model(self) -> None:
        scheduler = self.scheduler
        assert figures(scheduler) == (
            self.starting,
            len(self.idle),
            len(self.busy),
            len(self.waiting),
        )
        assert sorted(scheduler.idle) == sorted(self.idle)
        assert [invocation for _, invocation in scheduler.waiting] == self.waiting

    @invariant()
    def keeps_the_rules(self) -> None:
        scheduler = self.scheduler
        assert scheduler.total <= scheduler.limit
        assert not (self.idle and self.waiting)
        # Nobody waits for something that will never happen.
        is_due = scheduler.next_start_at is not None
        assert not self.waiting or self.busy or self.starting or is_due


AnyOrder.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestAnyOrder = AnyOrder.TestCase
