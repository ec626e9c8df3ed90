"""Workers die and freeze under load, and so does their parent: each invocation has one outcome."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import re
import signal
import time
import uuid
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from bellwire.functions.pool import Functions, Result
    from tests.functions.conftest import Harness, Run

SECONDS = 2.5
TIMEOUT_S = 1.0
CALLERS = 4
"""For each function, with as many environments."""
ANSWERED_S = 12.0
"""Longest an invocation may take while all around it dies: a wait, a start, a time-out."""

PYTHON = """
import time

def f(event, context):
    time.sleep(event % 7 / 1000)
    return event

g = h = f
"""
NODE = """
exports.handler = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, event % 7));
  return event;
};
"""
FAILURES = {
    "Runtime.ExitError": "Runtime exited with error: signal: killed",
    # The longer one where an environment was stopped while it started.
    "Sandbox.Timedout": rf"Task timed out after ({TIMEOUT_S:.2f}|10\.00) seconds",
}


class Load:
    """Calls functions without a pause, and looks at each outcome."""

    def __init__(self, pools: Functions, keys: tuple[str, ...]) -> None:
        self._pools = pools
        self._keys = keys
        self.outcomes: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        """Outcomes by request id."""

    async def run(self, seconds: float) -> None:
        """Call for some seconds, then wait for what is on its way."""
        until = time.monotonic() + seconds
        await asyncio.gather(
            *(self._call(key, until, first) for key in self._keys for first in range(CALLERS))
        )

    async def _call(self, key: str, until: float, number: int) -> None:
        while time.monotonic() < until:
            request_id = str(uuid.uuid4())
            future = self._pools.invoke(key, b"%d" % number, request_id=request_id)
            future.add_done_callback(partial(self._count, request_id))
            result = await asyncio.wait_for(future, ANSWERED_S)
            self.outcomes[self._judge(result, request_id, number)] += 1
            number += CALLERS

    def _count(self, request_id: str, _: asyncio.Future[Result]) -> None:
        self.answers[request_id] += 1

    def _judge(self, result: Result, request_id: str, number: int) -> str:
        found = json.loads(result.payload)
        if result.error is None:
            assert found == number, "the answer to another"
            return "well"
        head, reason = f"RequestId: {request_id} Error: ", FAILURES[found["errorType"]]
        assert re.fullmatch(re.escape(head) + reason, found["errorMessage"])
        return str(found["errorType"])


async def torment(harness: Harness, chance: random.Random, seconds: float) -> Counter[str]:
    """Kill or stop random workers, twice what they are forked from; return how often."""
    done: Counter[str] = Counter()
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        await asyncio.sleep(0.04)
        if now > (done["fork server"] + 1) * seconds / 3:
            victims, name, number = harness.fork_servers(), "fork server", signal.SIGKILL
        else:
            name = chance.choice(("kill", "kill", "kill", "stop"))
            victims, number = (
                harness.workers(),
                signal.SIGSTOP if name == "stop" else signal.SIGKILL,
            )
        if victims:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(victims), number)
                done[name] += 1
    return done


def descriptors() -> int:
    """How many this process has open."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def test_each_invocation_has_one_outcome_whatever_dies(
    harness: Harness, run: Run, node: str
) -> None:
    harness.write(PYTHON)
    harness.write(NODE, "n.js")
    keys = ("f", "g", "node")

    async def main() -> None:
        options: dict[str, Any] = {"timeout_s": TIMEOUT_S, "concurrency": CALLERS}
        functions = [harness.function(key, **options) for key in keys[:2]]
        functions.append(
            harness.function("node", handler="n.handler", runtime="nodejs20.x", **options)
        )
        async with harness.running(*functions) as pools:
            load = Load(pools, keys)
            killed, _ = await asyncio.gather(
                torment(harness, random.Random(1), SECONDS), load.run(SECONDS)
            )
            assert min(killed[name] for name in ("kill", "stop", "fork server")) > 0
            assert set(load.answers.values()) == {1}
            assert len(load.answers) == load.outcomes.total()
            lost = load.outcomes.total() - load.outcomes["well"]
            most = killed.total() + killed["fork server"] * 3 * CALLERS
            assert 0 < lost <= most, "each death costs one invocation at most"
            await recover(harness, pools, keys)

    run(asyncio.sleep(0))  # the first loop of libuv opens what the process keeps
    before = descriptors()
    run(main())
    assert descriptors() <= before


async def recover(harness: Harness, pools: Functions, keys: tuple[str, ...]) -> None:
    """See that every function works again; what was stopped while it was idle is found late."""
    for pid in harness.workers():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    for key in keys:
        async with asyncio.timeout(ANSWERED_S):
            while (await harness.call(pools, key, 0)).error is not None:
                pass
        assert [await harness.value(pools, key, number) for number in range(20)] == [*range(20)]
        now = pools.statistics()[key]
        assert (now.busy, now.waiting) == (0, 0) or key == "node"  # that is free a moment later
        assert 0 < now.idle + now.busy <= CALLERS
