"""The programs that run functions which are not Python, found before the first start."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from bellwire.errors import StartError


if TYPE_CHECKING:
    from bellwire.definition.model import Function
    from tests.functions.conftest import Harness


def test_a_missing_program_is_told_before_the_start(harness: Harness) -> None:
    async def start(function: Function) -> None:
        async with harness.running(function, environment={"PATH": str(harness.folder)}):
            raise AssertionError

    with pytest.raises(StartError) as no_node:
        asyncio.run(start(harness.function(runtime="nodejs20.x")))
    assert (str(no_node.value), no_node.value.hint) == (
        "function f has the runtime nodejs20.x, and there is no `node` on the PATH",
        "install Node.js 20 or newer",
    )
    with pytest.raises(StartError) as no_bootstrap:
        asyncio.run(start(harness.function(runtime="provided.al2", handler="main")))
    assert (str(no_bootstrap.value), no_bootstrap.value.hint) == (
        f"function f: there is no file `bootstrap` in {harness.folder}",
        "build the function there, or name its executable file as `handler:`",
    )
    harness.write("#!/bin/sh\nexit 1\n", "node")
    (harness.folder / "node").chmod(0o755)
    with pytest.raises(StartError, match="does not say which version of Node"):
        asyncio.run(start(harness.function(runtime="nodejs20.x")))


def test_another_version_of_node_is_told_once(harness: Harness, node: str) -> None:
    harness.write("exports.f = async () => 1", "h.js")

    async def main() -> None:
        functions = [
            harness.function(key, runtime="nodejs4.x", handler="h.f") for key in ("f", "g")
        ]
        async with harness.running(*functions):
            pass
        (line,) = harness.lines
        assert (line.function, line.request_id, line.stream) == ("f", None, "stderr")
        assert re.fullmatch(
            rf"\[bellwire\] nodejs4.x runs on Node.js v\d+\.\d+\.\d+, of {node}", line.text
        )

    asyncio.run(main())
