"""The page at `/` in a real Chromium: it shows values as they change."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect


if TYPE_CHECKING:
    from tests.end_to_end.conftest import StartNode


class Page:
    """A tab, driven over Chromium's DevTools protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._sent = 0

    def evaluate(self, expression: str) -> Any:
        self._sent += 1
        command = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        self._connection.send(
            json.dumps({"id": self._sent, "method": "Runtime.evaluate", "params": command})
        )
        while True:
            answer = json.loads(self._connection.recv(timeout=20))
            if answer.get("id") == self._sent:
                assert "exceptionDetails" not in answer["result"], answer
                return answer["result"]["result"].get("value")

    def wait_for(self, expression: str, within_s: float = 15.0) -> Any:
        deadline = time.monotonic() + within_s
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"not true in time: {expression}"
            time.sleep(0.1)
        return value


@contextmanager
def open_page(chromium: str, profile: Path, url: str) -> Iterator[Page]:
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port_file = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 30
        while not port_file.exists() or not port_file.read_text().strip():
            assert time.monotonic() < deadline, "chromium did not start"
            time.sleep(0.05)
        port = port_file.read_text().split()[0]
        request = Request(f"http://127.0.0.1:{port}/json/new?{url}", method="PUT")
        with urlopen(request, timeout=20) as answer:
            target = json.loads(answer.read())
        with connect(target["webSocketDebuggerUrl"], compression=None, max_size=None) as connection:
            yield Page(connection)
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_the_page_shows_live_values(start_node: StartNode, chromium: str, tmp_path: Path) -> None:
    node = start_node("--simulate", "4")
    with open_page(chromium, tmp_path / "profile", f"{node.http_url}/") as page:
        page.wait_for("document.body?.dataset.state === 'live'")
        selector = '[data-device="pump-1"] [data-parameter="rpm"]'
        value = f"document.querySelector({json.dumps(selector)})?.dataset.value"
        first = page.wait_for(value)
        page.wait_for(f"{value} !== {json.dumps(first)}")
        assert page.evaluate("document.querySelectorAll('canvas, svg').length") > 1


def test_the_page_says_what_to_type_and_wakes_up(
    start_node: StartNode, chromium: str, tmp_path: Path
) -> None:
    node = start_node()
    with open_page(chromium, tmp_path / "profile", f"{node.http_url}/") as page:
        page.wait_for("document.body?.innerText.includes('bellwire publish')")
        device = node.device("thermostat-1")
        device.publish_values("thermostat-1", temperature=21.5)
        page.wait_for(
            "document.querySelector('[data-device=\"thermostat-1\"]')?.innerText.includes('21.5')"
        )
        hostile = '<img src=x onerror="document.title=1">'
        device.publish_values("thermostat-1", note=hostile)
        page.wait_for(f"document.body.innerText.includes({json.dumps(hostile)})")
        assert page.evaluate("document.querySelectorAll('img').length") == 0
        device.close()
