"""The device side of a node: the broker that devices publish to, embedded or another's.

What the node itself publishes goes out here too, as if a device had sent it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bellwire.bus import advisories
from bellwire.bus.connection import Bus, without_secret
from bellwire.bus.embedded import (
    ACCOUNT,
    DEVICE_USER,
    NODE_USER,
    SYSTEM_USER,
    EmbeddedServer,
    ServerSettings,
    check_port,
    find_binary,
    free_port,
)
from bellwire.bus.mqtt import Login, MqttPublisher, wait_accepting
from bellwire.bus.outside import BrokerStatistics, OutsideBroker
from bellwire.bus.predecessor import end_predecessor
from bellwire.definition import Service
from bellwire.errors import BusError, StartError
from bellwire.logins import Logins
from bellwire.origin import MqttProperties
from bellwire.presence import PresenceTeller
from bellwire.settings import Settings, bracketed, is_loopback, reachable
from bellwire.simulation import make_devices, simulate


if TYPE_CHECKING:
    from bellwire.bus.callout import Callout

log = logging.getLogger("bellwire.node")

_START_S = 10.0


class DeviceSide:
    """The broker, started where it is ours, and the bus connected to it."""

    def __init__(
        self, bus: Bus, settings: Settings, service: Service, *, node_id: str, token: str
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._node_id = node_id
        self._token = token
        self._limits = service.limits
        self._system = Bus(scope="system", limits=service.limits)
        self._logins = Logins(service.devices) if service.devices else None
        self._login: Login | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._embedded: EmbeddedServer | None = None
        self._publisher: MqttPublisher | None = None
        broker = self._broker = service.broker
        self._outside = OutsideBroker(bus, broker, limits=service.limits) if broker else None
        self._mqtt = ("127.0.0.1", settings.mqtt_port)
        self.nats_url = ""
        """Where the bus is, without its password."""

    @property
    def mqtt_url(self) -> str:
        """Where devices connect."""
        if self._broker is not None:
            return self._broker.url
        host, port = self._mqtt
        return f"mqtt://{bracketed(host)}:{port}"

    async def start(self) -> None:
        """Start or find the broker; return once it accepts devices.

        One of somebody else is connected to by `follow`, once there is who takes its messages.
        Raises StartError where this machine does not allow it, BusError where it does not answer.
        """
        if self._broker is not None and self._logins is not None:
            raise StartError(
                f"the MQTT broker {self._broker.url} decides who may connect, not "
                "custom.bellwire.devices",
                hint="leave out the broker, or `devices`",
            )
        if self._settings.nats_url is None:
            await self._start_embedded()
        else:
            await self._connect(self._settings.nats_url)
        if self._outside is None:
            await wait_accepting(*self._mqtt, within_s=_START_S, login=self._login)
        else:
            await self._outside.open()

    async def follow(self, filters: Mapping[str, str]) -> None:
        """Have messages of these topic filters, each with whom it is for, and of no others.

        The embedded broker brings what the bus listens to: it needs to be told nothing. One of
        somebody else that is away is tried again and again: see `wait_connected`. Raises BusError.
        """
        if self._outside is not None:
            await self._outside.follow(filters)

    async def wait_connected(self) -> None:
        """Return once devices' messages come."""
        if self._outside is not None:
            await self._outside.wait_connected()

    @property
    def is_connected(self) -> bool:
        """Whether devices' messages come."""
        return self._outside is None or self._outside.is_connected

    def broker_statistics(self) -> BrokerStatistics | None:
        """Return the figures of a broker of somebody else; None where there is none."""
        return self._outside.statistics() if self._outside is not None else None

    async def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        *,
        retain: bool = False,
        properties: MqttProperties | None = None,
    ) -> None:
        """Publish as a device would; return once the broker has it (QoS 1).

        The embedded broker knows no `properties`. Raises BusError, and BadRequestError where the
        topic cannot be published to.
        """
        if self._outside is not None:
            await self._outside.publish(topic, payload, qos, retain=retain, properties=properties)
            return
        if self._publisher is None:
            client_id = f"bellwire-{self._node_id}"
            self._publisher = MqttPublisher(*self._mqtt, client_id=client_id, login=self._login)
        await self._publisher.publish(topic, payload, qos=qos, retain=retain)

    async def simulate(self, count: int) -> None:
        """Be so many devices that publish for ever, until cancelled."""
        devices = make_devices(count, seed=secrets.randbits(32))
        async with AsyncExitStack() as stack:
            publish = partial(self.publish, qos=1)
            if self._outside is None:
                publisher = MqttPublisher(
                    *self._mqtt, client_id="bellwire-simulator", login=self._login
                )
                publish = partial((await stack.enter_async_context(publisher)).publish, qos=1)
            while True:
                try:
                    await simulate(devices, publish)
                except BusError as error:
                    log.warning("the simulated devices: %s", error.message)
                    await asyncio.sleep(1.0)

    async def stop(self) -> None:
        """Disconnect, and stop the broker where it is ours."""
        async with AsyncExitStack() as last_first:
            if self._embedded is not None:
                last_first.push_async_callback(self._embedded.stop)
            last_first.push_async_callback(self._system.close)
            last_first.push_async_callback(self._bus.close)
            if self._publisher is not None:
                last_first.push_async_callback(self._publisher.__aexit__, None, None, None)
            if self._outside is not None:
                last_first.push_async_callback(self._outside.close)
            for task in self._tasks:
                task.cancel()

    async def _connect(self, url: str) -> None:
        if self._logins is not None:
            raise StartError(
                "with --nats that server decides who may connect, not custom.bellwire.devices",
                hint="leave out --nats, or `devices`",
            )
        if not self._settings.mqtt_port and self._broker is None:
            raise StartError(
                "with --nats the MQTT port of that server must be named",
                hint="add --mqtt-port 1883, or what its mqtt { } block says",
            )
        self.nats_url = without_secret(url)  # it is on /status
        self._mqtt = (urlsplit(url).hostname or "127.0.0.1", self._settings.mqtt_port)
        await self._bus.connect(url, within_s=_START_S)

    async def _start_embedded(self) -> None:
        settings, limits = self._settings, self._limits
        folder = (settings.data_dir / "nats").absolute()
        await end_predecessor(folder)
        mqtt_port = 0
        if self._broker is None:
            mqtt_port = settings.mqtt_port or free_port(settings.host)
            check_port(settings.host, mqtt_port, what="MQTT", option="--mqtt-port")
        callout = self._make_callout()
        server = ServerSettings(
            binary=find_binary(settings.nats_server),
            folder=folder,
            mqtt_host=settings.host,
            mqtt_port=mqtt_port,
            nats_port=free_port("127.0.0.1"),
            store_bytes=limits.stored_events_bytes,
            sync_interval_s=limits.sync_interval_s,
            payload_bytes=max(limits.mqtt_payload_bytes, limits.asynchronous_payload_bytes),
            callout_issuer=callout.issuer if callout else None,
            token=self._token,
        )
        self._embedded = EmbeddedServer(server)
        await self._embedded.start()
        self.nats_url = server.url
        if mqtt_port:
            self._mqtt = (reachable(settings.host), mqtt_port)
        await self._bus.connect(
            server.url,
            user=NODE_USER,
            password=server.password,
            within_s=_START_S,
            is_hopeless=self._embedded.failure,
        )
        if self._broker is None:
            await self._listen_to_system(server, callout)

    async def _listen_to_system(self, server: ServerSettings, callout: Callout | None) -> None:
        """Answer who may connect, and tell who is connected."""
        self._login = Login(DEVICE_USER, server.password)
        await self._system.connect(
            server.url, user=SYSTEM_USER, password=server.password, within_s=_START_S
        )
        if callout is not None:
            await callout.serve(self._system.client)
        elif not is_loopback(self._settings.host):
            log.warning(
                "every device that reaches %s may connect, publish and listen to everything: "
                "custom.bellwire.devices says who may",
                self.mqtt_url,
            )
        presence = PresenceTeller(self.publish)
        await advisories.listen(self._system.client, presence.take)
        self._tasks.append(asyncio.create_task(presence.tell()))

    def _make_callout(self) -> Callout | None:
        if self._logins is None:
            return None
        from bellwire.bus.callout import Callout  # its signatures take a moment to import

        return Callout(self._logins.decide, account=ACCOUNT)
