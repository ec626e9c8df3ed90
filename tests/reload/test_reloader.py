from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import pytest

from bellwire.definition.changes import Changes
from bellwire.errors import BellwireError, BusError
from bellwire.loading import Loaded, load
from bellwire.reload.reloader import Reloader, Voice, first_scope
from bellwire.reload.watch import Watch
from bellwire.settings import Settings


SERVICE = """\
service: demo
provider: {name: aws, runtime: python3.11}
functions:
  hello: {handler: handler.hello}
  other: {handler: other.run}
"""


class Node:
    """Stands for a node: notes what it is told to go over to, and fails as it is told."""

    def __init__(self, loaded: Loaded) -> None:
        self.service = loaded.service
        self.swapped: list[set[str]] = []
        self.changes: list[Changes] = []
        self.failing: set[str] = set()
        self.errors: list[Exception] = []

    async def change(
        self, loaded: Loaded, changes: Changes, *, swap: Collection[str]
    ) -> frozenset[str]:
        await asyncio.sleep(0)
        self.swapped.append(set(swap))
        self.changes.append(changes)
        if self.errors:
            raise self.errors.pop(0)
        self.service = loaded.service
        return frozenset(self.failing & set(swap))


class Desk:
    """A folder with a service, a node, and what the reloader said."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.errors: list[BellwireError] = []
        self.save("serverless.yml", SERVICE)
        self.save("handler.py", "import shared\ndef hello(event, context): ...\n")
        self.save("other.py", "def run(event, context): ...\n")
        self.save("shared.py", "")
        given = Settings(folder, data_dir=folder / "data", **settings)  # type: ignore[arg-type]
        watch = Watch(first_scope(given))
        self.node = Node(load(given, {}))
        voice = Voice(self.said.append, self.errors.append)
        self._reloader = Reloader(self.node, watch, given, {}, voice)

    def save(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    async def saved(self, name: str, text: str, *, until: Callable[[], object]) -> None:
        """Save a file, and wait for what comes of it."""
        self.save(name, text)
        async with asyncio.timeout(10):
            while not until():  # noqa: ASYNC110  # what it waits for has no event of its own
                await asyncio.sleep(0.005)

    async def swapped(self, name: str, text: str) -> set[str]:
        """Save a file and return which functions are swapped for it."""
        before = len(self.node.swapped)
        await self.saved(name, text, until=lambda: len(self.node.swapped) > before)
        return self.node.swapped[-1]

    async def refused(self, name: str, text: str) -> str:
        """Save a file and return why nothing is reloaded."""
        before = self.said.count("not reloaded: what ran before keeps running")
        await self.saved(
            name,
            text,
            until=lambda: self.said.count("not reloaded: what ran before keeps running") > before,
        )
        return str(self.errors[-1])

    def run(self, main: Callable[[Desk], object]) -> None:
        """Run a test's coroutine while the reloader works."""

        async def both() -> None:
            working = asyncio.create_task(self._reloader.run())
            try:
                await asyncio.wait_for(main(self), 20)  # type: ignore[arg-type]
            finally:
                working.cancel()
                with suppress(asyncio.CancelledError):
                    await working

        asyncio.run(both())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_who_is_swapped_and_what_is_said(desk: Desk) -> None:
    async def main(desk: Desk) -> None:
        assert await desk.swapped("shared.py", "x = 1") == {"hello"}
        assert await desk.swapped("other.py", "def run(event, context): return 1") == {"other"}
        assert await desk.swapped("data.json", "{}") == {"hello", "other"}
        longer = SERVICE.replace("other.run}", "other.run, timeout: 9}")
        assert await desk.swapped("serverless.yml", longer) == {"other"}
        await asyncio.sleep(0.01)

    desk.run(main)
    assert [line.partition(" (0.")[0] for line in desk.said] == [
        "reloaded: hello",
        "reloaded: other",
        "reloaded: hello, other",
        "function other: timeout 6 → 9",
        "reloaded: other",
    ]
    assert desk.errors == []


def test_what_cannot_be_read_waits_until_it_can(desk: Desk) -> None:
    async def main(desk: Desk) -> None:
        assert f"{desk.folder}/shared.py:1:5: Python" in await desk.refused("shared.py", "x = (")
        assert "other.py:1:6: Python" in await desk.refused("other.py", "def r(")
        await desk.refused("shared.py", "x = 1")  # the other one is still broken
        assert desk.node.swapped == []
        assert await desk.swapped("other.py", "def run(e, c): ...") == {"hello", "other"}

    desk.run(main)


def test_a_broken_file_that_nobody_imports_is_nobodys_business(desk: Desk) -> None:
    async def main(desk: Desk) -> None:
        desk.save("scratch.py", "x = (")
        assert await desk.swapped("shared.py", "x = 1") == {"hello"}

    desk.run(main)
    assert desk.errors == []


def test_what_does_not_load_is_told_as_at_the_start(desk: Desk) -> None:
    async def main(desk: Desk) -> None:
        error = await desk.refused("serverless.yml", SERVICE.replace("handler.hello", "handler.x"))
        assert f"{desk.folder}/serverless.yml:4:20: " in error
        error = await desk.refused("serverless.yml", "")
        assert "the file is empty" in error
        assert desk.node.swapped == []

    desk.run(main)


