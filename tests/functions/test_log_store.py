"""Lines are kept in batches; what cannot be kept is told, and stops nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest

from bellwire.functions.log_files import LogReader, Record, decode
from bellwire.functions.log_store import LogStore


TRACE = "1-62e900b2-710d76f009d6e7785905449a"
MEGABYTE = 1024 * 1024


def records(folder: Path) -> list[Record]:
    reader = LogReader(folder)
    try:
        return [record for line in reader.lines() for record in decode(line)]
    finally:
        reader.close()


async def wait_for(folder: Path, count: int) -> list[Record]:
    deadline = time.monotonic() + 5
    while len(found := records(folder)) < count:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)
    return found


def test_lines_are_on_disk_soon(tmp_path: Path) -> None:
    async def main() -> None:
        store = LogStore(tmp_path / "logs", MEGABYTE)
        store.open({"f": "demo-dev-f"})
        before_ms = time.time_ns() // 1_000_000
        store.add("f", "id", TRACE, "platform", "START")
        store.add("f", "id", "1-2-3", "stdout", "a\nb")
        store.add("f", None, None, "stderr", "é")
        assert records(tmp_path / "logs") == []
        first, second, third = await wait_for(tmp_path / "logs", 3)
        assert first[1:] == ("f", "id", TRACE, "platform", "START")
        assert second[1:] == ("f", "id", "1-2-3", "stdout", "a\nb")
        assert third[1:] == ("f", None, None, "stderr", "é")
        assert before_ms <= first.time_ms <= third.time_ms <= time.time_ns() // 1_000_000
        store.add("f", "id", None, "stdout", "at the end")
        await store.close()
        assert records(tmp_path / "logs")[-1].text == "at the end"

    asyncio.run(main())


def test_nothing_is_done_while_nothing_is_written(tmp_path: Path) -> None:
    async def main() -> None:
        store = LogStore(tmp_path / "logs", MEGABYTE)
        store.open({})
        await store.close()

    asyncio.run(main())
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["functions.json"]


def test_a_flood_is_dropped_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = LogStore(tmp_path / "logs", 4 * 10_000)
        store.open({})
        for number in range(500):
            store.add("f", None, None, "stdout", str(number))
        first = await wait_for(tmp_path / "logs", 2)
        store.add("f", None, None, "stdout", "later")
        await store.close()
        kept = len(first) - 1
        assert 50 < kept < 200
        assert [record.text for record in first[:-1]] == [str(number) for number in range(kept)]
        assert first[-1][1:] == (
            None,
            None,
            None,
            "platform",
            f"[bellwire] {500 - kept} lines of functions' logs were lost here",
        )
        assert records(tmp_path / "logs")[-1].text == "later"
        assert len(caplog.records) == 1
        assert f"{500 - kept} lines are not in" in caplog.text
        assert store.statistics() == (kept + 1, 500 - kept)

    asyncio.run(main())


def test_a_disk_that_takes_nothing_is_told_once_and_what_was_lost_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "logs"
    in_the_way.write_text("a file where the folder should be")

    async def main() -> None:
        store = LogStore(in_the_way, MEGABYTE)
        store.open({"f": "demo-dev-f"})
        deadline = time.monotonic() + 20
        for number in range(3):
            store.add("f", None, None, "stdout", "lost")
            while store.statistics().lost == number:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "are not kept" in caplog.text
        in_the_way.unlink()
        store.add("f", None, None, "stdout", "kept")
        found = await wait_for(in_the_way, 2)
        assert [record.text for record in found] == [
            "kept",
            "[bellwire] 3 lines of functions' logs were lost here",
        ]
        assert store.statistics() == (1, 3)
        in_the_way.rename(tmp_path / "away")
        await store.close()

    asyncio.run(main())
    assert len(caplog.records) == 1


def test_many_lines_keep_their_order_and_cost_little(tmp_path: Path) -> None:
    async def main() -> None:
        store = LogStore(tmp_path / "logs", 64 * MEGABYTE)
        store.open({})
        for number in range(40_000):
            store.add("f", "id", TRACE, "stdout", str(number))
            if number % 1000 == 0:
                await asyncio.sleep(0)
        await store.close()
        texts = [record.text for record in records(tmp_path / "logs")]
        assert texts == [str(number) for number in range(40_000)]

    asyncio.run(main())
