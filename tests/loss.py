"""`make loss`: 20 000 numbered events of QoS 1 while everything is killed, again and again.

Four devices publish; now and then the node, a worker, the fork server or nats-server is killed with
SIGKILL. What the broker has acknowledged must reach the function. Prints what was missing and what
came more than once; exit code 1 where anything is missing.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from bellwire.bus.embedded import free_port
from tests.end_to_end.conftest import Node


SERVICE = """\
service: loss
provider: {name: aws, runtime: python3.12}
custom: {bellwire: {limits: {redeliveryS: 1, retryDelayS: 0.1, functionRetries: 20}}}
functions:
  record:
    handler: handler.record
    environment: {RECORD: "%s"}
    events:
      - iot: {sql: "SELECT * FROM 'events/+'", sqlVersion: '2016-03-23', name: record}
"""
HANDLER = """\
import os

def record(event, context):
    fd = os.open(os.environ["RECORD"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, f"{event['number']}\\n".encode())
    os.close(fd)
"""
DEVICES = 4
TOPICS = 40
IN_FLIGHT = 20
VICTIMS = ("node", "worker", "fork server", "nats-server")
RATE_PER_S = 125.0
"""Of each device, at most: a kill is to meet work that is under way, not the end of it."""
PAUSE_S = (0.1, 0.8)
"""Between two kills: long enough that some work is done, at random moments of it."""
SILENCE_S = 30.0
"""How long nothing may arrive any more before what is missing is lost."""


class Publisher:
    """A device that publishes every fourth number, and notes which were acknowledged."""

    def __init__(self, port: int, first: int, count: int) -> None:
        self._numbers = range(first, count, DEVICES)
        self._sent: dict[int, int] = {}
        self._room = threading.Semaphore(IN_FLIGHT)
        self.acknowledged: set[int] = set()
        client = self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"loss-{first}", clean_session=False
        )
        client.reconnect_delay_set(min_delay=1, max_delay=1)
        client.on_publish = self._note
        client.connect("127.0.0.1", port)
        client.loop_start()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether all are acknowledged."""
        return len(self.acknowledged) == len(self._numbers)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _work(self) -> None:
        for number in self._numbers:
            time.sleep(1 / RATE_PER_S)
            self._room.acquire()
            topic = f"events/{number % TOPICS}"
            # Away or not: paho keeps it, and sends it again until it is acknowledged.
            message = self._client.publish(topic, b'{"number": %d}' % number, qos=1)
            self._sent[message.mid] = number

    def _note(
        self,
        _client: mqtt.Client,
        _data: object,
        mid: int,
        _code: ReasonCode,
        _properties: object,
    ) -> None:
        while mid not in self._sent:
            time.sleep(0)  # `publish` is about to return it
        self.acknowledged.add(self._sent.pop(mid))
        self._room.release()


class Loss:
    """A run: a node in a folder, its devices, and what the function recorded."""

    def __init__(self, folder: Path, *, count: int, seed: int) -> None:
        self._record = folder / "record"
        self._chance = random.Random(seed)
        self._count = count
        (folder / "serverless.yml").write_text(SERVICE % self._record)
        (folder / "handler.py").write_text(HANDLER)
        self.node = Node(folder, mqtt_port=free_port("127.0.0.1"))
        port = self.node.mqtt_port
        self._publishers = [Publisher(port, first, count) for first in range(DEVICES)]
        self.killed: Counter[str] = Counter()

    @property
    def acknowledged(self) -> set[int]:
        """The numbers that the broker has acknowledged."""
        return set().union(*(set(each.acknowledged) for each in self._publishers))

    def recorded(self) -> Counter[int]:
        """Return how often each number reached the function."""
        if not self._record.exists():
            return Counter()
        return Counter(int(line) for line in self._record.read_text().split())

    def run(self) -> set[int]:
        """Kill until all is published; return what is missing once nothing arrives any more."""
        waiting: list[str] = []
        while not all(each.is_done for each in self._publishers):
            time.sleep(self._chance.uniform(*PAUSE_S))
            if not waiting:
                waiting = self._chance.sample(VICTIMS, len(VICTIMS))
            self._kill(waiting.pop())
            _show(f"{len(self.acknowledged)} of {self._count} acknowledged, {self._kills()}")
        return self._missing()

    def close(self) -> None:
        """Stop everything."""
        for each in self._publishers:
            each.close()
        self.node.stop()

    def told(self, missing: set[int]) -> str:
        """Return the result in a line."""
        recorded = self.recorded()
        again = recorded.total() - len(recorded)
        return (
            f"{len(self.acknowledged)} acknowledged, {len(missing)} missing, {again} came more "
            f"than once; killed: {self._kills()}"
        )

    def _kills(self) -> str:
        return ", ".join(f"{name} {self.killed[name]}" for name in VICTIMS)

    def _kill(self, victim: str) -> None:
        if victim == "node":
            children = list(self.node.children())
            self.node.kill()
            self.node.wait_until_gone(children, within_s=10)
            self.node.start()
        else:
            pids = self.node.victims(victim)
            if not pids:
                return
            os.kill(self._chance.choice(pids), signal.SIGKILL)
        self.killed[victim] += 1

    def _missing(self) -> set[int]:
        arrived, quiet_since = -1, time.monotonic()
        while missing := self.acknowledged - set(recorded := self.recorded()):
            if len(recorded) > arrived:
                arrived, quiet_since = len(recorded), time.monotonic()
            elif time.monotonic() - quiet_since > SILENCE_S:
                break
            _show(f"{len(missing)} to come")
            time.sleep(0.2)
        return missing


def run(count: int, seed: int) -> tuple[set[int], str, Counter[str]]:
    """Return what was missing, the result in a line, and what was killed how often."""
    with TemporaryDirectory(prefix="bellwire-loss-") as folder:
        loss = Loss(Path(folder), count=count, seed=seed)
        try:
            missing = loss.run()
            return missing, loss.told(missing), loss.killed
        finally:
            loss.close()


def _show(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Run, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.loss", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    arguments = parser.parse_args()
    missing, told, _ = run(arguments.events, arguments.seed)
    _show("")
    print(f"{told}; seed {arguments.seed}")
    if missing:
        raise SystemExit(f"missing: {sorted(missing)[:50]}")


if __name__ == "__main__":
    main()
