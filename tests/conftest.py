"""What tests of several parts share."""

from __future__ import annotations

import asyncio
import getpass
import itertools
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from bellwire.bus.embedded import free_port
from bellwire.definition.model import EventInvokeConfig
from bellwire.iot.performers import Performers
from bellwire.iot.republished import Republished
from bellwire.notify.channel import NotifierChannel
from bellwire.notify.listeners import Listeners


@pytest.fixture
def attach_channel() -> Iterator[Callable[[Listeners], int]]:
    """Serve the notifier's channel in a loop of its own; gives the SDK's descriptor."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened: list[tuple[asyncio.WriteTransport, socket.socket]] = []

    async def serve(listeners: Listeners, ours: socket.socket) -> asyncio.WriteTransport:
        channel = NotifierChannel(listeners)
        transport, _ = await loop.create_unix_connection(lambda: channel, sock=ours)
        return cast(asyncio.WriteTransport, transport)

    def attach(listeners: Listeners) -> int:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        served = asyncio.run_coroutine_threadsafe(serve(listeners, ours), loop)
        opened.append((served.result(), theirs))
        return theirs.fileno()

    async def detach() -> None:
        for transport, _ in opened:
            transport.abort()
        await asyncio.sleep(0.01)  # until the loop has closed them

    yield attach
    asyncio.run_coroutine_threadsafe(detach(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    for _, theirs in opened:
        theirs.close()


@pytest.fixture
def performers() -> Callable[..., Performers]:
    """Make those who perform what rules ask for; who is not given must not be asked."""

    async def nobody(*asked: object) -> Any:
        raise AssertionError(f"nobody performs this: {asked}")

    def make(**given: Any) -> Performers:
        silent = dict.fromkeys(("invoke", "publish", "post", "notify", "ask", "tell", "bury"))
        whole = {name: given.get(name, nobody) for name in silent}
        ids = itertools.count(1)
        return Performers(
            **whole,
            settings=given.get("settings", lambda function: EventInvokeConfig()),
            request_id=given.get("request_id", lambda: f"request-{next(ids)}"),
            republished=Republished(most=100, age_s=60),
        )

    return make


class Mosquitto:
    """Debian's mosquitto on a port of its own, as somebody else's broker."""

    def __init__(self, program: str, folder: Path, settings: str, *, port: int | None) -> None:
        self.port = port or free_port("127.0.0.1")
        self._command = [program, "-c", str(folder / "mosquitto.conf")]
        self.log = folder / "mosquitto.log"
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\npersistence true\n"
            f"persistence_location {folder}/\nautosave_interval 1\nautosave_on_changes true\n"
            # Started by root it would become another user, who cannot write to our folder.
            f"max_queued_messages 0\nuser {getpass.getuser()}\n{settings}"
        )
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it as a machine that is shut down does: it writes down its sessions."""
        self.process.terminate()
        self.process.wait(timeout=10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def start_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mosquitto]]:
    """Start mosquitto with lines for its file: by default everybody may come in."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        reason = "mosquitto is not installed; to run this test: sudo apt-get install mosquitto"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    started: list[Mosquitto] = []

    def start(settings: str = "allow_anonymous true\n", *, port: int | None = None) -> Mosquitto:
        folder = tmp_path_factory.mktemp("mosquitto")
        broker = Mosquitto(program, folder, settings, port=port)
        started.append(broker)
        return broker

    yield start
    for broker in started:
        if broker.process.poll() is None:
            broker.kill()
