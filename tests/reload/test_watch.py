from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from bellwire.reload.folder import Scope
from bellwire.reload.watch import Saved, Watch


async def names(changes: AsyncGenerator[Saved, None]) -> set[str]:
    async with asyncio.timeout(10):
        return {path.name for path in (await anext(changes)).changed}


async def until(changes: AsyncGenerator[Saved, None], *wanted: str) -> None:
    """Wait until all of these have been named, in one burst or in several."""
    left = set(wanted)
    while left:
        left -= await names(changes)


def test_what_is_saved_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "a.py").write_text("1")
        watch = Watch(Scope((tmp_path,)))
        (tmp_path / "a.py").write_text("22")  # before the watching has begun
        async with aclosing(watch.changes()) as changes:
            assert await names(changes) == {"a.py"}
            (tmp_path / "b.py").write_text("1")
            (tmp_path / "a.py").unlink()
            await until(changes, "a.py", "b.py")

    asyncio.run(main())


def test_new_folders_are_watched_and_old_ones_may_go(tmp_path: Path) -> None:
    async def main() -> None:
        async with aclosing(Watch(Scope((tmp_path,))).changes()) as changes:
            inner = tmp_path / "x" / "y"
            inner.mkdir(parents=True)
            (inner / "a.py").write_text("1")
            await until(changes, "a.py")
            (inner / "b.py").write_text("1")
            await until(changes, "b.py")
            shutil.rmtree(tmp_path / "x")
            await until(changes, "a.py", "b.py")
            (tmp_path / "c.py").write_text("1")
            await until(changes, "c.py")

    asyncio.run(main())


def test_a_folder_that_is_replaced_at_once_is_watched_on(tmp_path: Path) -> None:
    async def main() -> None:
        inner = tmp_path / "x"
        inner.mkdir()
        (inner / "a.py").write_text("1")
        async with aclosing(Watch(Scope((tmp_path,))).changes()) as changes:
            (tmp_path / "b.py").write_text("1")
            await until(changes, "b.py")
            shutil.rmtree(inner)
            inner.mkdir()
            (inner / "a.py").write_text("22")
            await until(changes, "a.py")
            (inner / "a.py").write_text("333")
            await until(changes, "a.py")

    asyncio.run(main())


def test_a_service_that_is_moved_away_and_comes_back_is_watched_on(tmp_path: Path) -> None:
    async def main() -> None:
        service = tmp_path / "service"
        service.mkdir()
        (service / "a.py").write_text("1")
        async with aclosing(Watch(Scope((service,))).changes()) as changes:
            (service / "b.py").write_text("1")
            await until(changes, "b.py")
            service.rename(tmp_path / "elsewhere")
            await until(changes, "a.py", "b.py")
            back = asyncio.create_task(until(changes, "a.py", "b.py"))
            await asyncio.sleep(1.2)  # what is not there was looked at
            (tmp_path / "elsewhere").rename(service)
            await back
            (service / "a.py").write_text("22")
            await until(changes, "a.py")

    asyncio.run(main())


def test_what_is_excluded_awakes_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        data = tmp_path / "data"
        data.mkdir()
        watch = Watch(Scope((tmp_path,), excluded=frozenset({data})))
        async with aclosing(watch.changes()) as changes:
            (data / "1.blk").write_text("1")
            (tmp_path / "a.py").write_text("1")
            assert await names(changes) == {"a.py"}

    asyncio.run(main())


def test_a_muted_file_awakes_nobody_alone(tmp_path: Path) -> None:
    async def main() -> None:
        watch = Watch(Scope((tmp_path,)))
        async with aclosing(watch.changes()) as changes:
            (tmp_path / "state.json").write_text("1")
            await until(changes, "state.json")
            watch.mute([tmp_path / "state.json"])
            following = asyncio.create_task(names(changes))
            (tmp_path / "state.json").write_text("22")
            await asyncio.sleep(0.6)
            assert not following.done()
            (tmp_path / "a.py").write_text("1")
            assert await following == {"state.json", "a.py"}

    asyncio.run(main())


def test_another_scope_holds_from_now_on_and_has_not_changed_itself(tmp_path: Path) -> None:
    async def main() -> None:
        inside, outside = tmp_path / "in", tmp_path / "out"
        for folder in (inside, outside):
            folder.mkdir()
            (folder / "a.yml").write_text("1")
        watch = Watch(Scope((inside,)))
        watch.look_at(Scope((inside,), files=(outside / "a.yml",)))
        async with aclosing(watch.changes()) as changes:
            (inside / "b.py").write_text("1")
            assert await names(changes) == {"b.py"}
            (outside / "a.yml").write_text("22")
            (outside / "b.yml").write_text("1")
            assert await names(changes) == {"a.yml"}

    asyncio.run(main())
