"""Files are saved while a node runs: it takes them over, and no socket and no message suffers."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import ClientConnection


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

ECHO = """\
  echo:
    handler: handler.echo
    events: [{websocket: {route: echo, routeResponseSelectionExpression: $default}}]
"""
SERVICE = f"""\
service: changing
provider: {{name: aws, runtime: python3.12}}
functions:
{ECHO}"""
HANDLER = """\
import json
from shared import VERSION

def echo(event, context):
    number = json.loads(event["body"])["number"]
    return {"statusCode": 200, "body": json.dumps({"number": number, "version": VERSION})}
"""


def save(node: Node, name: str, text: str) -> None:
    (node.folder / name).write_text(text)


@pytest.fixture
def node(start_node: StartNode) -> Node:
    files = {"serverless.yml": SERVICE, "handler.py": HANDLER, "shared.py": "VERSION = 0\n"}
    return start_node("--reload", service=files)


def ask(app: ClientConnection, number: int, action: str = "echo") -> dict[str, object]:
    app.send(json.dumps({"action": action, "number": number}))
    answer: dict[str, object] = json.loads(app.recv(timeout=15))
    return answer


def wait_for_version(app: ClientConnection, version: int) -> None:
    deadline = time.monotonic() + 10
    while ask(app, 0)["version"] != version:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_each_message_gets_one_answer_while_its_function_changes_twenty_times(node: Node) -> None:
    answers: list[dict[str, int]] = []
    sent = 0
    done = threading.Event()
    with node.connect() as app, node.connect() as idle:

        def receive() -> None:
            while not done.is_set() or len(answers) < sent:
                answers.append(json.loads(app.recv(timeout=15)))

        reader = threading.Thread(target=receive)
        reader.start()
        for version in range(1, 21):
            save(node, "shared.py", f"VERSION = {version}\n")
            until = time.monotonic() + 0.25
            while time.monotonic() < until:
                app.send(json.dumps({"action": "echo", "number": sent}))
                sent += 1
                time.sleep(0.002)
        done.set()
        app.send(json.dumps({"action": "echo", "number": sent}))
        sent += 1
        reader.join(timeout=20)
        assert not reader.is_alive()
        assert sorted(answer["number"] for answer in answers) == list(range(sent))
        assert {answer["version"] for answer in answers} <= set(range(21))
        assert len({answer["version"] for answer in answers}) > 10
        wait_for_version(idle, 20)
    assert "reloaded: echo (0." in node.log_text()


def test_a_new_function_that_does_not_start_can_be_removed_again(node: Node) -> None:
    added = ECHO.replace("echo", "bad").replace("handler.bad", "bad.bad")
    save(node, "bad.py", "1 / 0\ndef bad(event, context): ...\n")
    save(node, "serverless.yml", SERVICE + added)
    node.wait_for_log("not reloaded: bad: the start failed")
    save(node, "serverless.yml", SERVICE)
    node.wait_for_log("function bad: removed")
    with urllib.request.urlopen(f"{node.http_url}/metrics") as answer:
        assert b'FunctionName="bad"' not in answer.read()


def test_a_file_that_python_cannot_read_keeps_the_old_one_and_is_named(node: Node) -> None:
    with node.connect() as app:
        save(node, "shared.py", "VERSION = (\n")
        node.wait_for_log("error: shared.py:1:11: Python cannot read this")
        node.wait_for_log("not reloaded: what ran before keeps running")
        assert ask(app, 1) == {"number": 1, "version": 0}
        save(node, "shared.py", "VERSION = 2\n")
        wait_for_version(app, 2)
    assert node.log_text().count("Python cannot read this") == 1


def test_a_module_that_fails_to_import_keeps_the_old_one(node: Node) -> None:
    with node.connect() as app:
        save(node, "shared.py", "VERSION = 1 / 0\n")
        node.wait_for_log("not reloaded: echo: the start failed, as the log tells; what ran before")
        assert "ZeroDivisionError" in node.log_text()
        assert ask(app, 1) == {"number": 1, "version": 0}
        save(node, "shared.py", "VERSION = 3\n")
        wait_for_version(app, 3)


def test_a_renamed_handler_is_told_by_where_the_service_names_it(node: Node) -> None:
    with node.connect() as app:
        save(node, "handler.py", HANDLER.replace("def echo", "def eco"))
        node.wait_for_log("serverless.yml:5:14: ")
        node.wait_for_log("hint: did you mean `eco`?")
        assert ask(app, 1) == {"number": 1, "version": 0}


def test_only_functions_that_may_import_a_file_are_swapped(start_node: StartNode) -> None:
    other = ECHO.replace("echo", "other").replace("handler.other", "other.run")
    node = start_node(
        "--reload",
        service={
            "serverless.yml": SERVICE + other,
            "handler.py": HANDLER,
            "shared.py": "VERSION = 0\n",
            "other.py": HANDLER.replace("from shared import VERSION", "VERSION = 7").replace(
                "def echo", "def run"
            ),
        },
    )
    with node.connect() as app:
        save(node, "shared.py", "VERSION = 1\n")
        wait_for_version(app, 1)
        assert ask(app, 5, "other") == {"number": 5, "version": 7}
        node.wait_for_log("reloaded: echo (")
        save(node, "data.json", "{}")
        node.wait_for_log("reloaded: echo, other (")


def test_a_route_is_added_changed_and_removed_under_an_open_socket(node: Node) -> None:
    added = ECHO.replace("echo", "more").replace("handler.more", "handler.echo")
    with node.connect() as app:
        assert "Forbidden" in str(ask(app, 1, "more"))
        save(node, "serverless.yml", SERVICE + added)
        node.wait_for_log("route more: added → more")
        node.wait_for_log("reloaded: more (")
        assert ask(app, 2, "more") == {"number": 2, "version": 0}
        renamed = SERVICE.replace("route: echo", "route: say") + "    timeout: 9\n"
        save(node, "serverless.yml", renamed)
        node.wait_for_log("function more: removed")
        node.wait_for_log("route echo: removed")
        node.wait_for_log("function echo: timeout 6 → 9")
        assert ask(app, 3, "say") == {"number": 3, "version": 0}
        assert "Forbidden" in str(ask(app, 4, "more"))


def test_a_broken_serverless_yml_is_told_as_at_the_start_and_changes_nothing(node: Node) -> None:
    with node.connect() as app:
        save(node, "serverless.yml", SERVICE.replace("handler: handler.echo", "handler: [a, b]"))
        node.wait_for_log("serverless.yml:5:14: ")
        assert ask(app, 1) == {"number": 1, "version": 0}
        save(node, "serverless.yml", SERVICE + "    environment: {GREETING: 'private text'}\n")
        node.wait_for_log("function echo: environment (GREETING added)")
        assert "private text" not in node.log_text()


def test_what_is_bound_at_the_start_is_named(node: Node) -> None:
    limits = "custom: {bellwire: {limits: {idleTimeoutS: 77}}}\n"
    with node.connect() as app:
        save(node, "serverless.yml", limits + SERVICE)
        node.wait_for_log("restart to apply: custom.bellwire.limits.idleTimeoutS 600 → 77")
        save(node, "serverless.yml", SERVICE.replace("service: changing", "service: other"))
        node.wait_for_log("restart to apply: service changing → other")
        assert ask(app, 1) == {"number": 1, "version": 0}


def test_a_message_that_runs_when_its_function_is_removed_is_answered(node: Node) -> None:
    slow = ECHO.replace("echo", "slow").replace("handler.slow", "handler.echo")
    with node.connect() as app:
        sleeping = HANDLER.replace("    number", "    import time; time.sleep(1)\n    number")
        save(node, "handler.py", sleeping)
        node.wait_for_log("reloaded: echo (")
        save(node, "serverless.yml", SERVICE + slow)
        node.wait_for_log("reloaded: slow (")
        app.send('{"action": "slow", "number": 5}')
        time.sleep(0.1)
        save(node, "serverless.yml", SERVICE)
        node.wait_for_log("function slow: removed")
        assert json.loads(app.recv(timeout=10)) == {"number": 5, "version": 0}
        assert "Forbidden" in str(ask(app, 1, "slow"))


def test_asynchronous_events_outlive_their_functions_swaps(
    start_node: StartNode, tmp_path: Path
) -> None:
    out = tmp_path / "out.txt"
    out.touch()
    writer = WRITER.replace("{file}", str(out)).replace('event["by"]', '"VERSION"')
    files = {"serverless.yml": RULE, "handler.py": writer.replace("VERSION", "v0")}
    node = start_node("--reload", service=files)
    url = f"{node.http_url}/2015-03-31/functions/write/invocations"
    for number in range(200):
        request = urllib.request.Request(
            url,
            json.dumps({"n": number}).encode(),
            {"X-Amz-Invocation-Type": "Event"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 202
        if number % 40 == 20:
            save(node, "handler.py", writer.replace("VERSION", f"v{number // 40 + 1}"))
    deadline = time.monotonic() + 20
    while len(out.read_text().splitlines()) < 200:
        assert time.monotonic() < deadline, node.log_text()
        time.sleep(0.05)
    time.sleep(0.3)
    lines = [line.split() for line in out.read_text().splitlines()]
    assert sorted(int(number) for number, _ in lines) == list(range(200))
    assert len({version for _, version in lines}) > 2


def test_a_node_functions_script_is_swapped(start_node: StartNode) -> None:
    script = """\
