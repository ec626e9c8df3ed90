"""What functions write is kept, and `bellwire logs` shows it, while the node runs and after."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

SERVICE = """
    service: shop
    provider: {name: aws, runtime: python3.12}
    functions:
      order: {handler: h.order}
      silent: {handler: h.silent}
"""

HANDLERS = """
    import logging

    print("imported")

    def order(event, context):
        print("one", event["number"])
        logging.getLogger().warning("two\\nlines")
        return context.aws_request_id

    def silent(event, context):
        return None
"""


def logs(folder: Path, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "bellwire", "logs", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.splitlines()


def call(node: Node, number: int) -> str:
    url = f"{node.http_url}/2015-03-31/functions/order/invocations"
    body = json.dumps({"number": number}).encode()
    with urlopen(Request(url, body, method="POST"), timeout=20) as response:
        return str(json.load(response))


def records(folder: Path, count: int) -> list[dict[str, Any]]:
    """The records of `order` in its invocations, once there are so many of its own."""
    deadline = time.monotonic() + 10
    while True:
        found = [json.loads(line) for line in logs(folder, "order", "--json")]
        own = [each for each in found if each["request_id"] and each["stream"] != "platform"]
        if len(own) >= count:
            return found
        assert time.monotonic() < deadline, found


def test_a_nodes_logs_outlive_it(start_node: StartNode) -> None:
    service = {"serverless.yml": dedent(SERVICE), "h.py": dedent(HANDLERS)}
    node = start_node(service=service)
    folder = node.folder
    first = call(node, 1)
    own = [each for each in records(folder, 2) if each["request_id"] == first]
    assert [each["text"] for each in own if each["stream"] == "stdout"] == ["one 1"]
    (message,) = [each["text"] for each in own if "two" in each["text"]]
    assert message.endswith("\ttwo\nlines")
    kept = folder / ".bellwire" / "logs"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept.iterdir()} == {0o600}

    assert node.stop() == 0
    node.start()
    second = call(node, 2)
    assert node.stop() == 0
    found = [each["text"] for each in records(folder, 4)]
    assert found.count("imported") == 2
    assert found.index("one 1") < found.index("one 2")
    lines = logs(folder, "order", "--filter", second)
    assert any(line.endswith(f" order {second} one 2") for line in lines)
    assert not any(first in line for line in lines)
    assert [line for line in logs(folder, "silent") if "imported" not in line] == []
