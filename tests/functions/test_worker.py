"""The worker alone, spoken to in frames."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bellwire.functions import frames
from bellwire.functions.fork_server import FORK
from bellwire.functions.forks import FORK_SERVER_FILE
from bellwire.functions.frames import Decoder, Frame
from bellwire.functions.launch import Launch


if TYPE_CHECKING:
    from tests.functions.conftest import Harness

ENVIRONMENT = {
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    "BELLWIRE_HTTP_URL": "http://127.0.0.1:9",
    "BELLWIRE_STAGE": "dev",
}


class Worker:
    """A worker, forked by a fork server of its own, and the node's end of its socket."""

    def __init__(self, folder: Path, *, parent_pid: int) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(10)
        self._decoder = Decoder(10_000_000)
        self._frames: list[Frame] = []
        self._server, server_theirs = socket.socketpair()
        self._server.settimeout(10)
        self._told = self._server.makefile("r")
        self._output, output = os.pipe()
        with theirs, server_theirs, open(os.devnull) as null:
            number = str(server_theirs.fileno())
            self.process = subprocess.Popen(
                [sys.executable, str(FORK_SERVER_FILE), number, str(parent_pid)],
                pass_fds=[server_theirs.fileno()],
            )
            descriptors = [theirs.fileno(), null.fileno(), output, output]
            socket.send_fds(self._server, [FORK], descriptors)
        os.close(output)
        launch = Launch(
            function="f",
            handler="h.f",
            directory=str(folder),
            function_arn="arn",
            variables=ENVIRONMENT,
            channel_names=(),
            temporary=None,
            response_bytes=1000,
            log_bytes_per_s=1_000_000,
            is_debug=False,
        )
        with suppress(ConnectionError):
            self._socket.sendall(frames.encode(frames.LAUNCH, launch.encode()))

    def told(self) -> str:
        """Return the next thing that the fork server says; empty at its end."""
        try:
            return self._told.readline()
        except ConnectionResetError:  # it ended without having read what it was sent
            return ""

    def output(self) -> bytes:
        """Return what was written to descriptors 1 and 2, once the worker has ended."""
        with open(self._output, "rb", closefd=False) as file:
            return file.read()

    def read(self) -> Frame | None:
        """Return the next frame, without the memory in it; None at the end."""
        while not self._frames:
            data = self._socket.recv(65536)
            if not data:
                return None
            self._frames += self._decoder.feed(data)
        kind, payload = self._frames.pop(0)
        if kind in (frames.READY, frames.FAULT, frames.RESULT, frames.ERROR):
            memory_kib, payload = frames.decode_outcome(payload)
            assert 5_000 < memory_kib < 100_000
        return kind, payload

    def invoke(self, event: object) -> list[Frame]:
        """Return the frames of one invocation."""
        call = frames.Call("id-1", 1_700_000_000, 0, b"", json.dumps(event).encode())
        frame = frames.encode_call(*call)
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
        os.close(self._output)
        for each in (self._told, self._server, self._socket):
            each.close()


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
    assert worker.output() == b""
    pid = int(worker.told().removeprefix("+"))
    assert worker.told() == f"-{pid} 0\n"


def test_a_worker_that_cannot_import_says_why_and_exits(
    harness: Harness, start: Callable[..., Worker]
) -> None:
    harness.write("import no_such_library\n")
    worker = start()
    assert worker.read() == (
        frames.STDERR,
        b"[ERROR] Runtime.ImportModuleError: Unable to import module 'h': "
        b"No module named 'no_such_library'\rTraceback (most recent call last):\n",
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
    assert worker.told()[:1] == "+"
    assert worker.told().split()[1:] == ["1"]


def test_a_fork_server_whose_parent_has_gone_does_not_start(
    harness: Harness, start: Callable[..., Worker]
) -> None:
    harness.write("def f(event, context):\n    pass\n")
    worker = start(parent_pid=1)
    assert worker.told() == ""
    assert worker.process.wait(timeout=5) == 1


def test_a_worker_imports_little(harness: Harness, start: Callable[..., Worker]) -> None:
    harness.write(
        """
        import sys
        loaded = {name.partition(".")[0] for name in sys.modules}

        def f(event, context):
            slow = {"asyncio", "botocore", "dataclasses", "decimal", "inspect", "orjson",
                    "pathlib", "urllib", "yaml"}
            return sorted(slow & loaded)
        """
    )
    worker = start()
    assert worker.read() == (frames.READY, b"")
    assert worker.invoke(None) == [(frames.RESULT, b"[]")]