exports.echo = async (event) => {
  const { number } = JSON.parse(event.body);
  return { statusCode: 200, body: JSON.stringify({ number, version: 0 }) };
};
"""
    service = SERVICE.replace("python3.12", "nodejs20.x").replace("handler.echo", "script.echo")
    node = start_node("--reload", service={"serverless.yml": service, "script.js": script})
    with node.connect() as app:
        save(node, "script.js", script.replace("version: 0", "version: 1"))
        wait_for_version(app, 1)
        save(node, "script.js", script.replace("async", "asink"))
        node.wait_for_log("not reloaded: echo: the start failed")
        assert ask(app, 2) == {"number": 2, "version": 1}


def test_a_node_that_is_stopped_in_the_middle_of_a_swap_leaves_nothing(node: Node) -> None:
    save(node, "shared.py", "import time\nprint('importing')\ntime.sleep(5)\nVERSION = 1\n")
    node.wait_for_log("importing")
    started, left = time.monotonic(), node.children()
    assert node.stop() == 0
    assert time.monotonic() - started < 4
    node.wait_until_gone(list(left), within_s=1)
    assert "Traceback" not in node.log_text()
    assert "never awaited" not in node.log_text()


RULE = """\
service: ruled
provider: {name: aws, runtime: python3.12}
functions:
  write:
    handler: handler.write
    events: [{iot: {sql: "SELECT n, 'one' AS by FROM 'things/+'", sqlVersion: '2016-03-23'}}]
