"""Segments of records: written, torn, rotated, removed, and read meanwhile."""

from __future__ import annotations

import resource
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bellwire.functions.log_files import (
    SEGMENTS,
    LogReader,
    LogWriter,
    Record,
    decode,
    encode,
    encode_report,
    segment,
    segments,
)
from bellwire.functions.reports import Report, report_lines


SIZE = 4000
ID = "6f747c00-191b-4aae-a82a-d4b28f3d1a1b"


def line(number: int, text: str = "x" * 100) -> bytes:
    return encode(number, "f", None, None, "stdout", text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "logs"


@pytest.fixture
def writer(folder: Path) -> Iterator[LogWriter]:
    writer = LogWriter(folder, SIZE)
    yield writer
    writer.close()


@pytest.fixture
def reader(folder: Path) -> Iterator[LogReader]:
    reader = LogReader(folder)
    yield reader
    reader.close()


def numbers(reader: LogReader) -> list[int]:
    """The numbers of the records that are new."""
    return [record.time_ms for each in reader.lines() for record in decode(each)]


def test_a_record_is_read_as_it_was_written() -> None:
    record = Record(1_700_000_000_123, "notify", "id", "1-2-3", "platform", 'é\n"\t\0')
    assert decode(encode(*record)) == [record]
    outside = Record(1, None, None, None, "platform", "")
    assert decode(encode(*outside)) == [outside]


def test_a_report_is_read_as_the_lines_that_it_stands_for() -> None:
    report = Report("notify", ID, 1_000_000, 0.002, None, None, 128, "success", None, True)
    line = encode_report(1_000_002, report)
    assert len(line) < 120
    start, end, took = report_lines(report)
    trace = report.trace_id
    assert decode(line) == [
        Record(1_000_000, "notify", ID, trace, "platform", start),
        Record(1_000_002, "notify", ID, trace, "platform", end),
        Record(1_000_002, "notify", ID, trace, "platform", took),
    ]
    assert len(decode(encode_report(1, report._replace(says_start=False)))) == 2


@pytest.mark.parametrize("cut", [b"", b"{", b"[]", b"[1, 2]", b'{"time":1}', b"null", b"\xff"])
def test_what_is_no_record_is_none(cut: bytes) -> None:
    assert decode(cut) == []


def test_only_the_owner_may_read(folder: Path, writer: LogWriter) -> None:
    writer.name_functions({"f": "demo-dev-f"})
    writer.write(line(1))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("00000001.jsonl", "functions.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_a_second_run_goes_on_where_the_first_ended(
    folder: Path, writer: LogWriter, reader: LogReader
) -> None:
    writer.write(line(1))
    second = LogWriter(folder, SIZE)
    second.write(line(2) + line(3))
    second.close()
    assert numbers(reader) == [1, 2, 3]
    assert segments(folder) == [1]


def test_the_oldest_go_when_the_space_is_used(
    folder: Path, writer: LogWriter, reader: LogReader
) -> None:
    for number in range(200):
        writer.write(line(number))
    found = segments(folder)
    assert len(found) == SEGMENTS
    assert found[-1] > SEGMENTS
    assert sum(segment(folder, each).stat().st_size for each in found) <= SIZE
    kept = numbers(reader)
    assert kept == list(range(kept[0], 200))
    assert kept[0] > 150


def test_a_full_file_is_left_by_a_new_run_too(folder: Path, writer: LogWriter) -> None:
    writer.write(line(1) * 5)
    second = LogWriter(folder, SIZE)
    second.write(line(2) * 5)
    second.close()
    assert segments(folder) == [1, 2]


def test_a_reader_follows_the_writer(writer: LogWriter, reader: LogReader) -> None:
    assert numbers(reader) == []
    seen = []
    for number in range(100):
        writer.write(line(number))
        if number % 7 == 0:
            seen += numbers(reader)
    seen += numbers(reader)
    assert seen == list(range(100))


def test_a_reader_left_behind_goes_on_with_what_there_is(
    writer: LogWriter, reader: LogReader
) -> None:
    writer.write(line(0))
    assert numbers(reader) == [0]
    for number in range(1, 200):
        writer.write(line(number))
    rest = numbers(reader)
    assert rest[-1] == 199
    assert numbers(reader) == []


def test_a_reader_goes_on_in_a_folder_that_was_made_anew(
    folder: Path, writer: LogWriter, reader: LogReader
) -> None:
    for number in range(40):
        writer.write(line(number))
    assert numbers(reader)
    shutil.rmtree(folder)
    assert numbers(reader) == []
    writer.write(line(77))
    assert segments(folder) == [1]
    assert numbers(reader) == [77]
    writer.write(line(78))
    assert numbers(reader) == [78]


@pytest.mark.parametrize("name", ["00000001.jsonl", ".functions.json"])
def test_a_link_is_not_written_through(folder: Path, writer: LogWriter, name: str) -> None:
    folder.mkdir(parents=True)
    target = folder.parent / "precious"
    target.write_text("mine")
    (folder / name).symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        writer.write(line(1)) if name.endswith("l") else writer.name_functions({"a": "b"})
    assert target.read_text() == "mine"


def test_half_a_line_is_read_when_it_is_whole(folder: Path, reader: LogReader) -> None:
    folder.mkdir(parents=True)
    with segment(folder, 1).open("wb", buffering=0) as file:
        file.write(line(1) + line(2)[:20])
        assert numbers(reader) == [1]
        file.write(line(2)[20:])
        assert numbers(reader) == [2]


def test_a_line_that_a_crash_cut_spoils_no_other(
    folder: Path, writer: LogWriter, reader: LogReader
) -> None:
    folder.mkdir(parents=True)
    segment(folder, 1).write_bytes(line(1) + line(2)[:20])
    writer.write(line(3))
    assert numbers(reader) == [1, 3]


def test_a_full_disk_spoils_no_later_line(
    folder: Path, writer: LogWriter, reader: LogReader
) -> None:
    writer.write(line(1))
    size = segment(folder, 1).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))  # a disk with ten bytes left
    try:
        for _ in range(2):
            with pytest.raises(OSError, match="too large"):
                writer.write(line(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    writer.write(line(3))
    assert numbers(reader) == [1, 3]


def test_a_folder_that_was_removed_is_made_anew(
    folder: Path, writer: LogWriter, reader: LogReader
) -> None:
    writer.name_functions({"f": "demo-dev-f"})
    writer.write(line(1))
    shutil.rmtree(folder)
    writer.write(line(2))
    assert numbers(reader) == [2]
    assert reader.names() == {"f": "demo-dev-f"}


def test_the_names_of_functions_are_kept(
    folder: Path, writer: LogWriter, reader: LogReader
) -> None:
    assert reader.names() == {}
    writer.name_functions({"f": "demo-dev-f"})
    writer.name_functions({"g": "demo-dev-g"})
    assert reader.names() == {"g": "demo-dev-g"}
    (folder / "functions.json").write_text("{")
    assert reader.names() == {}


def test_other_files_are_left_alone(folder: Path, writer: LogWriter, reader: LogReader) -> None:
    folder.mkdir(parents=True)
    (folder / "notes.jsonl").write_text("mine")
    writer.write(line(1))
    assert numbers(reader) == [1]
    assert (folder / "notes.jsonl").read_text() == "mine"
