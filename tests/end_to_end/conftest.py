"""Real nodes as subprocesses on free ports, real devices, real apps."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from websockets.sync.client import ClientConnection, connect


START_S = 20.0


class Node:
    """`bellwire run` in a folder of its own; stopped, or found dead, by the fixture."""

    def __init__(self, folder: Path, *arguments: str, mqtt_port: int = 0) -> None:
        self.folder = folder
        self.log = folder / "node.log"
        self._arguments = (*arguments, "--mqtt-port", str(mqtt_port))
        self._ready_file = folder / "ready.json"
        self.start()

    def start(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "bellwire", "run", "--port", "0", *self._arguments,
            "--ready-file", str(self._ready_file),
        ]  # fmt: skip
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while not self._ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError(f"the node did not start:\n{self.log_text()}")
            time.sleep(0.01)
        self.addresses = json.loads(self._ready_file.read_text())

    @property
    def websocket_url(self) -> str:
        return str(self.addresses["websocket_url"])

    @property
    def http_url(self) -> str:
        return str(self.addresses["http_url"])

    @property
    def mqtt_port(self) -> int:
        return int(self.addresses["mqtt_url"].rpartition(":")[2])

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for_log(self, text: str, within_s: float = 10.0) -> None:
        deadline = time.monotonic() + within_s
        while text not in self.log_text():
            assert time.monotonic() < deadline, f"{text!r} not in the log:\n{self.log_text()}"
            time.sleep(0.02)

    def children(self) -> dict[int, str]:
        """Return the command lines of all processes below the node, by pid."""
        return descendants(self.process.pid)

    def children_named(self, text: str) -> list[int]:
        return sorted(pid for pid, command in self.children().items() if text in command)

    def victims(self, kind: str) -> list[int]:
        """Return the children of a kind: `worker`, `fork server` or `nats-server`."""
        if kind == "nats-server":
            return self.children_named(kind)
        forked = self.children_named("fork_server.py")  # workers have its command line
        servers = [pid for pid in forked if parent_of(pid) == self.process.pid]
        return servers if kind == "fork server" else [pid for pid in forked if pid not in servers]

    def connect(self) -> ClientConnection:
        return connect(self.websocket_url, compression=None)

    def device(self, client_id: str) -> Device:
        return Device(client_id, self.mqtt_port)

    def stop(self) -> int:
        """Stop it as Ctrl-C does and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=40)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait_until_gone(self, pids: list[int], within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while left := [pid for pid in pids if is_alive(pid)]:
            assert time.monotonic() < deadline, f"processes outlived the node: {left}"
            time.sleep(0.02)


class Device:
    """A device: an MQTT client over TCP."""

    def __init__(self, client_id: str, port: int) -> None:
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True
        )
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> bool:
        """Publish; with QoS 1 wait for the broker's acknowledgement, and tell if it came."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            message = self._client.publish(topic, payload, qos=qos)
            if message.rc == mqtt.MQTT_ERR_SUCCESS:
                message.wait_for_publish(timeout=20)
                return message.is_published()
            time.sleep(0.05)  # the broker is away
        return False

    def publish_values(self, device_id: str, qos: int = 1, **value: object) -> None:
        document = json.dumps({"value": value}).encode()
        self.publish(f"devices/{device_id}/parameters", document, qos)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def descendants(pid: int) -> dict[int, str]:
    parents: dict[int, list[int]] = {}
    commands: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                commands[int(entry.name)] = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
            except OSError:
                continue  # it ended meanwhile
            if status[0] != "Z":
                parents.setdefault(int(status[1]), []).append(int(entry.name))
    found: dict[int, str] = {}
    waiting = list(parents.get(pid, []))
    while waiting:
        child = waiting.pop()
        found[child] = commands[child]
        waiting.extend(parents.get(child, []))
    return found


def parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it ended meanwhile
        return None


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class StartNode(Protocol):
    def __call__(
        self,
        *arguments: str,
        service: dict[str, str] | None = None,
        mqtt_port: int = 0,
        folder: Path | None = None,
    ) -> Node: ...


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[StartNode]:
    """Start a node: of the bundled application, or of a service given as files by name."""
    with _starting(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNode]:
    """Start a node that all tests of a module have in common."""
    with _starting(tmp_path_factory.mktemp("shared")) as start:
        yield start


@contextmanager
def _starting(tmp_path: Path) -> Iterator[StartNode]:
    nodes: list[Node] = []

    def start(
        *arguments: str,
        service: dict[str, str] | None = None,
        mqtt_port: int = 0,
        folder: Path | None = None,
    ) -> Node:
        if folder is None:
            folder = tmp_path / f"node-{len(nodes)}"
            folder.mkdir()
        for name, text in (service or {}).items():
            (folder / name).write_text(text)
        node = Node(folder, *arguments, mqtt_port=mqtt_port)
        nodes.append(node)
        return node

    yield start
    for node in nodes:
        if node.process.poll() is None:
            left = node.children()
            assert node.stop() == 0, node.log_text()
            node.wait_until_gone(list(left), within_s=1)


@pytest.fixture
def notifier(start_node: StartNode) -> Node:
    """A node that runs the bundled parameter notifier."""
    return start_node()


@pytest.fixture
def bellwire(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a `bellwire` command in an empty folder and return how it ended."""

    def run(
        *arguments: str, cwd: Path | None = None, timeout_s: float = 30
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bellwire", *arguments],
            cwd=cwd or tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"},
        )

    return run


def program(name: str, *, also: str | None = None) -> str:
    """Return a program's path, or skip: in CI a missing one is a failure."""
    found = shutil.which(name) or (also if also and Path(also).exists() else None)
    if found is None:
        reason = f"{name} is not installed; to run this test: sudo apt-get install {name}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def chromium() -> str:
    return program("chromium")
