"""What is measured: a node and its peers, on free ports, for as long as needed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple


_SERVICES = Path(__file__).parent / "services"
_TOOLS = Path(__file__).parent.parent / "tests" / "tools" / "node_modules"
_START_S = 20.0


class NodeAddress(NamedTuple):
    """Where a node listens; `start_s` is how long `bellwire run` took to be ready."""

    websocket_url: str
    management_url: str
    mqtt_port: int
    pid: int
    start_s: float


@contextmanager
def running_node(
    *arguments: str, service: str | None = None, files: Mapping[str, str] | None = None
) -> Iterator[NodeAddress]:
    """Run one of `services/`, or the service in `files`; without either the bundled application."""
    with TemporaryDirectory(prefix="bellwire-bench-") as folder:
        if service is not None:
            _copy_service(service, Path(folder))
        for name, text in (files or {}).items():
            file = Path(folder) / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        ready = Path(folder) / "ready.json"
        command = [
            sys.executable, "-m", "bellwire", "run", *arguments,
            "--port", "0", "--mqtt-port", "0", "--ready-file", str(ready),
        ]  # fmt: skip
        log = Path(folder) / "log"
        started = time.monotonic()
        with log.open("w") as output:
            process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        try:
            while not ready.exists():
                if process.poll() is not None or time.monotonic() - started > _START_S:
                    raise SystemExit(f"the node did not start:\n{log.read_text()}")
                time.sleep(0.002)
            start_s = time.monotonic() - started
            where = json.loads(ready.read_text())
            mqtt_port = int(where["mqtt_url"].rpartition(":")[2])
            management_url = f"{where['http_url']}/{where['stage']}"
            url = where["websocket_url"]
            yield NodeAddress(url, management_url, mqtt_port, where["pid"], start_s)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def lacks_serverless_offline() -> str | None:
    """Return why serverless-offline cannot be run here; None where it can."""
    if shutil.which("node") is None:
        return "Node.js is not installed"
    if not (_TOOLS / "serverless-offline").exists():
        return "serverless-offline is not installed (sh tests/tools/setup.sh peers)"
    return None


class OfflineAddress(NamedTuple):
    """Hosts and ports of serverless-offline: of its WebSocket API and of its Invoke API."""

    websocket: str
    invoke: str


@contextmanager
def running_serverless_offline(service: str) -> Iterator[OfflineAddress]:
    """Run one of `services/` with serverless-offline."""
    ports = _free_ports(3)
    with TemporaryDirectory(prefix="serverless-offline-bench-") as folder:
        _copy_service(service, Path(folder))
        (Path(folder) / "node_modules").symlink_to(_TOOLS)
        command = [
            str(_TOOLS / ".bin" / "osls"), "offline", "start", "--host", "127.0.0.1",
            "--websocketPort", str(ports[0]), "--httpPort", str(ports[1]),
            "--lambdaPort", str(ports[2]),
        ]  # fmt: skip
        # Its `python3` is the one that runs Bellwire's functions.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _wait_for_port(ports[0])
            _wait_for_port(ports[2])
            yield OfflineAddress(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[2]}")
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its handlers, too
            process.wait(timeout=10)


def _copy_service(name: str, folder: Path) -> None:
    shutil.copy(_SERVICES / f"{name}.yml", folder / "serverless.yml")
    for handler in _SERVICES.glob("handler.*"):
        shutil.copy(handler, folder)


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def mosquitto_program() -> str | None:
    """Return the path of mosquitto; None where it is not installed."""
    found = shutil.which("mosquitto")
    if found is None and Path("/usr/sbin/mosquitto").exists():
        found = "/usr/sbin/mosquitto"
    return found


@contextmanager
def running_mosquitto(program: str) -> Iterator[int]:
    """Run mosquitto on a free port, with its defaults but for queue bounds; yields the port."""
    [port] = _free_ports(1)
    with TemporaryDirectory(prefix="bellwire-bench-") as folder:
        configuration = Path(folder) / "mosquitto.conf"
        configuration.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
            "set_tcp_nodelay true\n"
        )
        process = subprocess.Popen(
            [program, "-c", str(configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for_port(port)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
