"""What functions write is kept, and `bellwire logs` shows it, while the node runs and after."""

from __future__ import annotations

import base64
import json
import re
import shutil
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest


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


def logs_when(folder: Path, text: str) -> list[str]:
    """The records of `order`, once one of them has this text."""
    deadline = time.monotonic() + 10
    while text not in "".join(found := logs(folder, "order", "--json")):
        assert time.monotonic() < deadline, found
    return found


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


JSON_SERVICE = """
    service: shop
    provider: {name: aws, runtime: python3.12, logs: {lambda: {logFormat: JSON}}}
    functions:
      python:
        handler: h.loud
        timeout: 2
        logs: {logFormat: JSON, applicationLogLevel: WARN, systemLogLevel: DEBUG}
      node: {handler: j.loud, runtime: nodejs20.x}
"""

LOUD = """
    import logging, time

    def loud(event, context):
        logging.info("below")
        print("no level")
        logging.warning("two\\nlines", extra={"order": 7})
        if event == "slow":
            time.sleep(20)
        raise ValueError("no")
"""

LOUD_JS = """
    exports.loud = async () => {
      console.debug("below");
      console.log({ order: 7, text: "two\\nlines" });
      process.stdout.write('{"level":"debug"}\\nplain\\n');
    };
"""


def test_json_logs_of_python_and_node(start_node: StartNode) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed; to run this test: sudo apt-get install nodejs")
    files = {"serverless.yml": JSON_SERVICE, "h.py": LOUD, "j.js": LOUD_JS}
    node = start_node(service={name: dedent(text) for name, text in files.items()})

    _, tail = invoke(node, "python")
    start, message, error, done, report = map(json.loads, tail)
    assert [each["type"] for each in (start, done, report)] == [
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ]
    assert (message["level"], message["message"]) == ("WARNING", "two\nlines")
    assert message["order"] == 7
    assert (error["errorType"], error["level"]) == ("ValueError", "ERROR")
    request_id = start["record"]["requestId"]
    assert {message["requestId"], error["requestId"], report["record"]["requestId"]} == {request_id}
    assert start["record"]["functionArn"].endswith(":function:shop-dev-python")
    assert (report["record"]["status"], report["record"]["errorType"]) == ("error", "ValueError")
    assert report["record"]["metrics"]["initDurationMs"] > 0

    _, tail = invoke(node, "python", "slow")
    assert json.loads(tail[-1])["record"]["status"] == "timeout"
    assert json.loads(tail[-1])["record"]["metrics"]["billedDurationMs"] == 2000
    assert any("Task timed out after 2.00 seconds" in line for line in tail)

    _, (start, message, plain, report) = invoke(node, "node")
    assert json.loads(message)["message"] == {"order": 7, "text": "two\nlines"}
    assert json.loads(message)["level"] == "INFO"
    assert json.loads(start)["record"]["requestId"] == json.loads(message)["requestId"]
    assert plain == "plain"
    assert json.loads(report)["record"]["status"] == "success"


def test_a_start_that_fails_has_a_report(start_node: StartNode) -> None:
    service = {
        "serverless.yml": dedent(SERVICE),
        "h.py": f"import nothing_like_it\n{dedent(HANDLERS)}",
    }
    node = start_node(service=service)
    _, tail = invoke(node, "order")
    assert tail[0].startswith("START ")
    assert tail[-1].endswith("\tStatus: error\tError Type: Runtime.ImportModuleError")
    lines = [json.loads(line) for line in logs_when(node.folder, "REPORT RequestId")]
    (init, *_) = [each for each in lines if each["text"].startswith("INIT_REPORT ")]
    assert init["request_id"] is None
    assert init["text"].endswith(
        "\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError"
    )


def test_a_function_that_comes_while_the_node_runs_has_its_log(start_node: StartNode) -> None:
    files = {"serverless.yml": dedent(SERVICE), "h.py": dedent(HANDLERS)}
    node = start_node("--reload", service=files)
    late = dedent(SERVICE).replace("silent: {", "late: {logs: {logFormat: JSON}, ")
    (node.folder / "serverless.yml").write_text(late)
    deadline = time.monotonic() + 15
    tail: list[str] = []
    while not tail:
        assert time.monotonic() < deadline, node.log_text()
        time.sleep(0.05)
        with suppress(HTTPError):  # 404, until it is there
            _, tail = invoke(node, "late")
    assert json.loads(tail[0])["type"] == "platform.start"
    assert node.stop() == 0
    assert any("platform.report" in line for line in logs(node.folder, "late"))
