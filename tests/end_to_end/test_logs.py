"""What functions write is kept, and `bellwire logs` shows it, while the node runs and after."""

from __future__ import annotations

import base64
import json
import re
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


def invoke(node: Node, function: str, event: object = None) -> tuple[Any, list[str]]:
    """Return what a function returned, and the last of its log."""
    url = f"{node.http_url}/2015-03-31/functions/{function}/invocations"
    body, headers = json.dumps(event).encode(), {"X-Amz-Log-Type": "Tail"}
    with urlopen(Request(url, body, headers, method="POST"), timeout=20) as response:
        tail = base64.b64decode(response.headers["X-Amz-Log-Result"]).decode()
        return json.load(response), tail.splitlines()


def call(node: Node, number: int) -> str:
    """Run `order` and return its request id."""
    return str(invoke(node, "order", {"number": number})[0])


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
    platform = [each["text"] for each in own if each["stream"] == "platform"]
    assert [text.split(" ")[0] for text in platform] == ["START", "END", "REPORT"]
    assert all(re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", each["trace_id"]) for each in own)
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


def test_the_tail_of_an_invocation_has_lambdas_lines(start_node: StartNode) -> None:
    node = start_node(service={"serverless.yml": dedent(SERVICE), "h.py": dedent(HANDLERS)})
    request_id, (start, *own, end, report) = invoke(node, "order", {"number": 1})
    assert start == f"START RequestId: {request_id} Version: $LATEST"
    assert own[0] == "one 1"
    assert end == f"END RequestId: {request_id}"
    words = report.split("\t")
    assert [word.split(": ")[0] for word in words[1:-1]] == [
        "Duration",
        "Billed Duration",
        "Memory Size",
        "Max Memory Used",
        "Init Duration",
    ]
    assert "\tInit Duration: " not in invoke(node, "order", {"number": 2})[1][-1]
    # On the node's own log are the functions' lines, and what is news.
    text = node.log_text()
    assert "order" in text
    assert "START RequestId" not in text
    assert f"REPORT RequestId: {request_id}" in text
    _, failed = invoke(node, "order", {})
    assert failed[-2].startswith("END ")
    assert "[ERROR] KeyError: 'number'" in failed
