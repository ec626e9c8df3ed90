from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.lanes import Lanes


def test_one_job_of_a_key_at_a_time_and_many_keys_at_once() -> None:
    lanes: Lanes[str] = Lanes()
    assert lanes.enter("a", "a1") == "a1"
    assert lanes.enter("a", "a2") is None
    assert lanes.enter("b", "b1") == "b1"
    assert lanes.enter("a", "a3") is None
    assert len(lanes) == 2
    assert lanes.leave("a") == "a2"
    assert lanes.leave("b") is None
    assert lanes.leave("a") == "a3"
    assert lanes.leave("a") is None
    assert len(lanes) == 0
    assert lanes.enter("a", "a4") == "a4"


def test_drain_takes_out_what_waits_and_leaves_what_runs() -> None:
    lanes: Lanes[str] = Lanes()
    for job in ("a1", "a2", "a3"):
        lanes.enter("a", job)
    lanes.enter("b", "b1")
    lanes.enter("c", "c1")
    lanes.enter("c", "c2")
    assert lanes.drain() == ["a2", "a3", "c2"]
    assert len(lanes) == 0
    assert lanes.enter("a", "a4") is None  # a1 runs still
    assert lanes.leave("a") == "a4"
    assert lanes.leave("b") is None
    assert lanes.drain() == []


@given(
    script=st.lists(
        st.one_of(
            st.tuples(st.just("enter"), st.integers(0, 3)),
            st.tuples(st.just("leave"), st.integers(0, 99)),
        )
    )
)
def test_whatever_happens_jobs_of_a_key_run_in_order_and_none_is_lost(
    script: list[tuple[str, int]],
) -> None:
    lanes: Lanes[tuple[int, int]] = Lanes()
    entered: dict[int, int] = defaultdict(int)
    running: dict[int, tuple[int, int]] = {}
    ended: dict[int, list[int]] = defaultdict(list)

    def start(job: tuple[int, int] | None) -> None:
        if job is not None:
            assert job[0] not in running
            running[job[0]] = job

    def end(key: int) -> None:
        ended[key].append(running.pop(key)[1])
        start(lanes.leave(key))

    for action, number in script:
        if action == "enter":
            start(lanes.enter(number, (number, entered[number])))
            entered[number] += 1
        elif running:
            end(sorted(running)[number % len(running)])
        assert len(lanes) == sum(entered.values()) - len(running) - sum(map(len, ended.values()))
    while running:
        end(min(running))
    assert ended == {key: list(range(count)) for key, count in entered.items()}
    assert lanes.drain() == []
