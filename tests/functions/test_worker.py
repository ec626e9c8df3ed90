"""The worker alone, spoken to in frames."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bellwire.functions import frames
from bellwire.functions.frames import Decoder, Frame
from bellwire.functions.launch import Launch
from bellwire.functions.python_environment import WORKER_FILE


if TYPE_CHECKING:
    from tests.functions.conftest import Harness

ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    "BELLWIRE_HTTP_URL": "http://127.0.0.1:9",
    "BELLWIRE_STAGE": "dev",
}


class Worker:
    """A worker process and the node's end of its socket."""

    def __init__(self, folder: Path, *, parent_pid: int) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(10)
        self._decoder = Decoder(10_000_000)
        self._frames: list[Frame] = []
        launch = Launch(
            handler="h.f",
            directory=str(folder),
            function_arn="arn",
            control_fd=theirs.fileno(),
            channel_fds=(),
            parent_pid=parent_pid,
            response_bytes=1000,
            log_bytes_per_s=1_000_000,
        )
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(WORKER_FILE), launch.encode()],
                env=ENVIRONMENT,
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )

    def read(self) -> Frame | None:
        """Return the next frame; None at the end."""
        while not self._frames:
            data = self._socket.recv(65536)
            if not data:
                return None
            self._frames += self._decoder.feed(data)
        return self._frames.pop(0)

    def invoke(self, event: object) -> list[Frame]:
        """Return the frames of one invocation."""
        frame = frames.encode_invoke("id-1", 0, json.dumps(event).encode())
        for byte in frame[:12]:  # frames arrive in any pieces
            self._socket.sendall(bytes([byte]))
            time.sleep(0.0005)
        self._socket.sendall(frame[12:])
        found = []
        while (frame_read := self.read()) is not None:
            found.append(frame_read)
            if frame_read[0] in (frames.RESULT, frames.ERROR):
                break
        return found

    def finish(self) -> None:
        """Tell the worker that no more comes."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Kill the worker and close what leads to it."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._socket.close()


@pytest.fixture
def start(harness: Harness) -> Iterator[Callable[..., Worker]]:
    """Start a worker of the service; it is killed at the end of the test."""
    workers: list[Worker] = []

    def start(*, parent_pid: int | None = None) -> Worker:
        workers.append(Worker(harness.folder, parent_pid=parent_pid or os.getpid()))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


def test_the_life_of_a_worker(harness: Harness, start: Callable[..., Worker]) -> None:
    harness.write(
        """
        import atexit
        print("importing")
        atexit.register(print, "leaving")

        def f(event, context):
            print("hello", end="")
            return event
        """
    )
    worker = start()
    assert worker.read() == (frames.STDOUT, b"importing\n")
    assert worker.read() == (frames.READY, b"")
    assert worker.invoke({"a": 1}) == [(frames.STDOUT, b"hello"), (frames.RESULT, b'{"a": 1}')]
    assert worker.invoke("x" * 2000)[-1] == (
        frames.ERROR,
        b'{"errorMessage": "Response payload size exceeded maximum allowed payload size '
        b'(1000 bytes).", "errorType": "Function.ResponseSizeTooLarge"}',
    )
    worker.finish()
    assert worker.read() == (frames.STDOUT, b"leaving\n")
    assert worker.read() is None
    assert worker.process.wait(timeout=5) == 0
    assert worker.process.stdout is not None
    assert worker.process.stdout.read() == b""


def test_a_worker_that_cannot_import_says_why_and_exits(
    harness: Harness, start: Callable[..., Worker]
) -> None:
    harness.write("import no_such_library\n")
    worker = start()
    assert worker.read() == (
        frames.STDERR,
        b"[ERROR] Runtime.ImportModuleError: Unable to import module 'h': "
        b"No module named 'no_such_library'\n",
    )
    kind, document = worker.read() or (0, b"")
    assert (kind, json.loads(document)) == (
        frames.FAULT,
        {
            "errorMessage": "Unable to import module 'h': No module named 'no_such_library'",
            "errorType": "Runtime.ImportModuleError",
            "requestId": "",
            "stackTrace": [],
        },
    )
    assert worker.read() is None
    assert worker.process.wait(timeout=5) == 1


def test_a_worker_whose_parent_has_gone_does_not_start(
    harness: Harness, start: Callable[..., Worker]
) -> None:
    harness.write("def f(event, context):\n    pass\n")
    worker = start(parent_pid=1)
    assert worker.read() is None
    assert worker.process.wait(timeout=5) == 1


def test_a_worker_imports_little(harness: Harness, start: Callable[..., Worker]) -> None:
    harness.write(
        """
        import sys
        loaded = {name.partition(".")[0] for name in sys.modules}

        def f(event, context):
            slow = {"asyncio", "botocore", "dataclasses", "decimal", "inspect", "orjson",
                    "pathlib", "socket", "typing", "urllib", "yaml"}
            return sorted(slow & loaded)
        """
    )
    worker = start()
    assert worker.read() == (frames.READY, b"")
    assert worker.invoke(None) == [(frames.RESULT, b"[]")]
