"""The commands, with what a user gets wrong: one clear sentence, exit code 2, no traceback."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

Run = Callable[..., "subprocess.CompletedProcess[str]"]

GOOD = """\
service: good
provider: {name: aws, runtime: python3.12}
functions:
  hello:
    handler: handler.hello
    events:
      - websocket: $default
      - iot: {sql: "SELECT a FROM 'x/+'", sqlVersion: '2016-03-23'}
"""
HANDLER = "def hello(event, context):\n    return {'statusCode': 200}\n"


def write(folder: Path, definition: str, handler: str = HANDLER) -> Path:
    (folder / "serverless.yml").write_text(definition)
    (folder / "handler.py").write_text(handler)
    return folder


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    return done.stderr


def test_check_tells_what_a_good_service_has(bellwire: Run, tmp_path: Path) -> None:
    done = bellwire("check", str(write(tmp_path, GOOD)))
    assert done.returncode == 0, done
    assert done.stdout.endswith("ok: 1 function, 1 route, 1 rule\n")


def test_check_of_the_bundled_application(bellwire: Run) -> None:
    done = bellwire("check")
    assert done.returncode == 0, done
    assert done.stdout.endswith("ok: 4 functions, 3 routes, 1 rule\n")


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("functions:\n  hello:\n", "functions:\n  hello: [\n", "serverless.yml:"),
        ("handler: handler.hello", "handler: hadler.hello", "serverless.yml:5:14"),
        ("handler: handler.hello", "handler: handler.helo", "serverless.yml:5:14"),
        ("SELECT a FROM", "SELECT a FRM", "serverless.yml:8:"),
        ("SELECT a FROM", "SELECT nofun(a) FROM", "nofun"),
        ("- websocket: $default", "- websocket: $default\n      - websocket: $default", "$default"),
    ],
    ids=["yaml", "module", "function", "sql", "sql-function", "route-twice"],
)
def test_a_mistake_is_named_with_its_place(
    bellwire: Run, tmp_path: Path, wrong: str, right: str, expected: str
) -> None:
    assert wrong in GOOD
    write(tmp_path, GOOD.replace(wrong, right))
    for command in ("check", "run"):
        assert expected in refused(bellwire(command, str(tmp_path)))


def test_a_topic_filter_the_broker_cannot_carry(bellwire: Run, tmp_path: Path) -> None:
    error = refused(bellwire("check", str(write(tmp_path, GOOD.replace("'x/+'", "'x y/+'")))))
    assert "serverless.yml:8:" in error
    assert "'x y/+'" in error


def test_wrong_sql_is_underlined(bellwire: Run, tmp_path: Path) -> None:
    error = refused(bellwire("check", str(write(tmp_path, GOOD.replace("SELECT a", "SELECT a +")))))
    assert "SELECT a + FROM 'x/+'\n" in error
    assert "^" in error


def test_a_folder_without_a_service(bellwire: Run, tmp_path: Path) -> None:
    assert "serverless.yml" in refused(bellwire("run", str(tmp_path)))


@pytest.mark.parametrize("option", ["--port", "--mqtt-port"])
def test_a_port_in_use_is_one_clear_sentence(bellwire: Run, option: str) -> None:
    other = {"--port": "--mqtt-port", "--mqtt-port": "--port"}[option]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        error = refused(bellwire("run", option, port, other, "0"))
    assert f"127.0.0.1:{port}" in error
    assert option in error


def test_a_data_folder_that_cannot_be_written(bellwire: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refused(bellwire("run", "--port", "0", "--data-dir", str(tmp_path / "file" / "data")))
    assert "--data-dir" in error


def test_a_data_folder_in_use(bellwire: Run, notifier: Node) -> None:
    data_dir = str(notifier.folder / ".bellwire")
    error = refused(bellwire("run", "--port", "0", "--mqtt-port", "0", "--data-dir", data_dir))
    assert "another node uses" in error
    # The other node is still found by the commands.
    published = bellwire("publish", "d", "a=1", cwd=notifier.folder)
    assert published.returncode == 0, published


def test_a_ready_file_that_cannot_be_written(bellwire: Run, tmp_path: Path) -> None:
    ports = ("--port", "0", "--mqtt-port", "0")
    for place in (tmp_path, Path("/proc/none/ready.json")):
        error = refused(bellwire("run", *ports, "--ready-file", str(place)))
        assert f"the ready file {place} cannot be written" in error
        assert "--ready-file" in error


def test_a_ready_file_of_an_earlier_run_does_not_stay(bellwire: Run, tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    file.write_text("{}")
    options = ("--nats-server", "/no/such/program", "--mqtt-port", "0")
    refused(bellwire("run", "--port", "0", *options, "--ready-file", str(file)))
    assert not file.exists()


def test_publish_and_listen_find_the_node(bellwire: Run, notifier: Node) -> None:
    command = [
        sys.executable,
        "-m",
        "bellwire",
        "listen",
        "d",
        "a",
        "battery.level",
        "--count",
        "2",
    ]
    listening = subprocess.Popen(
        command, cwd=notifier.folder, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    for number in range(40):  # until it listens
        bellwire("publish", "d", f"a={number}", "battery.level=80", cwd=notifier.folder)
        if listening.poll() is not None:
            break
    output, _ = listening.communicate(timeout=10)
    assert listening.returncode == 0
    assert " d a=" in output
    assert "battery.level=80" in output


def test_listen_prints_whatever_a_device_sends_on_one_line(bellwire: Run, notifier: Node) -> None:
    device = notifier.device("d")
    document = {"value": {"a": "x\x1b[2J\ny", "b": {"c": "\x9b"}}, "timestamp": 1764000000000000}
    device.publish("devices/d/parameters", json.dumps(document).encode())
    device.close()
    command = [sys.executable, "-m", "bellwire", "listen", "d"]
    with subprocess.Popen(
        command, cwd=notifier.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as listening:
        assert listening.stdout is not None
        line = listening.stdout.readline()
        listening.send_signal(signal.SIGINT)
    assert line == ('1764000000000000 d a="x\\u001b[2J\\ny" b={"c": "\\u009b"}  (last known)\n')


def test_listen_ends_in_silence_where_nobody_reads_on(bellwire: Run, notifier: Node) -> None:
    notifier.device("d").publish_values("d", a=1)
    command = [sys.executable, "-m", "bellwire", "listen", "d"]
    with subprocess.Popen(
        command, cwd=notifier.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as listening:
        assert listening.stdout is not None
        assert listening.stderr is not None
        assert listening.stdout.readline().endswith("(last known)\n")
        listening.stdout.close()
        bellwire("publish", "d", "a=2", cwd=notifier.folder)
        assert listening.wait(timeout=10) == 0
        assert listening.stderr.read() == ""


def test_what_json_does_not_know_is_published_as_text(bellwire: Run, notifier: Node) -> None:
    done = bellwire("publish", "d", "a=NaN", "b=-Infinity", "c=1", cwd=notifier.folder)
    assert done.returncode == 0, done
    expected = '{"value": {"a": "NaN", "b": "-Infinity", "c": 1}}'
    assert done.stderr == f"devices/d/parameters {expected}\n"


def test_listen_ends_well_on_ctrl_c(notifier: Node) -> None:
    command = [sys.executable, "-m", "bellwire", "listen", "d"]
    listening = subprocess.Popen(command, cwd=notifier.folder, stderr=subprocess.PIPE, text=True)
    notifier.device("d").publish_values("d", a=1)
    try:
        listening.wait(timeout=2)
    except subprocess.TimeoutExpired:
        listening.send_signal(signal.SIGINT)
    _, errors = listening.communicate(timeout=10)
    assert listening.returncode == 0
    assert errors == ""


def test_invoke_prints_the_result_and_tells_failure(bellwire: Run, notifier: Node) -> None:
    event = json.dumps({"device_id": "d", "payload": {"value": {"a": 1}}})
    done = bellwire("invoke", "NotifyParameter", "--data", event, cwd=notifier.folder)
    assert done.returncode == 0, done
    failed = bellwire("invoke", "NotifyParameter", "--data", "[]", cwd=notifier.folder)
    assert failed.returncode == 1
    assert "errorType" in failed.stdout
    assert bellwire("invoke", "Nobody", cwd=notifier.folder).returncode == 1
    odd = bellwire("invoke", "\udcff", cwd=notifier.folder)
    assert (odd.returncode, odd.stderr) == (1, "")
    assert "Function not found" in odd.stdout


def test_invoke_async_hands_an_event_over(bellwire: Run, notifier: Node) -> None:
    event = json.dumps({"device_id": "d", "payload": {"value": {"later": 1}}})
    done = bellwire("invoke", "NotifyParameter", "--async", "--data", event, cwd=notifier.folder)
    assert (done.returncode, done.stdout) == (0, "")
    deadline = time.monotonic() + 10
    url = f"{notifier.http_url}/console/devices"
    while "later" not in urllib.request.urlopen(url).read().decode():
        assert time.monotonic() < deadline, notifier.log_text()
        time.sleep(0.05)
    assert bellwire("invoke", "Nobody", "--async", cwd=notifier.folder).returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("publish", "d", "a"),
        ("publish", "d"),
        ("publish", "", "a=1"),
        ("publish", "plant/d", "a=1"),
        ("publish", "d", "a=1e999"),
        ("publish", "d", "a=1", "--mqtt", ""),
        ("publish", "d", "a=1", "--mqtt", "localhost:99999"),
        ("publish", "d", "a=\udcff"),
        ("invoke", "f", "--data", "{"),
        ("invoke", "f", "--data", "[" * 100_000),
        ("invoke", "f", "--data", "\udcff"),
        ("invoke", "f", "--client-context", "{"),
        ("invoke", "f", "--client-context", "\udcff"),
        ("invoke", "f", "--url", "http://127.0.0.1:x"),
        ("invoke", "f", "--url", "127.0.0.1:3001"),
        ("status", "--url", "127.0.0.1:3001"),
        ("listen", "d", "--url", "ws://127.0.0.1:x/dev"),
        ("listen", "d", "--url", "http://127.0.0.1:3001/dev"),
        ("run", "--port", "99999"),
        ("nothing",),
    ],
)
def test_wrong_usage_is_exit_code_2(bellwire: Run, arguments: tuple[str, ...]) -> None:
    refused(bellwire(*arguments))


@pytest.mark.parametrize(
    "command",
    [
        ("publish", "d", "a=1", "--mqtt", "127.0.0.1:9"),
        ("listen", "d", "--url", "ws://127.0.0.1:9/dev"),
        ("invoke", "f", "--url", "http://127.0.0.1:9"),
        ("status", "--url", "http://127.0.0.1:9"),
        ("status", "--json", "--url", "http://127.0.0.1:9"),
    ],
)
def test_without_a_node_a_command_says_so(bellwire: Run, command: tuple[str, ...]) -> None:
    done = bellwire(*command)
    assert done.returncode == 1
    assert "bellwire run" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_tells_how_the_node_is(bellwire: Run, notifier: Node) -> None:
    bellwire("invoke", "NotifyParameter", "--data", "[]", cwd=notifier.folder)
    with notifier.connect():
        done = bellwire("status", cwd=notifier.folder)
        document = json.loads(bellwire("status", "--json", cwd=notifier.folder).stdout)
    assert done.returncode == 0, done
    assert "parameter-notifier, stage dev: ready" in done.stdout
    assert re.search(r"^  MQTT +mqtt://127.0.0.1:\d+ *$", done.stdout, re.MULTILINE)
    assert re.search(r"^  Connections +1 open of 100000, 1 so far", done.stdout, re.MULTILINE)
    (row,) = re.findall(r"^NotifyParameter +(.*)$", done.stdout, re.MULTILINE)
    assert row.split()[:3] == ["1", "1", "0"]
    assert re.search(r"^Rule +received", done.stdout, re.MULTILINE)
    assert document["ready"] is True
    assert document["node"]["pid"] == notifier.process.pid
    assert document["node"]["websocket_url"] == notifier.websocket_url
    assert document["node"]["memory_bytes"] > 10_000_000
    assert 0 < document["node"]["uptime_s"] < 60
    assert document["functions"]["NotifyParameter"]["errors"] == 1
    assert document["functions"]["WebsocketConnectHandler"]["invocations"] == 1


def test_status_names_what_went_wrong(bellwire: Run, start_node: StartNode, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    write(folder, GOOD, "import os\n\n\ndef hello(event, context):\n    os._exit(3)\n")
    node = start_node(folder=folder)
    for _ in range(2):
        bellwire("invoke", "hello", cwd=node.folder)
    assert "\nhello: crashes 2\n" in bellwire("status", cwd=node.folder).stdout


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """Answer one request with 200 and a body; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as threads:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                peer.sendall(head.encode() + body)

        threads.submit(answer)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("body", [b"[]", b"{}", b"<html>", b'{"ready": true}'])
def test_status_of_what_is_no_node(bellwire: Run, body: bytes) -> None:
    with answering(body) as url:
        done = bellwire("status", "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{url}/status was answered 200, not by a node of Bellwire" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_of_a_node_that_is_not_ready_exits_with_1(bellwire: Run) -> None:
    document = {"ready": False, "node": {}, "functions": {}}
    with answering(json.dumps(document).encode()) as url:
        done = bellwire("status", "--json", "--url", url)
    assert (done.returncode, json.loads(done.stdout)) == (1, document)
