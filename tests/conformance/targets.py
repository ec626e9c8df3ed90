"""Bellwire and serverless-offline, started as their users start them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.conformance.backend import Backend
from tests.conformance.session import SECRET, Service


HERE = Path(__file__).parent
SERVICES = HERE / "services"
OSLS = HERE.parent / "tools" / "node_modules" / ".bin" / "osls"
PLUGIN = HERE.parent / "tools" / "node_modules" / "serverless-offline"
START_S = 30.0


class Launched:
    """Folders and processes of the services that a target has started."""

    def __init__(self, services: Path) -> None:
        self._services = services
        self._root = Path(tempfile.mkdtemp(prefix="conformance-"))
        self._backend = Backend()
        self._count = 0
        self._processes: list[subprocess.Popen[bytes]] = []

    def folder(self, service: str) -> Path:
        """Make a folder of its own for a service, with its files."""
        self._count += 1
        folder = self._root / f"{service}-{self._count}"
        shutil.copytree(self._services / service, folder)
        if not (folder / "handler.py").exists():
            shutil.copy(self._services / "handler.py", folder)
        return folder

    def run(self, command: list[str], folder: Path) -> subprocess.Popen[bytes]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {
            **os.environ,
            "PATH": path,
            "EVENTS_FILE": str(folder / "events.jsonl"),
            "BACKEND": self._backend.url,
            "TESTER_SECRET": SECRET,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self._processes.append(process)
        return process

    def wait(
        self, process: subprocess.Popen[bytes], folder: Path, ready: Callable[[], bool]
    ) -> None:
        deadline = time.monotonic() + START_S
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                text = (folder / "log.txt").read_text(errors="replace")
                raise RuntimeError(f"the service did not start:\n{text}")
            time.sleep(0.01)

    def stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self._processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._backend.stop()
        shutil.rmtree(self._root, ignore_errors=True)


class Bellwire:
    """`bellwire run` in the service's folder."""

    name = "Bellwire"

    def __init__(self, services: Path = SERVICES) -> None:
        self._launched = Launched(services)
        self._services: dict[str, Service] = {}

    def lacks(self, service: str) -> str | None:
        return None

    def start(self, service: str) -> Service:
        running = self._services.get(service)
        if running is None or not running.is_running():
            running = self._services[service] = self.start_another(service)
        return running

    def start_another(self, service: str) -> Service:
        folder = self._launched.folder(service)
        ready_file = folder / "ready.json"
        command = [
            sys.executable, "-m", "bellwire", "run", "--port", "0", "--mqtt-port", "0",
            "--ready-file", str(ready_file),
        ]  # fmt: skip
        process = self._launched.run(command, folder)
        self._launched.wait(process, folder, ready_file.exists)
        addresses = json.loads(ready_file.read_text())

        def stop() -> int:
            process.send_signal(signal.SIGINT)
            return process.wait(timeout=30)

        return Service(
            websocket_url=addresses["websocket_url"],
            http_url=addresses["http_url"],
            management_url=f"{addresses['http_url']}/{addresses['stage']}",
            stage=addresses["stage"],
            api_id=addresses["api_id"],
            events_file=folder / "events.jsonl",
            log_file=folder / "log.txt",
            stop=stop,
            wait=lambda: process.wait(timeout=30),
            is_running=lambda: process.poll() is None,
        )

    def stop(self) -> None:
        self._launched.stop()


class ServerlessOffline:
    """`osls offline start` in the service's folder, with the plugin serverless-offline."""

    name = "serverless-offline"

    def __init__(self) -> None:
        self._launched = Launched(SERVICES)
        self._services: dict[str, Service] = {}

    @staticmethod
    def is_installed() -> bool:
        return OSLS.exists() and PLUGIN.exists()

    def lacks(self, service: str) -> str | None:
        first = (SERVICES / service / "serverless.yml").read_text().splitlines()[0]
        return first.partition("serverless-offline lacks: ")[2] or None

    def start(self, service: str) -> Service:
        running = self._services.get(service)
        if running is None or not running.is_running():
            running = self._services[service] = self.start_another(service)
        return running

    def start_another(self, service: str) -> Service:
        folder = self._launched.folder(service)
        (folder / "node_modules").symlink_to(OSLS.parents[1])
        ports = _free_ports(3)
        command = [
            str(OSLS), "offline", "start", "--websocketPort", str(ports[0]),
            "--httpPort", str(ports[1]), "--lambdaPort", str(ports[2]),
        ]  # fmt: skip
        process = self._launched.run(command, folder)
        log = folder / "log.txt"
        line = f"Offline [http for websocket] listening on http://localhost:{ports[0]}"
        self._launched.wait(process, folder, lambda: line in log.read_text(errors="replace"))

        def stop() -> int:
            process.send_signal(signal.SIGINT)
            return process.wait(timeout=30)

        return Service(
            websocket_url=f"ws://localhost:{ports[0]}",
            http_url=f"http://localhost:{ports[0]}",
            management_url=f"http://localhost:{ports[0]}",
            stage="local",
            api_id="private",
            events_file=folder / "events.jsonl",
            log_file=log,
            stop=stop,
            wait=lambda: process.wait(timeout=30),
            is_running=lambda: process.poll() is None,
        )

    def stop(self) -> None:
        self._launched.stop()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
