"""`bellwire logs`, on the files that a node leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from bellwire.cli import main
from bellwire.functions.log_files import FOLDER, LogWriter, encode


ID = "6f747c00-191b-4aae-a82a-d4b28f3d1a1b"
TRACE = "1-62e900b2-710d76f009d6e7785905449a"
NOW_MS = time.time_ns() // 1_000_000


class Kept:
    """A data folder with logs, as a node writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer = LogWriter(folder / FOLDER, 1_000_000)
        self._writer.name_functions({"notify": "shop-dev-notify", "other": "shop-dev-other"})

    def add(
        self,
        text: str,
        function: str | None = "notify",
        *,
        stream: str = "stdout",
        age_s: float = 0.0,
    ) -> None:
        request_id, trace_id = (None, None) if function is None else (ID, TRACE)
        time_ms = NOW_MS - int(age_s * 1000)
        self._writer.write(encode(time_ms, function, request_id, trace_id, stream, text))

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    kept = Kept(tmp_path)
    kept.add("started a day ago", age_s=100_000)
    kept.add(f"START RequestId: {ID} Version: $LATEST", stream="platform")
    kept.add("first\nsecond")
    kept.add("of the other", "other")
    kept.add("[bellwire] 3 lines of functions' logs were lost here", None, stream="platform")
    return kept


def run(
    kept: Kept, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0
) -> tuple[list[str], str]:
    assert main(["logs", *arguments, "--data-dir", str(kept.folder)]) == code
    output = capsys.readouterr()
    return output.out.splitlines(), output.err


def texts(lines: list[str]) -> list[str]:
    """What stands after time, function and request id."""
    return [line.split(" ", 4)[-1] for line in lines]


def test_all_is_printed_oldest_first(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    lines, _ = run(kept, capsys)
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW_MS // 1000))
    assert lines[1:] == [
        f"{at}.{NOW_MS % 1000:03} notify {ID} START RequestId: {ID} Version: $LATEST"
        f" Trace: {TRACE}",
        f"{at}.{NOW_MS % 1000:03} notify {ID} first",
        "    second",
        f"{at}.{NOW_MS % 1000:03} other {ID} of the other",
        f"{at}.{NOW_MS % 1000:03} - - [bellwire] 3 lines of functions' logs were lost here",
    ]
    assert lines[0].endswith(" started a day ago")


@pytest.mark.parametrize("function", ["other", "shop-dev-other"])
def test_of_one_function_with_remarks_on_all(
    kept: Kept, capsys: pytest.CaptureFixture[str], function: str
) -> None:
    lines, _ = run(kept, capsys, function)
    assert [line.split(" ")[2] for line in lines] == ["other", "-"]


def test_an_unknown_function_is_refused_with_those_there_are(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, error = run(kept, capsys, "notifier", code=2)
    assert lines == []
    assert "'notifier'" in error
    assert "notify, other" in error


def test_a_folder_without_logs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "--data-dir", str(tmp_path / "none")]) == 1
    assert f"no logs are kept in {tmp_path / 'none'}" in capsys.readouterr().err


@pytest.mark.parametrize(("age", "count"), [("2d", 6), ("30h", 6), ("90m", 5), ("3600s", 5)])
def test_since_an_age(kept: Kept, capsys: pytest.CaptureFixture[str], age: str, count: int) -> None:
    assert len(run(kept, capsys, "--since", age)[0]) == count


@pytest.mark.parametrize("age", ["5", "m", "-5m", "5 m", "1w", "9999999s"])
def test_an_age_of_another_form_is_refused(
    kept: Kept, capsys: pytest.CaptureFixture[str], age: str
) -> None:
    assert "30s, 5m, 2h or 1d" in run(kept, capsys, f"--since={age}", code=2)[1]


@pytest.mark.parametrize(
    ("text", "count"), [("second", 2), (ID[:8], 5), (TRACE, 5), ("lost", 1), ("nowhere", 0)]
)
def test_entries_with_a_text(
    kept: Kept, capsys: pytest.CaptureFixture[str], text: str, count: int
) -> None:
    assert len(run(kept, capsys, "--filter", text)[0]) == count


def test_json_is_whole(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    lines, _ = run(kept, capsys, "other", "--json")
    assert json.loads(lines[0]) == {
        "time": NOW_MS,
        "function": "other",
        "request_id": ID,
        "trace_id": TRACE,
        "stream": "stdout",
        "text": "of the other",
    }


def start(
    kept: Kept, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bellwire", "logs", *arguments]
    return subprocess.Popen(
        [*command, "--data-dir", str(kept.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, **(environment or {})},
    )


@pytest.mark.parametrize(
    ("arguments", "end"), [((), " caf\\xe9 \\u2026\n"), (("--json",), '"text":"café …"}\n')]
)
def test_a_terminal_that_cannot_show_all(kept: Kept, arguments: tuple[str, ...], end: str) -> None:
    kept.add("café …")
    kept.close()
    process = start(kept, "notify", *arguments, environment={"PYTHONIOENCODING": "ascii"})
    output, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (0, "")
    assert output.endswith(end)


def test_follow_goes_on_until_ctrl_c(kept: Kept) -> None:
    process = start(kept, "other", "--follow")
    assert process.stdout is not None
    try:
        assert process.stdout.readline().endswith(" of the other\n")
        process.stdout.readline()
        for number in range(3):
            kept.add(f"more {number}", "other")
            kept.add("not asked for")
            assert process.stdout.readline().endswith(f" more {number}\n")
        process.send_signal(signal.SIGINT)
        rest, error = process.communicate(timeout=10)
        assert (rest, error, process.returncode) == ("", "", 0)
    finally:
        process.kill()
        process.wait()
        kept.close()


def test_a_reader_that_has_enough_ends_it(kept: Kept) -> None:
    for _ in range(2000):
        kept.add("x" * 100)
    process = start(kept)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=10) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
    kept.close()


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main(["logs", "--data-dir", str(file)]) == 1
    assert f"the logs in {file} cannot be read: Not a directory" in capsys.readouterr().err
