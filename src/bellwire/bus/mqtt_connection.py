"""One connection to an MQTT broker of somebody else: from its login until it is lost.

It stands on paho's client and drives it from the event loop. aiomqtt, which the rest of `bus/`
uses, hides what is needed here: when a message is acknowledged, how many may be open (receive
maximum), whether the broker still had the session, and why a connection was lost.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bellwire.bus import broker_errors
from bellwire.definition.model import Broker
from bellwire.errors import BusError
from bellwire.limits import Limits
from bellwire.origin import MqttProperties


_KEEPALIVE_S = 30
_PACKETS_A_TURN = 64
_FILTERS_A_PACKET = 8
"""[docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]"""
_NO_RETAINED = 2
"""Retain handling: what a broker has kept is no event [MQTT 5, 3.8.3.1]."""
_MOST_IN_FLIGHT = 65_535
_REFUSED = 128
UNSUPPORTED_VERSION = "Unsupported protocol version"
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came; `mid` is what it is acknowledged by, `identifiers` those of the
    subscriptions that brought it."""

    topic: str
    payload: bytes
    qos: int
    mid: int
    is_again: bool
    is_retained: bool
    properties: MqttProperties | None
    identifiers: tuple[int, ...]


class MqttConnection:
    """A connection. `open` once, then use it until `lost` is done, then `close`."""

    def __init__(
        self,
        broker: Broker,
        *,
        is_new: bool,
        on_message: Callable[[Received], None],
        limits: Limits,
        packet_bytes: int,
    ) -> None:
        self._broker = broker
        self._is_new = is_new
        self._on_message = on_message
        self._limits = limits
        self._packet_bytes = packet_bytes
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = loop.create_future()
        """Done with the cause once the connection has ended."""
        self._login: asyncio.Future[str] = loop.create_future()
        self._answers: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._published: dict[int, asyncio.Future[ReasonCode]] = {}
        self._packets = 0
        self._socket: socket.socket | None = None
        self._is_reading = False
        self._timer: asyncio.TimerHandle | None = None
        self._cause: str | None = None
        self._granted = _no_properties(PacketTypes.CONNACK)
        self.has_session = False
        """Whether the broker still had the session of this client."""
        self._client = self._make_client()
        self._free = asyncio.Semaphore(limits.broker_publishes)

    @property
    def is_open(self) -> bool:
        """Whether the broker has let us in, and the connection has not ended."""
        return self._socket is not None and self._login.done() and not self.lost.done()

    @property
    def has_identifiers(self) -> bool:
        """Whether the broker tells which subscription brought a message."""
        return self._is_new and bool(self._grant("SubscriptionIdentifierAvailable", 1))

    async def open(self) -> None:
        """Connect and log in; raises BusError, whose `retryable` says if waiting may help."""
        broker, within_s = self._broker, self._limits.broker_timeout_s
        try:
            if broker.tls:
                self._client.tls_set_context(_tls_context(broker))
            async with asyncio.timeout(3 * within_s):  # each step has a bound of its own
                await _in_thread(self._connect)
        except TimeoutError:
            raise broker_errors.no_answer(broker.url, within_s) from None
        except OSError as error:
            raise broker_errors.unreachable(broker.url, error) from None
        self._begin()
        await asyncio.wait(
            {self._login, self.lost}, timeout=within_s, return_when="FIRST_COMPLETED"
        )
        if self._login.done():
            reason = self._login.result()
            if reason != "Success":
                self.close()
                raise broker_errors.refused_login(broker.url, broker.client_id, reason)
        elif self.lost.done():
            raise broker_errors.closed_early(broker.url, broker.client_id, self._cause)
        else:
            self.close()
            raise broker_errors.no_answer(broker.url, within_s)
        in_flight = self._grant("ReceiveMaximum", _MOST_IN_FLIGHT)
        self._free = asyncio.Semaphore(min(in_flight, self._limits.broker_publishes))

    async def subscribe(self, filters: Sequence[tuple[str, int]]) -> list[str | int]:
        """Subscribe to filters with QoS 1, each with its identifier; return what each was granted:
        a QoS, or why it was refused. Raises BusError."""
        packets = [filters[at : at + _FILTERS_A_PACKET] for at in range(0, len(filters), 8)]
        if self.has_identifiers:  # a packet has one for all its filters
            packets = [[each] for each in filters]
        answers = await asyncio.gather(*map(self._subscribe, packets))
        return [
            code.getName() if code.value >= _REFUSED else code.value
            for answer in answers
            for code in answer
        ]

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        """Subscribe to these no more. Raises BusError."""
        packets = [list(filters[at : at + _FILTERS_A_PACKET]) for at in range(0, len(filters), 8)]
        await asyncio.gather(*(self._answer(self._client.unsubscribe(each)) for each in packets))

    async def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        *,
        retain: bool,
        properties: MqttProperties | None,
    ) -> None:
        """Publish; with QoS 1 return once the broker has acknowledged. Raises BusError."""
        self._check(topic, payload)
        qos = min(qos, self._grant("MaximumQoS", 1))
        written = _properties(properties) if properties and self._is_new else None
        async with self._free:
            info = self._client.publish(topic, payload, qos, retain, written)
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise self._away()
            if qos == 0:
                return
            answer = self._published[info.mid] = asyncio.get_running_loop().create_future()
            await asyncio.wait({answer, self.lost}, return_when="FIRST_COMPLETED")
            self._published.pop(info.mid, None)
        if not answer.done():
            raise self._away()
        if answer.result().value >= _REFUSED:
            raise BusError(
                f"the MQTT broker {self._broker.url} refused a message to topic {topic}: "
                f"{answer.result().getName()}",
                retryable=False,
                hint=f"let the client {self._broker.client_id} publish to it",
            )

    def acknowledge(self, mid: int) -> None:
        """Acknowledge a message of QoS 1: the broker forgets it."""
        if self.is_open and mid:
            self._client.ack(mid, 1)

    def pause(self) -> None:
        """Read no more from the broker until `resume`."""
        if self._is_reading and self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._is_reading = False

    def resume(self) -> None:
        """Read again."""
        if not self._is_reading and self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)
            self._is_reading = True
            if _pending(self._socket):  # the loop does not see what OpenSSL has read
                asyncio.get_running_loop().call_soon(self._readable)

    def close(self) -> None:
        """End the connection; the broker keeps the session."""
        if self._socket is not None:
            self._client.disconnect()
            if self._socket is not None:
                self._client.loop_write()
            self._drop_socket()
        if self._timer is not None:
            self._timer.cancel()
        if not self.lost.done():
            self.lost.set_result("closed")

    # Making it

    def _make_client(self) -> Client:
        broker = self._broker
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            clean_session=None if self._is_new else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._is_new else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = self._limits.broker_timeout_s
        client.max_inflight_messages_set(self._limits.broker_publishes)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._take
        client.on_subscribe = self._on_answer
        client.on_unsubscribe = self._on_answer
        client.on_publish = self._on_publish
        client.on_log = self._on_log
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_write_wanted
        client.on_socket_unregister_write = self._on_write_done
        return client

    def _connect(self) -> None:
        """Connect, which blocks: in a thread of its own, where nothing else touches the client."""
        broker = self._broker
        if self._is_new:
            properties = _no_properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = self._limits.broker_session_s
            properties.ReceiveMaximum = min(self._limits.broker_in_flight, _MOST_IN_FLIGHT)
            properties.MaximumPacketSize = self._packet_bytes
            self._client.connect(
                broker.host, broker.port, _KEEPALIVE_S, clean_start=False, properties=properties
            )
        else:
            self._client.connect(broker.host, broker.port, _KEEPALIVE_S)

    def _begin(self) -> None:
        found = self._client.socket()
        if not isinstance(found, socket.socket):
            self._end("lost at once")
            return
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = found
        self.resume()
        self._on_write_wanted(self._client, None, found)
        self._misc()

    def _misc(self) -> None:
        self._client.loop_misc()  # pings
        if not self.lost.done():
            self._timer = asyncio.get_running_loop().call_later(1.0, self._misc)

    # What paho calls

    def _on_connect(
        self,
        _: Client,
        __: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        granted: Properties | None,
    ) -> None:
        self.has_session = flags.session_present
        self._granted = granted or _no_properties(PacketTypes.CONNACK)
        if not self._login.done():
            self._login.set_result(reason.getName())

    def _on_disconnect(
        self, _: Client, __: Any, flags: DisconnectFlags, reason: ReasonCode, ___: Properties | None
    ) -> None:
        told = reason.getName() if flags.is_disconnect_packet_from_server else self._cause
        self._end(told or "it was closed")

    def _take(self, _: Client, __: Any, message: MQTTMessage) -> None:
        self._packets += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:  # a broker that lets this pass is at fault: nothing can match it
            self.acknowledge(message.mid)
            return
        given = message.properties
        identifiers = getattr(given, "SubscriptionIdentifier", ()) if given else ()
        self._on_message(
            Received(
                topic=topic,
                payload=bytes(message.payload),
                qos=message.qos,
                mid=message.mid,
                is_again=message.dup,
                is_retained=message.retain,
                properties=_read_properties(given) if given else None,
                identifiers=tuple(identifiers),
            )
        )

    def _on_answer(
        self, _: Client, __: Any, mid: int, codes: list[ReasonCode], ___: Properties | None
    ) -> None:
        self._packets += 1
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _on_publish(self, _: Client, __: Any, mid: int, code: ReasonCode, ___: Properties) -> None:
        self._packets += 1
        answer = self._published.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(code)

    def _on_log(self, _: Client, __: Any, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._cause = text  # paho tells the error of a socket nowhere else

    def _on_socket_close(self, _: Client, __: Any, ___: Any) -> None:
        self._drop_socket()

    def _on_write_wanted(self, _: Client, __: Any, ___: Any) -> None:
        if self._socket is not None:  # else it is the thread that connects
            asyncio.get_running_loop().add_writer(self._socket.fileno(), self._client.loop_write)

    def _on_write_done(self, _: Client, __: Any, ___: Any) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_writer(self._socket.fileno())

    # Doing

    def _readable(self) -> None:
        if not self._is_reading:
            return
        for _ in range(_PACKETS_A_TURN):
            before = self._packets
            self._client.loop_read()
            if not self._is_reading:
                return
            if self._packets == before and not _pending(self._socket):
                return
        if _pending(self._socket):
            asyncio.get_running_loop().call_soon(self._readable)

    def _drop_socket(self) -> None:
        dropped, self._socket, self._is_reading = self._socket, None, False
        if dropped is not None and dropped.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(dropped.fileno())
            asyncio.get_running_loop().remove_writer(dropped.fileno())

    def _end(self, cause: str) -> None:
        self._drop_socket()
        if not self.lost.done():
            self.lost.set_result(cause)

    async def _subscribe(self, filters: Sequence[tuple[str, int]]) -> list[ReasonCode]:
        if not self._is_new:
            return await self._answer(self._client.subscribe([(text, 1) for text, _ in filters]))
        properties = _no_properties(PacketTypes.SUBSCRIBE)
        if self.has_identifiers:
            properties.SubscriptionIdentifier = filters[0][1]
        options = SubscribeOptions(qos=1, retainHandling=_NO_RETAINED)
        wanted = [(text, options) for text, _ in filters]
        return await self._answer(self._client.subscribe(wanted, properties=properties))

    async def _answer(self, sent: tuple[MQTTErrorCode, int | None]) -> list[ReasonCode]:
        code, mid = sent
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise self._away()
        answer = self._answers[mid] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait(
                {answer, self.lost},
                timeout=self._limits.broker_timeout_s,
                return_when="FIRST_COMPLETED",
            )
        finally:
            del self._answers[mid]
        if not answer.done():
            raise self._away()
        return list(answer.result())

    def _check(self, topic: str, payload: bytes) -> None:
        if not self.is_open:
            raise self._away()
        room = self._grant("MaximumPacketSize", 0)
        size = len(payload) + len(topic.encode())
        if room and size > room:
            raise BusError(
                f"a message of {size} bytes to topic {topic[:256]} is larger than the MQTT broker "
                f"{self._broker.url} takes: {room}",
                retryable=False,
                hint="send less at once, or raise the broker's bound",
            )

    def _grant(self, name: str, default: int) -> int:
        value: int = getattr(self._granted, name, default)
        return value

    def _away(self) -> BusError:
        return BusError(f"the MQTT broker {self._broker.url} is not connected", retryable=True)


def _tls_context(broker: Broker) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.certificate is not None:
        try:
            context.load_cert_chain(broker.certificate, broker.key)
        except ssl.SSLError as error:
            raise BusError(
                f"{broker.certificate} and {broker.key} cannot be used: {error.reason or error}",
                retryable=False,
                hint="both are PEM, the key without a passphrase, and belong together",
            ) from None
    if broker.alpn is not None:
        context.set_alpn_protocols([broker.alpn])
    return context


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    """Run work that blocks; where we are cancelled nobody waits for it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Result] = loop.create_future()

    def finish(settle: Callable[[], None]) -> None:
        if not done.done():
            settle()

    def run() -> None:
        settle: Callable[[], None]
        try:
            settle = partial(done.set_result, work())
        except Exception as error:
            settle = partial(done.set_exception, error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, settle)

    # Not an executor's: the interpreter would wait for it at its end.
    threading.Thread(target=run, name="mqtt-connect", daemon=True).start()
    return await done


def _no_properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]


def _pending(found: socket.socket | None) -> int:
    return found.pending() if isinstance(found, ssl.SSLSocket) else 0


def _properties(given: MqttProperties) -> Properties:
    properties = _no_properties(PacketTypes.PUBLISH)
    if given.content_type is not None:
        properties.ContentType = given.content_type
    if given.is_text is not None:
        properties.PayloadFormatIndicator = int(given.is_text)
    if given.response_topic is not None:
        properties.ResponseTopic = given.response_topic
    if given.correlation_data is not None:
        properties.CorrelationData = given.correlation_data
    if given.user:
        properties.UserProperty = list(given.user)
    if given.message_expiry_s is not None:
        properties.MessageExpiryInterval = given.message_expiry_s
    return properties


def _read_properties(given: Properties) -> MqttProperties | None:
    is_text = getattr(given, "PayloadFormatIndicator", None)
    user: Iterable[tuple[str, str]] = getattr(given, "UserProperty", ())
    read = MqttProperties(
        content_type=getattr(given, "ContentType", None),
        is_text=None if is_text is None else bool(is_text),
        response_topic=getattr(given, "ResponseTopic", None),
        correlation_data=getattr(given, "CorrelationData", None),
        user=tuple(user),
        message_expiry_s=getattr(given, "MessageExpiryInterval", None),
    )
    return None if read == MqttProperties() else read
