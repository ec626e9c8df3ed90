"""`bellwire publish`: publish a device's parameters over MQTT, as the device would."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import quote

import typer

from bellwire.bus.mqtt import Login, MqttPublisher
from bellwire.bus.subjects import check_topic
from bellwire.cli.address import call_node, find_node
from bellwire.cli.broker import find_broker
from bellwire.cli.options import DataDir
from bellwire.cli.payload import shown
from bellwire.errors import UpstreamError
from bellwire.simulation import topic_of_device


def publish(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DEVICE NAME=VALUE... | --topic TOPIC [PAYLOAD]",
            help="A device and its parameters, VALUE is JSON or text; or a payload, - for stdin.",
        ),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Publish a payload as it is to this.")] = None,
    qos: Annotated[int, typer.Option(min=0, max=1, help="1 waits for the acknowledgement.")] = 1,
    retain: Annotated[
        bool, typer.Option("--retain", help="Who subscribes later gets it; no payload: nobody.")
    ] = False,
    mqtt: Annotated[str | None, typer.Option(help="HOST:PORT of the broker.")] = None,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Publish parameters of a device: bellwire publish thermostat-1 temperature=21.5"""
    if topic is None:
        topic, payload = _of_device(words or [])
    else:
        payload = _payload(words or [])
    check_topic(topic)
    node = find_node(data_dir)
    if mqtt is None and not node.mqtt_is_ours and not retain:
        _publish_by_node(node.http_url, topic, payload, qos)
    else:
        host, port, login = find_broker(mqtt, data_dir)
        asyncio.run(_publish(host, port, login, topic, payload, qos, retain))
    print(f"{topic} {shown(payload)}", file=sys.stderr)


def _of_device(words: list[str]) -> tuple[str, bytes]:
    """Return topic and payload of a device's parameters."""
    if len(words) < 2:
        raise typer.BadParameter("say a device and what it has: thermostat-1 temperature=21.5")
    device, *values = words
    if not device or not set("/+#").isdisjoint(device):
        raise typer.BadParameter(f"{device!r} is no device: it is one level of a topic, as in a-1")
    value: dict[str, object] = {}
    for text in values:
        name, separator, content = text.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE, as in temperature=21.5")
        _place(value, name.split("."), _parse(content))
    try:
        payload = json.dumps({"value": value}, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:  # half characters, 1e999
        raise typer.BadParameter(f"JSON cannot carry this: {error}") from None
    return topic_of_device(device), payload


def _payload(words: list[str]) -> bytes:
    if len(words) > 1:
        raise typer.BadParameter(
            "a payload is one word: put it in quotes, or give - and pipe it in"
        )
    if words == ["-"]:
        return sys.stdin.buffer.read()
    return os.fsencode(words[0]) if words else b""


def _publish_by_node(url: str, topic: str, payload: bytes, qos: int) -> None:
    """Have the node publish, which the broker of the devices knows."""
    path = f"/topics/{quote(topic, safe='')}?qos={qos}"
    answer = call_node(url, "POST", path, body=payload, timeout_s=30.0)
    if answer.status != 200:
        said = answer.body.decode(errors="replace")[:500]
        raise UpstreamError(f"the node did not publish: {said}", retryable=True)


async def _publish(
    host: str,
    port: int,
    login: Login | None,
    topic: str,
    payload: bytes,
    qos: int,
    retain: bool,
) -> None:
    async with MqttPublisher(host, port, login=login) as publisher:
        await publisher.publish(topic, payload, qos=qos, retain=retain)


def _parse(text: str) -> object:
    try:
        parsed: object = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return parsed


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # but Python would take NaN and Infinity


def _place(value: dict[str, object], path: list[str], content: object) -> None:
    """Put a content at a dotted path: `battery.level=80` is `{"battery": {"level": 80}}`."""
    for name in path[:-1]:
        inner = value.setdefault(name, {})
        if not isinstance(inner, dict):
            raise typer.BadParameter(f"{'.'.join(path)}: {name} already has a value of its own")
        value = inner
    value[path[-1]] = content
