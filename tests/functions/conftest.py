"""Services in a temporary folder, run by real worker processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import uvloop

from bellwire.definition.model import Function, Logging
from bellwire.errors import Place
from bellwire.functions.pool import (
    ChannelFactory,
    Functions,
    LogEntry,
    LogLine,
    Result,
    RuntimeSettings,
)
from bellwire.functions.reports import report_lines
from bellwire.limits import Limits


Run = Callable[[Coroutine[Any, Any, None]], None]


THIS_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
OF_EVERY_INVOCATION = ("START ", "END ", "REPORT ", "INIT_REPORT ")


class Harness:
    """A service's folder, what its functions wrote, and helpers to run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: list[LogLine] = []
        """All that was written, by Lambda itself too."""
        self.lines: list[LogLine] = []
        """The same but for what is written of every invocation, and without trace ids."""

    def write(self, source: str, name: str = "h.py") -> None:
        """Write a module of the service."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source))

    def function(
        self,
        key: str = "f",
        *,
        handler: str | None = None,
        runtime: str = THIS_PYTHON,
        timeout_s: float = 20.0,
        concurrency: int | None = None,
        environment: Mapping[str, str] | None = None,
        memory_mb: int = 128,
        provisioned: int = 0,
        logging: Logging | None = None,
    ) -> Function:
        """A function whose handler is `h.{key}` unless said otherwise."""
        return Function(
            key=key,
            name=f"demo-dev-{key}",
            handler=handler or f"h.{key}",
            runtime=runtime,
            timeout_s=timeout_s,
            memory_mb=memory_mb,
            environment=environment or {},
            reserved_concurrency=concurrency,
            place=Place("serverless.yml", 1, 1),
            provisioned_concurrency=provisioned,
            logging=logging or Logging(),
        )

    @asynccontextmanager
    async def running(
        self,
        *functions: Function,
        limits: Limits | None = None,
        channels: Mapping[str, ChannelFactory] | None = None,
        http_url: str = "http://127.0.0.1:9",
        environment: Mapping[str, str] | None = None,
        grace_s: float = 0.0,
        temporary: Path | None = None,
        debug: str | None = None,
    ) -> AsyncIterator[Functions]:
        """Run functions; at the end all of their processes must be gone."""
        runtime = RuntimeSettings(
            directory=self.folder,
            region="eu-west-1",
            account_id="123456789012",
            stage="dev",
            http_url=http_url,
            environment={**self.environment(), **(environment or {})},
            temporary=temporary,
            debug=debug,
        )
        pools = Functions(
            functions,
            runtime=runtime,
            limits=limits or Limits(),
            log=self.log_entry,
            channels=channels,
        )
        await pools.start()
        try:
            yield pools
        finally:
            await pools.stop(grace_s=grace_s)
            deadline = time.monotonic() + 1.0  # what was killed takes a moment to be gone
            while self.processes() and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert self.processes() == []

    def log_entry(self, entry: LogEntry) -> None:
        """Take what functions, and Lambda, write."""
        if isinstance(entry, LogLine):
            self._take_line(entry)
            return
        for text in report_lines(entry):
            line = LogLine(entry.function, entry.request_id, "platform", text, entry.trace_id)
            self._take_line(line)

    def _take_line(self, line: LogLine) -> None:
        self.log.append(line)
        if not line.text.startswith(OF_EVERY_INVOCATION):
            self.lines.append(line._replace(trace_id=None))

    def environment(self) -> dict[str, str]:
        """Variables of a node on a machine without AWS configuration."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    async def call(
        self, pools: Functions, key: str = "f", event: object = None, *, request_id: str = ""
    ) -> Result:
        """Invoke a function and wait for its result."""
        payload = json.dumps(event).encode()
        return await pools.invoke(key, payload, request_id=request_id or str(uuid.uuid4()))

    async def value(self, pools: Functions, key: str = "f", event: object = None) -> Any:
        """Invoke a function that must succeed and return its result."""
        result = await self.call(pools, key, event)
        assert result.error is None, result.payload
        return json.loads(result.payload)

    def texts(self, request_id: str | None) -> list[str]:
        """The lines that one invocation wrote."""
        return [line.text for line in self.lines if line.request_id == request_id]

    def platform(self, request_id: str | None) -> list[str]:
        """What Lambda itself says of one invocation."""
        return [
            line.text
            for line in self.log
            if line.request_id == request_id and line.text.startswith(OF_EVERY_INVOCATION)
        ]

    def processes(self) -> list[int]:
        """The processes of this service: what names its folder or is in it, but for this one."""
        folder, found = str(self.folder), []
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes()
                directory = os.readlink(entry / "cwd")
            except (OSError, ValueError):
                continue
            is_there = folder.encode() in command or directory.startswith(folder)
            if entry.name.isdigit() and is_there and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        return found

    def workers(self) -> list[int]:
        """The processes of this service, but for fork servers."""
        return [pid for pid in self.processes() if not self._is_fork_server(pid)]

    def fork_servers(self) -> list[int]:
        """The processes that workers are forked from."""
        return [pid for pid in self.processes() if self._is_fork_server(pid)]

    def _is_fork_server(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended meanwhile
            return False
        return b"fork_server.py" in command and parent == os.getpid()

    async def wait_gone(self, pid: int, within_s: float = 5.0) -> None:
        """Wait until a process has ended."""
        deadline = time.monotonic() + within_s
        while is_alive(pid):
            assert time.monotonic() < deadline, f"process {pid} lives"
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return status != "Z"


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    if not Path("/proc/self/stat").exists():
        pytest.skip("finding processes needs Linux's /proc")
    return Harness(tmp_path)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on each of the two event loops."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


@pytest.fixture(scope="session")
def node() -> str:
    """The Node.js that runs functions; where there is none, skip: in CI that is a failure."""
    found = shutil.which("node")
    if found is None:
        reason = "node is not installed; to run this test: sudo apt-get install nodejs"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
