"""What is measured: a node, and mosquitto as its peer, on free ports, for as long as needed."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple


_START_S = 20.0


class NodeAddress(NamedTuple):
    """Where a node listens; `start_s` is how long `bellwire run` took to be ready."""

    websocket_url: str
    mqtt_port: int
    pid: int
    start_s: float


@contextmanager
def running_node(*arguments: str) -> Iterator[NodeAddress]:
    """Run the bundled application."""
    with TemporaryDirectory(prefix="bellwire-bench-") as folder:
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
            yield NodeAddress(where["websocket_url"], mqtt_port, where["pid"], start_s)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def mosquitto_program() -> str | None:
    """Return the path of mosquitto; None where it is not installed."""
    found = shutil.which("mosquitto")
    if found is None and Path("/usr/sbin/mosquitto").exists():
        found = "/usr/sbin/mosquitto"
    return found


@contextmanager
def running_mosquitto(program: str) -> Iterator[int]:
    """Run mosquitto on a free port, with its defaults but for queue bounds; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
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
