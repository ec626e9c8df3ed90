"""The tools on a real node: dead letters tried again and dropped."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

Run = Callable[..., "subprocess.CompletedProcess[str]"]

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


class Plant:
    """A node whose function fails until it is repaired."""

    def __init__(self, node: Node, bellwire: Run) -> None:
        self.node = node
        self._bellwire = bellwire

    def run(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        return self._bellwire(*arguments, cwd=self.node.folder, **options)

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


@pytest.fixture
def plant(start_node: StartNode, bellwire: Run) -> Plant:
    node = start_node(service={"serverless.yml": SERVICE, "handler.py": HANDLER})
    return Plant(node, bellwire)


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
    plant.wait_for_letters(1)
    asked = plant.run("dead-letters", "drop", "--all")
    assert asked.returncode == 2
    assert "to drop 1 dead letter, for good, add --yes: there is no terminal" in asked.stderr
    assert plant.run("dead-letters", "drop").returncode == 2
    dropped = plant.run("dead-letters", "drop", "1", "9")
    assert dropped.returncode == 1
    assert dropped.stdout == "1 dropped\n1 not dropped: there is no such letter (9)\n"
    missing = plant.run("dead-letters", "show", "1")
    assert (missing.returncode, missing.stderr) == (1, "error: there is no dead letter 1\n")
    # Another's token, or none.
    other = plant.run(
        "dead-letters", "list", "--url", plant.node.http_url, "--data-dir", str(tmp_path)
    )
    assert other.returncode == 1
    assert "is not the token of this node" in other.stderr
    assert "--data-dir" in other.stderr
    device.close()
