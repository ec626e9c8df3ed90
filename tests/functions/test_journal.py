"""Each line goes to the tail, the store and the node's log, or to some of them."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bellwire.definition.model import Logging
from bellwire.functions.journal import Journal
from bellwire.functions.log_files import LogReader, decode
from bellwire.functions.log_line import LogEntry, LogLine
from bellwire.functions.log_store import LogStore
from bellwire.functions.reports import Report, report_lines
from bellwire.functions.tail import Tails


if TYPE_CHECKING:
    from tests.functions.conftest import Harness

ID = "6f747c00-191b-4aae-a82a-d4b28f3d1a1b"


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def kept(folder: Path) -> list[tuple[str | None, str]]:
    reader = LogReader(folder)
    try:
        return [
            (record.function, record.text) for line in reader.lines() for record in decode(line)
        ]
    finally:
        reader.close()


def test_lambdas_lines_are_kept_and_shown_where_they_are_news(
    harness: Harness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = Report("f", ID, 1_000, 0.00123, None, None, 128, "success", None, False)
    entries: dict[LogEntry, bool] = {
        LogLine("f", ID, "platform", "START RequestId: id Version: $LATEST"): False,
        report: False,
        report._replace(init_s=0.08): True,
        report._replace(status="timeout", says_start=True): True,
        LogLine("f", ID, "platform", "Task timed out after 3.00 seconds"): True,
    }
    texts = {entry: _texts(entry) for entry in entries}

    async def main() -> None:
        tails = Tails(4096)
        journal = Journal(tails=tails, store=LogStore(tmp_path / "logs", 1_000_000))
        journal.open({"f": harness.function()})
        with tails.follow(ID) as tail:
            for entry in entries:
                journal.take(entry)
            journal.take(LogLine("f", None, "stdout", "at init"))
        told = b64decode(tail.encoded()).decode().splitlines()
        assert told == [text for each in texts.values() for text in each]
        await journal.close()

    asyncio.run(main())
    all_texts = [text for each in texts.values() for text in each]
    assert kept(tmp_path / "logs") == [("f", text) for text in [*all_texts, "at init"]]
    shown = [texts[entry][-1] for entry, is_news in entries.items() if is_news]
    assert caplog.messages == [*shown, "at init"]
    assert {vars(record)["request_id"] for record in caplog.records} == {ID, None}


def _texts(entry: LogEntry) -> tuple[str, ...]:
    return report_lines(entry) if isinstance(entry, Report) else (entry.text,)


def test_what_is_below_the_application_level_is_nowhere(
    harness: Harness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    quiet = replace(harness.function("quiet"), logging=Logging("JSON", "WARN", "INFO"))

    async def main() -> None:
        journal = Journal(tails=Tails(4096), store=LogStore(tmp_path / "logs", 1_000_000))
        journal.open({"quiet": quiet, "f": harness.function()})
        for function in ("quiet", "f", "unknown"):
            journal.take(LogLine(function, ID, "stdout", "printed"))
        journal.take(LogLine("quiet", ID, "stderr", '{"level": "ERROR"}'))
        journal.take(LogLine("quiet", ID, "platform", "Task timed out"))
        journal.open({"quiet": harness.function("quiet")})
        journal.take(LogLine("quiet", ID, "stdout", "in Text"))
        await journal.close()

    asyncio.run(main())
    expected = [
        ("f", "printed"),
        ("unknown", "printed"),
        ("quiet", '{"level": "ERROR"}'),
        ("quiet", "Task timed out"),
        ("quiet", "in Text"),
    ]
    assert kept(tmp_path / "logs") == expected
    assert caplog.messages == [text for _, text in expected]


def test_without_a_store_the_rest_goes_on(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        journal = Journal(tails=Tails(4096), store=None)
        journal.open({"f": harness.function()})
        journal.take(LogLine("f", ID, "stdout", "printed"))
        await journal.close()

    asyncio.run(main())
    assert caplog.messages == ["printed"]
