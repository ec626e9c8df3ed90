"""The MQTT side: publishing and listening as a device would, over TCP."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import NamedTuple, Self, cast

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from bellwire.bus.subjects import check_topic
from bellwire.errors import BusError


log = logging.getLogger("bellwire.bus")

_TIMEOUT_S = 10.0
_REFUSED = 0x80
"""What SUBACK says of a filter that is refused [MQTT 3.1.1, 3.9.3]."""
_UNREAD = 10_000
"""Messages of a subscription that wait to be taken; further ones are counted and dropped."""
_PROBE = "bellwire-probe"
# Without it a publish waits, for up to 40 ms, until the broker has confirmed the one before.
_AT_ONCE = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Login(NamedTuple):
    """User and password, for a broker that asks for them; another one is connected to without."""

    user: str
    password: str


class Received(NamedTuple):
    """A message that came. `qos` is the lower one of publisher and subscription."""

    topic: str
    payload: bytes
    qos: int
    is_retained: bool


class MqttPublisher:
    """One MQTT connection that publishes; an async context manager, which connects at once.

    Used without, it connects for its first message. `login` is its user and password.

    Raises BusError where the broker cannot be reached or does not acknowledge.
    """

    def __init__(
        self, host: str, port: int, *, client_id: str | None = None, login: Login | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._client_id = client_id
        self._login = login
        self._client: aiomqtt.Client | None = None
        self._reconnecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._disconnect()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Publish; with QoS 1 return once the broker has acknowledged.

        A connection that was lost is made anew. Raises BusError after one more try, and
        BadRequestError where the topic cannot be published to.
        """
        check_topic(topic)
        client = self._client
        try:
            await self._publish(topic, payload, qos, retain)
        except aiomqtt.MqttError:
            async with self._reconnecting:  # of many publishers that fail together, one reconnects
                if self._client is client:
                    await self._disconnect()
                    await self._connect()
            try:
                await self._publish(topic, payload, qos, retain)
            except aiomqtt.MqttError as error:
                raise self._error(error) from None

    async def _publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        if self._client is None:
            raise aiomqtt.MqttError("not connected")
        await self._client.publish(topic, payload, qos=qos, retain=retain, timeout=_TIMEOUT_S)

    async def _connect(self) -> None:
        try:
            self._client = await _connected(
                self._host, self._port, client_id=self._client_id, login=self._login
            )
        except aiomqtt.MqttError as error:
            raise self._error(error) from None

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                await client.__aexit__(None, None, None)
            except aiomqtt.MqttError:
                log.debug("the MQTT connection had ended already")

    def _error(self, error: Exception) -> BusError:
        return BusError(
            f"the MQTT broker at {self._host}:{self._port} did not take it: {error}",
            retryable=True,
            hint="is `bellwire run` running, and on this MQTT port?",
        )


class Subscription:
    """Messages of some topic filters, in the order of their coming."""

    def __init__(self, host: str, port: int) -> None:
        self._place = f"{host}:{port}"
        self._queue = _Shedding(maxsize=_UNREAD)
        self._client: aiomqtt.Client | None = None

    @property
    def dropped(self) -> int:
        """How many had no room, because the earlier ones were not taken in time."""
        return self._queue.dropped

    async def messages(self) -> AsyncIterator[Received]:
        """Yield what comes; BusError where the connection ends."""
        assert self._client is not None
        try:
            async for message in self._client.messages:
                yield Received(message.topic.value, message.payload, message.qos, message.retain)
        except aiomqtt.MqttError:
            raise BusError(
                f"the MQTT broker at {self._place} closed the connection", retryable=True
            ) from None

    async def _subscribe(self, client: aiomqtt.Client, filters: Sequence[str], qos: int) -> None:
        self._client = client
        for each in filters:
            granted = await client.subscribe(each, qos=qos, timeout=_TIMEOUT_S)
            if any(getattr(code, "value", code) >= _REFUSED for code in granted):
                raise BusError(
                    f"the MQTT broker at {self._place} refuses the topic filter {each!r}",
                    retryable=False,
                )


@asynccontextmanager
async def subscribed(
    host: str, port: int, filters: Sequence[str], *, qos: int, login: Login | None = None
) -> AsyncIterator[Subscription]:
    """Subscribe to topic filters; BusError where that is not possible."""
    subscription = Subscription(host, port)
    try:
        client = await _connected(host, port, login=login, queue=subscription._queue)
        try:
            await subscription._subscribe(client, filters, qos)
            yield subscription
        finally:
            try:
                await client.__aexit__(None, None, None)
            except aiomqtt.MqttError:
                log.debug("the MQTT connection had ended already")
    except aiomqtt.MqttError as error:
        raise BusError(
            f"the MQTT broker at {host}:{port} cannot be listened to: {error}",
            retryable=True,
            hint="is `bellwire run` running, and on this MQTT port?",
        ) from None


class _Shedding(asyncio.Queue[aiomqtt.Message]):
    """A queue that counts what it has no room for."""

    dropped = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        if self.full():
            self.dropped += 1
        else:
            super().put_nowait(item)


async def _connected(
    host: str,
    port: int,
    *,
    client_id: str | None = None,
    login: Login | None = None,
    queue: _Shedding | None = None,
) -> aiomqtt.Client:
    """Connect; without the login where the broker does not know it. Raises aiomqtt.MqttError."""
    user, password = login or (None, None)
    client = aiomqtt.Client(
        host,
        port,
        username=user,
        password=password,
        identifier=client_id,
        timeout=_TIMEOUT_S,
        socket_options=[_AT_ONCE],
        queue_type=cast(_QueueType, lambda maxsize: queue) if queue else None,
    )
    client.pending_calls_threshold = sys.maxsize  # each caller waits: many at once are fine
    try:
        await client.__aenter__()
    except MqttConnectError:
        if login is None:
            raise
        return await _connected(host, port, client_id=client_id, queue=queue)
    return client


_QueueType = type[asyncio.Queue[aiomqtt.Message]]


async def wait_accepting(
    host: str, port: int, *, within_s: float, login: Login | None = None
) -> None:
    """Return once the broker has answered an MQTT client; BusError where it does not in time.

    The first MQTT client also makes nats-server create the streams behind QoS 1.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        try:
            async with MqttPublisher(host, port, client_id=_PROBE, login=login):
                return
        except BusError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.02)
