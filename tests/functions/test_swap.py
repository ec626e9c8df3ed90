"""Functions that are exchanged while they run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bellwire.errors import NotFoundError, TooManyRequestsError


if TYPE_CHECKING:
    from tests.functions.conftest import Harness, Run


def test_the_new_one_takes_over_and_the_old_one_finishes(harness: Harness, run: Run) -> None:
    slow = "import time\ndef f(event, context):\n    time.sleep(event or 0)\n    return {!r}\n"
    harness.write(slow.format("old"))

    async def main() -> None:
        function = harness.function(concurrency=1)
        async with harness.running(function) as pools:
            running = asyncio.ensure_future(harness.value(pools, event=0.3))
            waiting = asyncio.ensure_future(harness.value(pools))
            await asyncio.sleep(0.05)
            harness.write(slow.format("new"))
            assert await pools.swap(function)
            assert await harness.value(pools) == "new"
            assert await waiting == "new"
            assert await running == "old"
            while len(harness.workers()) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            seen = pools.statistics()["f"]
            assert (seen.invocations, seen.errors, seen.crashes) == (3, 0, 0)

    run(main())


def test_one_that_does_not_start_leaves_the_old_one(harness: Harness, run: Run) -> None:
    harness.write("def f(event, context):\n    return 'old'\n")

    async def main() -> None:
        function = harness.function()
        async with harness.running(function) as pools:
            harness.write("import no_such_library\n")
            assert not await pools.swap(replace(function, timeout_s=1))
            assert await harness.value(pools) == "old"
            assert "No module named 'no_such_library'" in "".join(harness.texts(None))

    run(main())


def test_settings_change_with_it(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import os
        def f(event, context):
            return [os.environ.get("MODE"), context.memory_limit_in_mb]
        """
    )

    async def main() -> None:
        function = harness.function()
        async with harness.running(function) as pools:
            assert await harness.value(pools) == [None, "128"]
            changed = replace(function, environment={"MODE": "fast"}, memory_mb=256)
            assert await pools.swap(changed)
            assert await harness.value(pools) == ["fast", "256"]

    run(main())


def test_what_runs_it_is_said_once(harness: Harness, run: Run) -> None:
    harness.write("def f(event, context):\n    return 1\n")

    async def main() -> None:
        function = harness.function(runtime="python3.10")  # which no node runs on
        async with harness.running(function) as pools:
            assert await pools.swap(function)
            assert await pools.swap(function)
        remarks = [line.text for line in harness.lines if "runs on Python" in line.text]
        assert len(remarks) == 1

    run(main())


