"""The MQTT side: publishing as a device would, over TCP, with the broker's acknowledgement."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from types import TracebackType
from typing import Self

import aiomqtt

from bellwire.bus.subjects import check_topic
from bellwire.errors import BusError


log = logging.getLogger("bellwire.bus")

_TIMEOUT_S = 10.0
# Without it a publish waits, for up to 40 ms, until the broker has confirmed the one before.
_AT_ONCE = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class MqttPublisher:
    """One MQTT connection that publishes; an async context manager, which connects at once.

    Used without, it connects for its first message.

    Raises BusError where the broker cannot be reached or does not acknowledge.
    """

    def __init__(self, host: str, port: int, *, client_id: str | None = None) -> None:
        self._host = host
        self._port = port
        self._client_id = client_id
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
        client = aiomqtt.Client(
            self._host,
            self._port,
            identifier=self._client_id,
            timeout=_TIMEOUT_S,
            socket_options=[_AT_ONCE],
        )
        client.pending_calls_threshold = sys.maxsize  # each caller waits: many at once are fine
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as error:
            raise self._error(error) from None
        self._client = client

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


async def wait_accepting(host: str, port: int, *, within_s: float) -> None:
    """Return once the broker has answered an MQTT client; BusError where it does not in time.

    The first MQTT client also makes nats-server create the streams behind QoS 1.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        try:
            async with MqttPublisher(host, port):
                return
        except BusError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.02)
