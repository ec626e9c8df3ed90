"""`bellwire run --debug FUNCTION` at a real terminal: a pseudo-terminal, and somebody who types."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect


if TYPE_CHECKING:
    from tests.end_to_end.conftest import StartNode

SERVICE = """\
service: chat
provider: {name: aws, runtime: python3.11, timeout: 1}
functions:
  greet:
    handler: handler.greet
    events: [{websocket: {route: greet, routeResponseSelectionExpression: $default}}]
  other:
    handler: handler.other
    events: [{websocket: {route: other, routeResponseSelectionExpression: $default}}]
"""
HANDLER = """\
import json

def greet(event, context):
    name = json.loads(event["body"])["name"]
    breakpoint()
    return {"statusCode": 200, "body": f"hello {name}"}

def other(event, context):
    return {"statusCode": 200, "body": "other"}
"""
BEGIN = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "bellwire", "run", *sys.argv[1:]])
"""
"""What makes the terminal that it has as its descriptors its own, as a shell would."""
START_S = 20.0


class Terminal:
    """A terminal in which `bellwire run` runs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.text = ""
        ready_file = folder / "ready.json"
        self._fd, theirs = pty.openpty()
        command = [
            sys.executable, "-c", BEGIN, "--port", "0", "--mqtt-port", "0",
            "--ready-file", str(ready_file), *arguments,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"},
        )
        os.close(theirs)
        deadline = time.monotonic() + START_S
        while not ready_file.exists():
            assert time.monotonic() < deadline, self.text
            self._read(0.05)
        self.url = str(json.loads(ready_file.read_text())["websocket_url"])

    def expect(self, pattern: str, within_s: float = 15.0) -> re.Match[str]:
        """Wait until a pattern shows in what has not been matched yet."""
        deadline = time.monotonic() + within_s
        while (found := re.search(pattern, self.text)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} does not show:\n{self.text}"
            self._read(0.1)
        self.text = self.text[found.end() :]
        return found

    def type(self, line: str) -> None:
        os.write(self._fd, line.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._fd)

    def _read(self, within_s: float) -> None:
        if select.select([self._fd], [], [], within_s)[0]:
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # nobody holds the other end any more
                data = b""
            self.text += data.decode(errors="replace").replace("\r\n", "\n")


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str, handler: str = HANDLER, service: str = SERVICE) -> Terminal:
        (tmp_path / "serverless.yml").write_text(service)
        (tmp_path / "handler.py").write_text(handler)
        terminal = Terminal(tmp_path, *arguments)
        opened.append(terminal)
        return terminal

    yield start
    for terminal in opened:
        terminal.close()


def test_breakpoint_stops_in_the_terminal_for_as_long_as_one_likes(
    open_terminal: Callable[..., Terminal],
) -> None:
    terminal = open_terminal("--debug", "greet")
    terminal.expect("Debugging greet, in one environment")
    terminal.expect("breakpoint\\(\\) stops it in this terminal")
    with connect(terminal.url, compression=None) as app:
        app.send('{"action":"greet","name":"Ada"}')
        terminal.expect(r"> .*handler\.py\(6\)greet\(\)\n-> return .*\n\(Pdb\) ")
        time.sleep(1.5)  # longer than the function's time-out
        app.send('{"action":"other"}')
        assert app.recv(timeout=10) == "other"
        terminal.type("p event['body'], name\n")
        terminal.expect(r"""\('{"action":"greet","name":"Ada"}', 'Ada'\)\n\(Pdb\) """)
        terminal.type("name = 'Grace'\n")
        terminal.expect(r"\(Pdb\) ")
        terminal.type("c\n")
        assert app.recv(timeout=10) == "hello Grace"
        app.send('{"action":"greet","name":"again"}')
        terminal.expect(r"\(Pdb\) ")
        terminal.type("c\n")
        assert app.recv(timeout=10) == "hello again"


def test_ctrl_c_stops_the_node_while_a_function_is_stopped(
    open_terminal: Callable[..., Terminal],
) -> None:
    terminal = open_terminal("--debug", "greet")
    with connect(terminal.url, compression=None) as app:
        app.send('{"action":"greet","name":"Ada"}')
        terminal.expect(r"\(Pdb\) ")
        terminal.type("\x03")
        assert terminal.process.wait(timeout=15) == 0


def test_what_is_debugged_is_not_swapped(open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal("--debug", "greet")  # it reloads: this is a terminal
    folder = Path(os.readlink(f"/proc/{terminal.process.pid}/cwd"))
    (folder / "handler.py").write_text(HANDLER.replace('"other"', '"swapped"'))
    terminal.expect("not reloaded: greet, which is debugged: restart to apply")
    terminal.expect(r"reloaded: other \(")
    with connect(terminal.url, compression=None) as app:
        app.send('{"action":"other"}')
        assert app.recv(timeout=10) == "swapped"
        app.send('{"action":"greet","name":"Ada"}')
        terminal.expect(r"\(Pdb\) ")
        terminal.type("c\n")
        assert app.recv(timeout=10) == "hello Ada"


SCRIPT = """\
exports.greet = async (event) => {
  const name = JSON.parse(event.body).name;
  debugger;
  return { statusCode: 200, body: `hello ${name}` };
};
"""


def test_a_debugger_attaches_to_a_node_function(
    open_terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    (tmp_path / "script.js").write_text(SCRIPT)
    service = SERVICE.replace(
        "    handler: handler.greet", "    handler: script.greet\n    runtime: nodejs20.x"
    )
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 9229)) == 0:
            pytest.skip("somebody else debugs on port 9229")
    terminal = open_terminal("--debug", "greet", service=service)
    inspector = terminal.expect(r"Debugger listening on (ws://127\.0\.0\.1:9229/\S+)")[1]
    terminal.expect("An IDE, or chrome://inspect, attaches to 127.0.0.1:9229")
    with connect(inspector, compression=None) as debugger, connect(terminal.url) as app:

        def wait_for(method: str) -> dict[str, Any]:
            while (message := json.loads(debugger.recv(timeout=10))).get("method") != method:
                pass
            params: dict[str, Any] = message["params"]
            return params

        debugger.send('{"id": 1, "method": "Debugger.enable"}')
        wait_for("Debugger.scriptParsed")
        app.send('{"action":"greet","name":"Ada"}')
        frame = wait_for("Debugger.paused")["callFrames"][0]
        assert frame["functionName"] == "exports.greet"
        assert frame["location"]["lineNumber"] == 2
        time.sleep(1.5)  # longer than the function's time-out
        debugger.send('{"id": 2, "method": "Debugger.resume"}')
        assert app.recv(timeout=10) == "hello Ada"


def test_an_unknown_function_is_a_wrong_use(
    bellwire: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "serverless.yml").write_text(SERVICE)
    (tmp_path / "handler.py").write_text(HANDLER)
    ended = bellwire("run", "--debug", "gret", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.endswith(
        "error: there is no function `gret` to debug\nhint: did you mean `greet`?\n"
    )


def test_without_a_terminal_that_is_said(start_node: StartNode) -> None:
    node = start_node(
        "--debug", "greet", service={"serverless.yml": SERVICE, "handler.py": HANDLER}
    )
    node.wait_for_log("breakpoint() ends it: stdin is no terminal")
    node.process.send_signal(signal.SIGINT)
    assert node.process.wait(timeout=15) == 0
