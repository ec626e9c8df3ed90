"""A server that a killed node left behind ends before the next one starts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bellwire.bus.embedded import find_binary
from bellwire.bus.predecessor import CONFIGURATION, PID_FILE, end_predecessor


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A nats-server on the folder, whose node is gone."""
    configuration, pid_file = tmp_path / CONFIGURATION, tmp_path / PID_FILE
    configuration.write_text(f'listen: "127.0.0.1:-1"\npid_file: "{pid_file}"\n')
    process = subprocess.Popen(
        [find_binary(None), "-c", str(configuration)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 10
    while not pid_file.exists() or not pid_file.read_text():
        assert time.monotonic() < deadline, "nats-server did not start"
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


def test_it_is_ended(left_behind: subprocess.Popen[bytes], tmp_path: Path) -> None:
    asyncio.run(end_predecessor(tmp_path))
    assert left_behind.wait(timeout=5) is not None


def test_a_process_that_is_something_else_now_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / PID_FILE).write_text(str(os.getpid()))
    asyncio.run(end_predecessor(tmp_path))


@pytest.mark.parametrize("text", [None, "", "x", "999999999"])
def test_no_process_is_no_reason_to_wait(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / PID_FILE).write_text(text)
    asyncio.run(end_predecessor(tmp_path))
