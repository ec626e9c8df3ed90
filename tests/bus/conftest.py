"""A real nats-server on free ports, its data in tmp_path; real MQTT clients as devices."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import nats
import pytest
from nats.aio.client import Client

from bellwire.bus.connection import Bus
from bellwire.bus.embedded import (
    NODE_USER,
    EmbeddedServer,
    ServerSettings,
    find_binary,
    free_port,
)
from bellwire.bus.mqtt import wait_accepting
from bellwire.bus.rule_events import Event, EventSource, RuleEvents
from bellwire.iot.topics import TopicFilter
from bellwire.limits import Limits


START_S = 5.0
AT_ONCE = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class ListeningBus(Bus):
    """A bus with the events of rules: each source has what its filters stand for, as rules have."""

    def __init__(self, *, scope: str, limits: Limits) -> None:
        super().__init__(scope=scope, limits=limits)
        self.rules = RuleEvents(self, limits=limits)

    async def listen(self, sources: Iterable[EventSource]) -> None:
        sources = list(sources)
        plain = {each for source in sources for each in source.filters}

        def take(event: Event) -> None:
            for source in sources:
                if any(TopicFilter.parse(each).matches(event.topic) for each in source.filters):
                    source.on_event(event)

        await self.rules.listen(sources, plain=plain, on_plain=take)


class Broker:
    """A running nats-server, and ways to talk to it."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.server = EmbeddedServer(settings)

    @property
    def pid(self) -> int:
        assert self.server.pid is not None
        return self.server.pid

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.server.start()
        try:
            async with self.bus():
                await self.wait_accepting()
                yield
        finally:
            pid = self.server.pid
            await self.server.stop()
            assert pid is not None
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    async def wait_accepting(self) -> None:
        if self.settings.mqtt_port:
            await wait_accepting("127.0.0.1", self.settings.mqtt_port, within_s=START_S)

    @asynccontextmanager
    async def bus(self, scope: str = "app-dev", **bounds: float) -> AsyncIterator[ListeningBus]:
        """Connect as a node does."""
        limits = replace(Limits(redelivery_s=0.5), **bounds)  # type: ignore[arg-type]  # ints too
        bus = ListeningBus(scope=scope, limits=limits)
        await bus.connect(
            self.settings.url,
            user=NODE_USER,
            password=self.settings.password,
            within_s=START_S,
            is_hopeless=self.server.failure,
        )
        try:
            yield bus
        finally:
            await bus.close()

    @asynccontextmanager
    async def nats(self) -> AsyncIterator[Client]:
        """Connect to the NATS port as the node's user, to look on."""
        client = await nats.connect(
            self.settings.url, user=NODE_USER, password=self.settings.password
        )
        try:
            yield client
        finally:
            await client.close()

    def device(self, **arguments: Any) -> aiomqtt.Client:
        """Make an MQTT client as a device has: no password."""
        options: dict[str, Any] = {"timeout": 5, "socket_options": [AT_ONCE], **arguments}
        return aiomqtt.Client("127.0.0.1", self.settings.mqtt_port, **options)

    def raw_device(self) -> socket.socket:
        """Connect a device that sends bytes of its own making."""
        device = socket.create_connection(("127.0.0.1", self.settings.mqtt_port), timeout=5)
        connect = field(b"MQTT") + b"\x04\x02\x00\x3c" + field(b"raw")
        device.sendall(b"\x10" + bytes((len(connect),)) + connect)
        assert device.recv(4) == b"\x20\x02\x00\x00"
        return device


def field(data: bytes) -> bytes:
    """Return bytes as a field of MQTT: length first."""
    return len(data).to_bytes(2) + data


class Inbox:
    """What a rule got. Events are said to be done at once, unless told otherwise."""

    def __init__(self, *, done: bool = True) -> None:
        self.events: list[Event] = []
        self.done = done

    def take(self, event: Event) -> None:
        self.events.append(event)
        if self.done:
            event.done()

    def source(self, name: str, *filters: str, rules: Iterable[str] = ()) -> EventSource:
        return EventSource(name, tuple(rules) or (name,), filters, self.take)

    @property
    def payloads(self) -> list[bytes]:
        return [event.payload for event in self.events]

    async def wait_for(self, *payloads: bytes) -> None:
        """Wait until each of these has come at least once."""
        await until(lambda: set(payloads) <= set(self.payloads))


async def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        await asyncio.sleep(0.005)


StartBroker = Callable[..., AbstractAsyncContextManager[Broker]]


@pytest.fixture
def broker_settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(
        binary=find_binary(None),
        folder=tmp_path / "nats",
        mqtt_host="127.0.0.1",
        mqtt_port=free_port("127.0.0.1"),
        nats_port=free_port("127.0.0.1"),
        store_bytes=1024**3,
        sync_interval_s=120.0,
    )


@pytest.fixture
def start_broker(broker_settings: ServerSettings) -> StartBroker:
    """Start nats-server: `async with start_broker() as broker`. Again: the same data and ports."""

    @asynccontextmanager
    async def start() -> AsyncIterator[Broker]:
        broker = Broker(broker_settings)
        async with broker.running():
            yield broker

    return start


@pytest.fixture
def make_inbox() -> Callable[..., Inbox]:
    return Inbox


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    return until


@pytest.fixture
def children() -> Callable[[], Iterable[int]]:
    """Tell which processes are children of this one."""

    def find() -> Iterable[int]:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[1]) == os.getpid():
                        yield int(entry.name)

    return find
