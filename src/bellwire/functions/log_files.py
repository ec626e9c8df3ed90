"""The files in which a node keeps the logs of its functions: segments, the oldest of which go.

A folder holds `00000001.jsonl`, `00000002.jsonl` … with one entry a line: an object, or, of a
report, an array of its fields. `functions.json` tells the deployed name of each function by its
key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from bellwire.functions.reports import Report, report_lines


FOLDER = "logs"
"""In the data folder."""
SEGMENTS = 4
"""The space for logs is divided by this many files; a file is what goes at once."""

_NAMES = "functions.json"
_SUFFIX = ".jsonl"


class Record(NamedTuple):
    """One entry of the log.

    `time_ms` is when the node got it. `function` is None in the store's own remarks, `request_id`
    and `trace_id` outside of invocations. `text` may have several lines.
    """

    time_ms: int
    function: str | None
    request_id: str | None
    trace_id: str | None
    stream: str
    text: str


def encode(
    time_ms: int,
    function: str | None,
    request_id: str | None,
    trace_id: str | None,
    stream: str,
    text: str,
) -> bytes:
    """Return a record, given by its fields, as a line: this is done for each line there is."""
    return orjson.dumps(
        {
            "time": time_ms,
            "function": function,
            "request_id": request_id,
            "trace_id": trace_id,
            "stream": stream,
            "text": text,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def encode_report(time_ms: int, report: Report) -> bytes:
    """Return a report as a line: there is one for each invocation, so no field is named."""
    return orjson.dumps((time_ms, *report), option=orjson.OPT_APPEND_NEWLINE)


def decode(line: bytes) -> list[Record]:
    """Return the records of a line; none of one that was cut when the disk was full."""
    try:
        found = orjson.loads(line)
        if isinstance(found, list):
            time_ms, *fields = found
            return list(_records(time_ms, Report(*fields)))
        return [
            Record(
                found["time"],
                found["function"],
                found["request_id"],
                found["trace_id"],
                found["stream"],
                found["text"],
            )
        ]
    except (ValueError, LookupError, TypeError):
        return []


def _records(time_ms: int, report: Report) -> Iterator[Record]:
    trace = report.trace_id
    for text in report_lines(report):
        at_ms = report.started_ms if text.startswith("START ") else time_ms
        yield Record(at_ms, report.function, report.request_id, trace, "platform", text)


class LogWriter:
    """Appends to the newest file of a folder. After an OSError a method may be called again."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._folder = folder
        self._size_bytes = size_bytes
        self._names: dict[str, str] = {}
        self._number = 0
        self._fd: int | None = None
        self._written = 0
        self._is_torn = False

    def name_functions(self, names: Mapping[str, str]) -> None:
        """Keep the deployed names of functions, by key."""
        self._names = dict(names)
        self._make_folder()
        self._write_names()

    def _write_names(self) -> None:
        path = self._folder / f".{_NAMES}"
        with os.fdopen(_create(path, os.O_TRUNC), "w") as file:
            json.dump(self._names, file)
        path.replace(self._folder / _NAMES)

    def write(self, lines: bytes | bytearray) -> None:
        """Append whole lines; raises OSError where not all could be written."""
        fd = self._fit(len(lines))
        if self._is_torn:  # the rest of a line is there already
            lines = b"\n" + lines
        self._is_torn = True
        left = memoryview(lines)
        while left:
            count = os.write(fd, left)
            self._written += count
            left = left[count:]
        self._is_torn = False

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _fit(self, size: int) -> int:
        """Return the file that takes so many bytes more."""
        if self._fd is not None and not os.fstat(self._fd).st_nlink:  # somebody removed it
            self.close()
        if self._fd is None:
            numbers = segments(self._folder)
            self._fd = self._open(numbers[-1] if numbers else 1)
        if self._written and self._written + size > self._size_bytes // SEGMENTS:
            self.close()
            self._fd = self._open(self._number + 1)
        return self._fd

    def _open(self, number: int) -> int:
        self._make_folder()
        if self._names and not (self._folder / _NAMES).exists():  # the folder was removed
            self._write_names()
        self._remove_old(number)
        fd = _create(segment(self._folder, number), os.O_APPEND)
        self._number = number
        self._written = os.fstat(fd).st_size
        self._is_torn = self._written > 0 and os.pread(fd, 1, self._written - 1) != b"\n"
        return fd

    def _make_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _remove_old(self, number: int) -> None:
        for old in segments(self._folder):
            if old <= number - SEGMENTS:
                segment(self._folder, old).unlink(missing_ok=True)


class LogReader:
    """Reads the files of a folder from the oldest on, while they are written or after."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._fd: int | None = None
        self._rest = b""

    def names(self) -> dict[str, str]:
        """Return the deployed names of the functions by key; none where no node ran here.

        Raises OSError where they cannot be read.
        """
        try:
            names = json.loads((self._folder / _NAMES).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return {str(key): str(name) for key, name in names.items()}

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that are there and were not yet yielded."""
        while True:
            if self._fd is not None:
                yield from self._read_on()
                if not os.fstat(self._fd).st_nlink:
                    # As the oldest, then all there are are newer; or with its folder.
                    self.close()
                    self._number = 0
            newer = [number for number in segments(self._folder) if number > self._number]
            if not newer:
                return
            if self._fd is not None:
                yield from self._read_on()  # what came until the next file was begun
                self.close()
            self._open(newer[0])

    def close(self) -> None:
        """Close the file that is read."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self, number: int) -> None:
        self._rest = b""
        self._number = number
        try:
            self._fd = os.open(segment(self._folder, number), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # removed just now: the next one is there
            self._fd = None

    def _read_on(self) -> Iterator[bytes]:
        assert self._fd is not None
        while data := os.read(self._fd, 1024 * 1024):
            *lines, self._rest = (self._rest + data).split(b"\n")
            yield from filter(None, lines)


def segments(folder: Path) -> list[int]:
    """Return the numbers of the files there are, the oldest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    stems = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def segment(folder: Path, number: int) -> Path:
    """Return the file of a number."""
    return folder / f"{number:08d}{_SUFFIX}"


def _create(path: Path, flags: int) -> int:
    # Not through a link that somebody else may have put there.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