"""
WRITER = """\
import time

def write(event, context):
    time.sleep(0.02)
    with open("{file}", "a") as file:
        file.write("%d %s\\n" % (event["n"], event["by"]))
"""


def test_no_event_is_lost_while_a_rules_sql_changes(start_node: StartNode, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    files = {"serverless.yml": RULE, "handler.py": WRITER.replace("{file}", str(out))}
    out.touch()
    node = start_node("--reload", service=files)
    device = node.device("d")
    words = ["two", "three", "four"]
    for number in range(400):
        assert device.publish(f"things/{number % 5}", json.dumps({"n": number}).encode())
        if number % 100 == 50:
            word = words[number // 100] if number < 300 else "last"
            save(node, "serverless.yml", RULE.replace("'one'", f"'{word}'"))
    device.close()
    deadline = time.monotonic() + 20
    while len(out.read_text().splitlines()) < 400:
        assert time.monotonic() < deadline, node.log_text()
        time.sleep(0.05)
    time.sleep(0.3)
    lines = [line.split() for line in out.read_text().splitlines()]
    assert sorted(int(number) for number, _ in lines) == list(range(400))
    assert lines[0][1] == "one"
    assert lines[-1][1] == "last"
    assert "rule ruled_dev_write_1" in node.log_text() or "SQL changed" in node.log_text()


def test_a_rule_that_is_removed_hears_nothing_more(start_node: StartNode, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    files = {"serverless.yml": RULE, "handler.py": WRITER.replace("{file}", str(out))}
    node = start_node("--reload", service=files)
    device = node.device("d")
    device.publish("things/1", b'{"n": 1}')
    head, _, _ = RULE.partition("    events")
    save(node, "serverless.yml", head)
    node.wait_for_log(": removed")
    node.wait_for_log("reloaded (")
    device.publish("things/1", b'{"n": 2}')
    save(node, "serverless.yml", RULE.replace("'one'", "'back'"))
    node.wait_for_log(": added")
    node.wait_for_log("reloaded (0.", within_s=10)
    time.sleep(0.2)
    device.publish("things/1", b'{"n": 3}')
    device.close()
    deadline = time.monotonic() + 10
    while "3 back" not in (out.read_text() if out.exists() else ""):
        assert time.monotonic() < deadline, node.log_text()
        time.sleep(0.05)
    assert out.read_text() == "1 one\n3 back\n"


def test_a_file_that_a_function_writes_does_not_restart_it_for_ever(start_node: StartNode) -> None:
    writing = "import time\nopen('state.json', 'w').write(str(time.time()))\n"
    files = {
        "serverless.yml": SERVICE,
        "handler.py": writing + HANDLER,
        "shared.py": "VERSION = 0\n",
        "state.json": "0",
    }
    node = start_node("--reload", service=files)
    save(node, "shared.py", "VERSION = 1\n")
    node.wait_for_log("state.json changes by itself, time and again: it is not looked at any more")
    time.sleep(0.5)
    said = node.log_text().count("reloaded:")
    time.sleep(1)
    assert node.log_text().count("reloaded:") == said
    with node.connect() as app:
        assert ask(app, 1) == {"number": 1, "version": 1}
