"""Services in a temporary folder, run by real worker processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import uvloop

from bellwire.definition.model import Function
from bellwire.errors import Place
from bellwire.functions.pool import ChannelFactory, Functions, LogLine, Result, RuntimeSettings
from bellwire.limits import Limits


Run = Callable[[Coroutine[Any, Any, None]], None]


class Harness:
    """A service's folder, what its functions wrote, and helpers to run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[LogLine] = []

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
        runtime: str = "python3.11",
        timeout_s: float = 20.0,
        concurrency: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Function:
        """A function whose handler is `h.{key}` unless said otherwise."""
        return Function(
            key=key,
            name=f"demo-dev-{key}",
            handler=handler or f"h.{key}",
            runtime=runtime,
            timeout_s=timeout_s,
            memory_mb=128,
            environment=environment or {},
            reserved_concurrency=concurrency,
            place=Place("serverless.yml", 1, 1),
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
    ) -> AsyncIterator[Functions]:
        """Run functions; at the end all of their processes must be gone."""
        runtime = RuntimeSettings(
            directory=self.folder,
            region="eu-west-1",
            account_id="123456789012",
            stage="dev",
            http_url=http_url,
            environment={**self.environment(), **(environment or {})},
        )
        pools = Functions(
            functions,
            runtime=runtime,
            limits=limits or Limits(),
            log=self.lines.append,
            channels=channels,
        )
        await pools.start()
        try:
            yield pools
        finally:
            await pools.stop(grace_s=grace_s)
            assert self.processes() == []

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
        """The lines of one invocation."""
        return [line.text for line in self.lines if line.request_id == request_id]

    def processes(self) -> list[int]:
        """The workers of this service, and children they left in their sessions."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes()
            except (OSError, ValueError):
                continue
            if entry.name.isdigit() and str(self.folder).encode() in command:
                found.append(int(entry.name))
        return found

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
