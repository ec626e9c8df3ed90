"""A NATS server that runs already, instead of one of our own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def start_server(folder: Path, port: int, extra: str) -> subprocess.Popen[bytes]:
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    program = str(beside) if beside.exists() else shutil.which("nats-server")
    assert program is not None
    configuration = folder / "nats.conf"
    configuration.write_text(f'listen: "127.0.0.1:{port}"\nserver_name: outside\n{extra}')
    return subprocess.Popen(
        [program, "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A NATS server with JetStream and MQTT; gives its two ports."""
    port, mqtt_port = free_port(), free_port()
    store = f'jetstream {{ store_dir: "{tmp_path / "store"}" }}\n'
    mqtt = f'mqtt {{ listen: "127.0.0.1:{mqtt_port}" }}\n'
    server = start_server(tmp_path, port, store + mqtt)
    yield port, mqtt_port
    server.terminate()
    server.wait(timeout=10)


def test_a_server_that_runs_already_is_used(
    start_node: StartNode, outside: tuple[int, int]
) -> None:
    port, mqtt_port = outside
    url = f"nats://node:sekrit@127.0.0.1:{port}"
    node: Node = start_node("--nats", url, mqtt_port=mqtt_port)
    assert node.addresses["nats_url"] == f"nats://127.0.0.1:{port}"
    status = urllib.request.urlopen(f"{node.http_url}/status", timeout=10).read()
    assert b"sekrit" not in status + node.log_text().encode()
    assert node.mqtt_port == mqtt_port
    assert node.children_named("nats-server") == []
    device = node.device("d")
    with node.connect() as app:
        app.send(json.dumps({"action": "set_notify_list", "notify_list": [{"device_id": "d"}]}))
        app.recv(timeout=10)
        for qos in (0, 1):
            device.publish_values("d", qos, number=qos)
            assert json.loads(app.recv(timeout=10))["value"] == {"number": qos}
    device.close()


def test_a_second_node_for_the_same_service_is_refused(
    start_node: StartNode, bellwire: Run, outside: tuple[int, int]
) -> None:
    port, mqtt_port = outside
    options = ("--nats", f"nats://127.0.0.1:{port}")
    node = start_node(*options, mqtt_port=mqtt_port)
    done = bellwire("run", *options, "--port", "0", "--mqtt-port", str(mqtt_port))
    assert done.returncode == 1
    assert "another node serves this service" in done.stderr
    assert node.stop() == 0
    again = start_node(*options, mqtt_port=mqtt_port)
    assert again.addresses["stage"] == "dev"


def test_a_server_without_mqtt_is_told_so(bellwire: Run, tmp_path: Path) -> None:
    port = free_port()
    server = start_server(tmp_path, port, f'jetstream {{ store_dir: "{tmp_path / "store"}" }}\n')
    time.sleep(0.3)
    done = bellwire(
        "run", "--nats", f"nats://127.0.0.1:{port}", "--port", "0", "--mqtt-port", str(free_port())
    )
    server.terminate()
    server.wait(timeout=10)
    assert done.returncode == 1
    assert "MQTT" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_server_is_told_so(bellwire: Run) -> None:
    done = bellwire("run", "--nats", f"nats://127.0.0.1:{free_port()}", "--port", "0")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_mqtt_port_must_be_named(bellwire: Run) -> None:
    done = bellwire("run", "--nats", "nats://127.0.0.1:4222", "--port", "0", "--mqtt-port", "0")
    assert done.returncode == 2
    assert "--mqtt-port" in done.stderr
