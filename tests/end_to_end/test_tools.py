"""The tools on a real node: dead letters, publish and watch."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bellwire.cli.application import run_command


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode


SERVICE = """\
service: plant
provider: {name: aws, runtime: python3.12}
custom: {bellwire: {limits: {retryDelayS: 0.02}}}
functions:
  work:
    handler: handler.work
    events:
      - iot:
          name: warm_ones
          sql: "SELECT *, topic(2) AS pump FROM 'pumps/+/x' WHERE temperature > 20"
          sqlVersion: '2016-03-23'
"""
HANDLER = """\
import json
from pathlib import Path

HERE = Path(__file__).parent

def work(event, context):
    if not (HERE / "repaired").exists():
        raise ValueError("the pump does not answer")
    with (HERE / "done").open("a") as done:
        done.write(json.dumps(event) + "\\n")
"""


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Plant:
    """A node whose function fails until it is repaired."""

    def __init__(self, node: Node, capture: pytest.CaptureFixture[str]) -> None:
        self.node = node
        self._capture = capture

    def run(self, *arguments: str) -> Done:
        """Run a command in this process: to start Python for each takes most of a second."""
        self._capture.readouterr()
        code = run_command(arguments)
        return Done(code, *self._capture.readouterr())

    def letters(self) -> list[dict[str, object]]:
        letters: list[dict[str, object]] = json.loads(
            self.run("dead-letters", "list", "--json").stdout
        )["letters"]
        return letters

    def wait_for_letters(self, count: int) -> list[dict[str, object]]:
        deadline = time.monotonic() + 15
        while len(letters := self.letters()) < count:
            assert time.monotonic() < deadline, letters
            time.sleep(0.1)
        return letters

    def repair(self) -> None:
        (self.node.folder / "repaired").touch()

    def done(self) -> list[object]:
        lines = (self.node.folder / "done").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def node(start_shared_node: StartNode) -> Node:
    return start_shared_node(service={"serverless.yml": SERVICE, "handler.py": HANDLER})


@pytest.fixture
def plant(node: Node, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Plant:
    """The node as if it had just started: what failed before is dropped, the pump broken."""
    monkeypatch.chdir(node.folder)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    plant = Plant(node, capsys)
    for file in ("repaired", "done"):
        (node.folder / file).unlink(missing_ok=True)
    plant.run("dead-letters", "drop", "--all", "--yes")
    return plant


def test_dead_letters_from_failure_to_repair(plant: Plant) -> None:
    device = plant.node.device("sensor")
    device.publish("pumps/1/x", b'{"temperature": 30}')
    device.publish("pumps/1/x", b'{"temperature": 31}')
    plant.run("invoke", "work", "--async", "--data", '{"asked": 1}')
    letters = plant.wait_for_letters(3)
    assert {letter.get("rule", letter.get("function")) for letter in letters} == {
        "warm_ones",
        "work",
    }

    listed = plant.run("dead-letters", "list")
    assert listed.returncode == 0
    lines = listed.stdout.splitlines()
    assert lines[0].split() == [
        "letter", "age", "of", "topic", "or", "request", "tried", "size", "reason",
    ]  # fmt: skip
    assert len(lines) == 4
    assert re.search(
        r"\d+ +\d+ s +rule warm_ones +pumps/1/x +3 +19 B +ValueError: the pump does not answer",
        listed.stdout,
    )
    assert "3 in all: rule warm_ones 2, function work 1" in listed.stderr
    assert "Dead letters: 3 (bellwire dead-letters list)" in plant.run("status").stdout

    first = min(int(str(each["sequence"])) for each in letters if "rule" in each)
    shown = plant.run("dead-letters", "show", str(first))
    assert shown.stdout == '{"temperature": 30}\n'
    assert "topic:        pumps/1/x\n" in shown.stderr

    again = plant.run("dead-letters", "retry", str(first))
    assert (again.returncode, again.stdout) == (1, "1 failed again: new letters\n")
    plant.repair()
    (newest,) = [each for each in plant.letters() if each["retries"]]
    assert (newest["attempts"], newest["topic"]) == (6, "pumps/1/x")

    again = plant.run("dead-letters", "retry", "--rule", "warm_ones")
    assert (again.returncode, again.stdout) == (0, "2 went well\n")
    again = plant.run("dead-letters", "retry", "--all", "--yes", "--json")
    assert json.loads(again.stdout)["handed_over"] == 1
    deadline = time.monotonic() + 5
    while len(plant.done()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert plant.done() == [
        {"temperature": 31, "pump": "1"},
        {"temperature": 30, "pump": "1"},
        {"asked": 1},
    ]
    assert plant.run("dead-letters", "list").stdout == "no dead letters\n"
    assert plant.run("dead-letters", "retry", "--rule", "warm_ones").returncode == 1
    device.close()


def test_what_dead_letters_are_asked_in_vain(plant: Plant, tmp_path: Path) -> None:
    device = plant.node.device("sensor")
    device.publish("pumps/1/x", b'{"temperature": 30}')
    (letter,) = plant.wait_for_letters(1)
    number = str(letter["sequence"])
    asked = plant.run("dead-letters", "drop", "--all")
    assert asked.returncode == 2
    assert "to drop 1 dead letter, for good, add --yes: there is no terminal" in asked.stderr
    assert plant.run("dead-letters", "drop").returncode == 2
    dropped = plant.run("dead-letters", "drop", number, "999")
    assert dropped.returncode == 1
    assert dropped.stdout == "1 dropped\n1 not dropped: there is no such letter (999)\n"
    missing = plant.run("dead-letters", "show", number)
    assert (missing.returncode, missing.stderr) == (1, f"error: there is no dead letter {number}\n")
    # Another's token, or none.
    other = plant.run(
        "dead-letters", "list", "--url", plant.node.http_url, "--data-dir", str(tmp_path)
    )
    assert other.returncode == 1
    assert "is not the token of this node" in other.stderr
    assert "--data-dir" in other.stderr
    device.close()


@contextmanager
def watching(plant: Plant, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `bellwire watch` until the end of the block; it listens when the block begins."""
    command = [sys.executable, "-m", "bellwire", "watch", "ready", *arguments]
    process = subprocess.Popen(
        command,
        cwd=plant.node.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert process.stdout is not None
    device = plant.node.device("ready")
    try:
        while not select.select([process.stdout], [], [], 0.2)[0]:
            device.publish("ready", b"")
        while select.select([process.stdout], [], [], 0.3)[0]:
            assert "ready" in process.stdout.readline()
        yield process
    finally:
        device.close()
        process.kill()
        process.communicate()


def test_watch_shows_what_publish_sends(plant: Plant) -> None:
    with watching(plant, "room/#", "--qos", "1") as watch:
        assert watch.stdout is not None
        published = plant.run("publish", "--topic", "room/1", '{"on":  true}')
        assert (published.returncode, published.stderr) == (0, 'room/1 {"on": true}\n')
        plant.run("publish", "--topic", "room/2", "--qos", "0", "warm")
        plant.run("publish", "--topic", "room/3")
        lines = [watch.stdout.readline() for _ in range(3)]
        assert [line.split(maxsplit=1)[1] for line in lines] == [
            'room/1 qos1 {"on": true}\n',
            "room/2 warm\n",
            "room/3 qos1 (empty)\n",
        ]
        assert re.match(r"\d\d:\d\d:\d\d\.\d\d\d ", lines[0])
        watch.send_signal(signal.SIGINT)
        assert watch.wait(timeout=10) == 0
        assert watch.stderr is not None
        assert watch.stderr.read() == ""


def test_watch_for_scripts_ends_after_a_count(plant: Plant) -> None:
    plant.run("publish", "--topic", "kept/1", "--retain", "21.5")
    done = plant.run("watch", "kept/#", "--json", "--count", "1")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert 0 <= time.time() * 1000 - document.pop("time_ms") < 20_000
    assert document == {"topic": "kept/1", "qos": 0, "retained": True, "payload": "21.5"}
    plant.run("publish", "--topic", "kept/1", "--retain")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("watch", "a/#/b"), 2, "'a/#/b': + is one whole level, # is the last one"),
        (("watch", "a b"), 1, "topic 'a b' has a space"),
        (("watch", "a", "--mqtt", "127.0.0.1:9"), 1, "cannot be listened to"),
        (("publish", "--topic", "a/+"), 1, "topic 'a/+': + and # are for filters"),
        (("publish", "--topic", "a", "b", "c"), 2, "a payload is one word"),
        (("publish",), 2, "say a device and what it has"),
    ],
)
def test_what_cannot_be_watched_or_published(
    plant: Plant, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = plant.run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