def test_a_new_one_is_added_and_one_may_go(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import time
        def f(event, context):
            time.sleep(event or 0)
            return "f"
        def g(event, context):
            return "g"
        """
    )

    async def main() -> None:
        async with harness.running(harness.function("f")) as pools:
            assert await pools.swap(harness.function("g"))
            assert await harness.value(pools, "g") == "g"
            running = asyncio.ensure_future(harness.value(pools, "f", 0.2))
            await asyncio.sleep(0.05)
            pools.drop("f")
            pools.drop("nobody")
            with pytest.raises(NotFoundError):
                pools.invoke("f", b"1", request_id="x")
            assert await running == "f"

    run(main())


def test_a_new_one_that_does_not_start_is_tried_again(harness: Harness, run: Run) -> None:
    harness.write("def f(event, context):\n    return 1\n")

    async def main() -> None:
        async with harness.running(harness.function("f")) as pools:
            assert not await pools.swap(harness.function("g", handler="later.g"))
            harness.write("def g(event, context):\n    return 2\n", "later.py")
            assert await harness.value(pools, "g") == 2

    run(main())


def test_none_is_lost_while_it_changes_under_load(harness: Harness, run: Run) -> None:
    source = "import time\ndef f(event, context):\n    time.sleep(0.002)\n    return [event, {}]\n"
    harness.write(source.format(0))

    async def main() -> None:
        function = harness.function(concurrency=3)
        versions: set[int] = set()
        async with harness.running(function) as pools:

            async def ask(number: int) -> None:
                for turn in range(60):
                    event = number * 1000 + turn
                    echoed, version = await harness.value(pools, event=event)
                    assert echoed == event
                    versions.add(version)

            asking = [asyncio.ensure_future(ask(number)) for number in range(6)]
            for version in range(1, 8):
                harness.write(source.format(version))
                assert await pools.swap(function)
            await asyncio.gather(*asking)
            assert json.loads((await harness.call(pools)).payload) == [None, 7]
        assert len(versions) > 2

    run(main())


SLOW_START = "import time\ntime.sleep(0.3)\ndef f(event, context):\n    return {!r}\n"


def test_of_two_swaps_at_once_the_later_one_counts(harness: Harness, run: Run) -> None:
    harness.write(SLOW_START.format("any"))

    async def main() -> None:
        function = harness.function(provisioned=1)
        async with harness.running(function) as pools:
            swaps = (pools.swap(replace(function, provisioned_concurrency=n)) for n in (2, 3))
            assert await asyncio.gather(*swaps) == [False, True]
            assert pools.statistics()["f"].provisioned_concurrency == 3
            async with asyncio.timeout(10):
                while len(harness.workers()) != 3:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    run(main())


def test_one_that_is_dropped_while_it_changes_is_gone(harness: Harness, run: Run) -> None:
    harness.write(SLOW_START.format("any"))

    async def main() -> None:
        async with harness.running(harness.function(), harness.function("g")) as pools:
            swap = asyncio.ensure_future(pools.swap(harness.function()))
            await asyncio.sleep(0.1)
            pools.drop("f")
            assert not await swap
            assert list(pools.statistics()) == ["g"]
            with pytest.raises(NotFoundError):
                await harness.call(pools)

    run(main())


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_nothing_is_left_of_a_change_that_the_end_overtakes(
    harness: Harness, run: Run, node: str, is_cancelled: bool
) -> None:
    harness.write("exports.f = async () => 'old';\n", "h.js")

    async def main() -> None:
        function = harness.function(runtime="nodejs20.x")
        async with harness.running(function) as pools:
            harness.write("for (const end = Date.now() + 3000; Date.now() < end; );\n", "h.js")
            swap = asyncio.ensure_future(pools.swap(function))
            await asyncio.sleep(0.5)
            if is_cancelled:
                swap.cancel()
                await asyncio.wait([swap])
            await pools.stop(grace_s=0.0)
            assert harness.processes() == []
            assert is_cancelled or not await swap

    run(main())


def test_what_waits_is_run_by_the_old_one_where_the_new_one_is_off(
    harness: Harness, run: Run
) -> None:
    harness.write("import time\ndef f(event, context):\n    time.sleep(0.2)\n    return 'old'\n")

    async def main() -> None:
        function = harness.function(concurrency=1)
        async with harness.running(function) as pools:
            calls = [asyncio.ensure_future(harness.value(pools)) for _ in range(3)]
            await asyncio.sleep(0.05)
            assert await pools.swap(replace(function, reserved_concurrency=0))
            with pytest.raises(TooManyRequestsError):
                await harness.call(pools)
            async with asyncio.timeout(5):
                assert await asyncio.gather(*calls) == ["old"] * 3

    run(main())


def test_what_runs_ends_though_nobody_waits_for_it(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import time
        def f(event, context):
            time.sleep(2.5)  # longer than a process that is told to exit may take
            print("done")
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            call = pools.invoke("f", b"{}", request_id="id")
            await asyncio.sleep(0.1)
            call.cancel()
            await pools.swap(harness.function())
            async with asyncio.timeout(5):
                while harness.texts("id") != ["done"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    run(main())


def test_the_figures_of_one_that_does_not_start_are_not_told(harness: Harness) -> None:
    harness.write("def f(event, context):\n    return 'old'\n")

    async def main() -> None:
        function = harness.function(provisioned=2)
        async with harness.running(function) as pools:
            harness.write("import no_such_library\n")
            assert not await pools.swap(replace(function, provisioned_concurrency=1))
            assert pools.statistics()["f"].provisioned_concurrency == 2

    asyncio.run(main())
