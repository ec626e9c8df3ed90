"""Functions that are exchanged while they run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bellwire.errors import NotFoundError


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
