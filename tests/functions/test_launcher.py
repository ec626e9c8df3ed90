"""A program that is no Python runs in the launcher's place."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bellwire.functions.runtime_environment import LAUNCHER_FILE


if TYPE_CHECKING:
    from tests.functions.conftest import Harness, Run

ID = "6c14aac6-b810-49ce-9c6c-50104412d524"


def launch(parent_pid: int, *program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(LAUNCHER_FILE), str(parent_pid), "", *program]
    return subprocess.run(command, capture_output=True, text=True, timeout=20)


def test_the_program_takes_its_place_with_its_arguments_and_status() -> None:
    done = launch(os.getpid(), "/bin/sh", "-c", 'echo "$0 $1"; exit 7', "one", "two words")
    assert (done.returncode, done.stdout, done.stderr) == (7, "one two words\n", "")


def test_a_child_whose_parent_is_gone_does_not_run() -> None:
    done = launch(1, "/bin/echo", "ran")
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_the_program_dies_with_its_parent(harness: Harness) -> None:
    source = (
        "import os, subprocess, sys\n"
        "command = [sys.executable, '-I', '-S', sys.argv[1], str(os.getpid()), '']\n"
        "child = subprocess.Popen([*command, '/bin/sh', '-c', 'echo up; exec sleep 60'],"
        " stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", source, str(LAUNCHER_FILE)], stdout=subprocess.PIPE, timeout=20
    )
    assert parent.returncode == -signal.SIGKILL
    asyncio.run(harness.wait_gone(int(parent.stdout)))


def test_an_executable_that_cannot_be_run(harness: Harness, run: Run) -> None:
    harness.write("no script", "main")
    (harness.folder / "main").chmod(0o755)

    async def main() -> None:
        function = harness.function(runtime="provided.al2", handler="main")
        async with harness.running(function) as pools:
            result = await harness.call(pools, request_id=ID)
            assert json.loads(result.payload) == {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {ID} Error: Runtime exited with error: exit status "
                "126",
            }
        path = harness.folder / "main"
        assert f"[bellwire] {path} cannot be run: Exec format error" in harness.texts(None)

    run(main())
