"""How much memory an environment may use, and how many environments there are."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

import pytest

from bellwire.limits import Limits


if TYPE_CHECKING:
    from tests.functions.conftest import Harness, Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is watched in /proc")

ID = "6c14aac6-b810-49ce-9c6c-50104412d524"

HUNGRY = """
import time
kept = []

def f(event, context):
    if event == "quick":
        return len(b"x" * 200_000_000)
    if event == "slow":
        while True:
            kept.append(b"x" * 10_000_000)
            time.sleep(0.01)
    return "fine"
"""


@pytest.mark.parametrize("event", ["quick", "slow"])
def test_who_uses_too_much_is_killed_as_on_lambda(harness: Harness, run: Run, event: str) -> None:
    harness.write(HUNGRY)

    async def main() -> None:
        async with harness.running(harness.function(memory_mb=128)) as pools:
            result = await harness.call(pools, event=event, request_id=ID)
            assert (json.loads(result.payload), result.error) == (
                {
                    "errorType": "Runtime.ExitError",
                    "errorMessage": f"RequestId: {ID} Error: Runtime exited with error: "
                    "signal: killed",
                },
                "Unhandled",
            )
            report = harness.platform(ID)[-1]
            assert report.endswith("Status: error\tError Type: Runtime.OutOfMemory")
            assert "Memory Size: 128 MB" in report
            assert any("more than the 128 MB of memorySize" in text for text in harness.texts(ID))
            assert await harness.value(pools, event="") == "fine"
            seen = pools.statistics()["f"]
            assert (seen.errors, seen.out_of_memory, seen.crashes) == (1, 1, 0)

    run(main())


def test_one_of_node_is_killed_too(harness: Harness, node: str) -> None:
    harness.write(
        """
        exports.f = async (event) => {
          const kept = [];
          while (event) { kept.push(Buffer.alloc(10_000_000, 1)); await new Promise(setImmediate); }
          return "fine";
        };
        """,
        "h.js",
    )

    async def main() -> None:
        function = harness.function(runtime="nodejs20.x", memory_mb=200)
        async with harness.running(function) as pools:
            result = await harness.call(pools, event=1)
            assert json.loads(result.payload)["errorType"] == "Runtime.ExitError"
            assert pools.statistics()["f"].out_of_memory == 1
            assert await harness.value(pools, event=0) == "fine"

    asyncio.run(main())


def test_an_init_that_uses_too_much_is_killed(harness: Harness) -> None:
    harness.write("import time\nkept = b'x' * 200_000_000\ntime.sleep(5)\n")

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            assert pools.statistics()["f"].init_failures == 1
            assert any("more than the 128 MB" in text for text in harness.texts(None))

    asyncio.run(main())


def test_as_many_as_are_provisioned_are_ready_and_stay(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import os, time
        def f(event, context):
            time.sleep(0.05)
            return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
        """
    )

    async def main() -> None:
        limits = Limits(environment_idle_s=0.2)
        async with harness.running(harness.function(provisioned=2), limits=limits) as pools:
            async with asyncio.timeout(5):
                while pools.statistics()["f"].idle < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await asyncio.gather(*(harness.value(pools) for _ in range(6)))
            assert pools.statistics()["f"].idle > 2
            async with asyncio.timeout(5):
                while len(harness.workers()) > 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)
            seen = pools.statistics()["f"]
            assert (seen.idle, seen.provisioned, seen.crashes) == (2, 2, 0)

    run(main())


def test_many_start_soon_and_share_their_memory(harness: Harness) -> None:
    harness.write("def f(event, context):\n    return event\n")

    async def main() -> None:
        function = harness.function(provisioned=40, concurrency=40)
        async with harness.running(function) as pools:
            started = time.perf_counter()
            while pools.statistics()["f"].idle < 40:
                assert time.perf_counter() - started < 10
                await asyncio.sleep(0.01)
            (server,) = harness.fork_servers()
            assert len(harness.workers()) == 40
            own = [_private_bytes(pid) for pid in harness.workers()]
            assert max(own) < 6_000_000
            assert server not in harness.workers()

    asyncio.run(main())


def _private_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        sizes = [line.split() for line in file if line.startswith("Private_")]
    return sum(int(size[1]) * 1024 for size in sizes)


def test_a_file_that_is_mapped_is_no_memory_of_its_own(harness: Harness) -> None:
    harness.write(
        """
        import mmap, resource, time

        def f(event, context):
            with open("big", "rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                sum(mapped[at] for at in range(0, len(mapped), 4096))
                time.sleep(0.3)
            if event:
                kept = b"x" * 200_000_000
                time.sleep(0.3)
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 300_000
        """
    )
    with (harness.folder / "big").open("wb") as file:
        file.truncate(400_000_000)

    async def main() -> None:
        async with harness.running(harness.function(memory_mb=128)) as pools:
            for _ in range(3):
                assert await harness.value(pools) is True
            assert (await harness.call(pools, event=1)).error == "Unhandled"
            assert pools.statistics()["f"].out_of_memory == 1

    asyncio.run(main())