def test_who_did_not_start_is_tried_again_with_the_next_change(desk: Desk) -> None:
    async def main(desk: Desk) -> None:
        desk.node.failing = {"hello"}
        assert await desk.swapped("handler.py", "def hello(event, context): 1 / 0") == {"hello"}
        desk.node.failing = set()
        assert await desk.swapped("other.py", "def run(e, c): ...") == {"hello", "other"}
        assert await desk.swapped("other.py", "def run(e, c): pass") == {"other"}

    desk.run(main)
    assert "not reloaded: hello: the start failed" in desk.said[0]
    assert desk.said[1].startswith("reloaded: hello, other (0.")


def test_a_bus_that_is_away_is_waited_for(desk: Desk) -> None:
    async def main(desk: Desk) -> None:
        desk.node.errors = [BusError("away", retryable=True) for _ in range(2)]
        await desk.saved("shared.py", "x = 1", until=lambda: len(desk.node.swapped) == 3)
        assert [error.message for error in desk.errors] == ["away"]
        desk.node.errors = [BusError("no MQTT", retryable=False)]
        assert await desk.refused("shared.py", "x = 2") == "no MQTT"
        assert await desk.swapped("other.py", "def run(e, c): ...") == {"hello", "other"}

    desk.run(main)


def test_a_bug_stops_neither_the_node_nor_the_next_reload(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(desk: Desk) -> None:
        desk.node.errors = [RuntimeError("a bug")]
        before = "not reloaded: what ran before keeps running"
        await desk.saved("shared.py", "x = 1", until=lambda: before in desk.said)
        assert await desk.swapped("other.py", "def run(e, c): ...") == {"hello", "other"}

    desk.run(main)
    assert "a reload ended in a bug of Bellwire's" in caplog.text


def test_what_needs_a_restart_is_said_once(desk: Desk) -> None:
    limits = "custom: {bellwire: {limits: {idleTimeoutS: 9}}}\n"

    async def main(desk: Desk) -> None:
        await desk.saved("serverless.yml", limits + SERVICE, until=lambda: desk.said)
        assert await desk.swapped("shared.py", "x = 1") == {"hello"}
        other = SERVICE.replace("demo", "shop")
        await desk.saved("serverless.yml", other, until=lambda: len(desk.said) == 3)
        await desk.saved("shared.py", "x = 2", until=lambda: len(desk.node.swapped) == 1)

    desk.run(main)
    assert desk.said[0] == "restart to apply: custom.bellwire.limits.idleTimeoutS 600 → 9"
    assert desk.said[2] == "restart to apply: service demo → shop"
    assert desk.node.service.limits.idle_timeout_s == 600


def test_a_file_elsewhere_that_the_service_includes(desk: Desk) -> None:
    async def main(desk: Desk) -> None:
        elsewhere = desk.folder.parent / "limits.yml"
        elsewhere.write_text("9")
        text = SERVICE.replace("other.run}", "other.run, timeout: '${file(../limits.yml)}'}")
        assert await desk.swapped("serverless.yml", text) == {"other"}
        await asyncio.sleep(0.2)
        assert await desk.swapped("../limits.yml", "12") == {"other"}
        assert desk.node.service.functions["other"].timeout_s == 12

    desk.run(main)


def test_new_findings_are_told(desk: Desk) -> None:
    async def main(desk: Desk) -> None:
        text = SERVICE + "package: {}\nplugin: x\n"
        await desk.saved("serverless.yml", text, until=lambda: desk.said)
        await desk.swapped("shared.py", "x = 1")

    desk.run(main)
    (note, *_) = desk.said
    assert note == (
        f"note: {desk.folder}/serverless.yml:7:1: unknown key `plugin`: ignored "
        "(did you mean `plugins`?)"
    )
    assert desk.said.count(note) == 1


def test_a_function_that_is_debugged_is_not_swapped(tmp_path: Path) -> None:
    desk = Desk(tmp_path, debug="hello")

    async def main(desk: Desk) -> None:
        assert await desk.swapped("data.json", "{}") == {"other"}
        held = "not reloaded: hello, which is debugged: restart to apply"
        await desk.saved("shared.py", "x = 1", until=lambda: desk.said.count(held) == 2)

    desk.run(main)


def test_what_a_program_writes_is_named_and_no_longer_looked_at(desk: Desk) -> None:
    async def main(desk: Desk) -> None:
        desk.save("state.json", "0")
        await desk.swapped("shared.py", "x = 1")
        for text in ("11", "222", "3333"):
            assert await desk.swapped("state.json", text) == {"hello", "other"}
        await desk.saved("state.json", "44444", until=lambda: "by itself" in desk.said[-1])
        desk.save("state.json", "555555")
        assert await desk.swapped("shared.py", "x = 2") == {"hello"}

    desk.run(main)
    assert (
        f"{desk.folder}/state.json changes by itself, time and again: it is not looked at any more"
        in desk.said
    )


def test_files_that_cannot_be_watched_any_more_are_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(desk: Desk) -> None:
        from bellwire.reload import folder

        monkeypatch.setattr(folder, "WATCHED_FILES", 2)
        await desk.saved("shared.py", "x = 1", until=lambda: desk.said)

    desk.run(main)
    assert "more than 2 files" in str(desk.errors[0])
    assert desk.said == ["changes of files are not looked at any more: restart to apply them"]
