"""What tests of several parts share."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

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
