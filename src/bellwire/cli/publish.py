"""`bellwire publish`: publish a device's parameters over MQTT, as the device would."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bellwire.bus.mqtt import MqttPublisher
from bellwire.cli.address import find_node, split_host_port
from bellwire.cli.options import DataDir
from bellwire.simulation import topic_of_device


def publish(
    device: Annotated[str, typer.Argument(help="The device's name.")],
    values: Annotated[
        list[str],
        typer.Argument(metavar="NAME=VALUE...", help="Parameters; VALUE is JSON or text."),
    ],
    qos: Annotated[int, typer.Option(min=0, max=1, help="1 waits for the acknowledgement.")] = 1,
    mqtt: Annotated[str | None, typer.Option(help="HOST:PORT of the broker.")] = None,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Publish parameters of a device: bellwire publish thermostat-1 temperature=21.5"""
    if not device or not set("/+#").isdisjoint(device):
        raise typer.BadParameter(f"{device!r} is no device: it is one level of a topic, as in a-1")
    value: dict[str, object] = {}
    for text in values:
        name, separator, content = text.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE, as in temperature=21.5")
        _place(value, name.split("."), _parse(content))
    node = find_node(data_dir)
    host, port = (node.mqtt_host, node.mqtt_port) if mqtt is None else _address(mqtt)
    try:
        payload = json.dumps({"value": value}, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:  # half characters, 1e999
        raise typer.BadParameter(f"JSON cannot carry this: {error}") from None
    topic = topic_of_device(device)
    asyncio.run(_publish(host, port, topic, payload, qos))
    print(f"{topic} {payload.decode()}", file=sys.stderr)


async def _publish(host: str, port: int, topic: str, payload: bytes, qos: int) -> None:
    async with MqttPublisher(host, port) as publisher:
        await publisher.publish(topic, payload, qos=qos)


def _address(text: str) -> tuple[str, int]:
    with suppress(ValueError):
        host, port = split_host_port(text)
        if host and 0 < port < 65536:
            return host, port
    raise typer.BadParameter(f"--mqtt {text!r} is not HOST:PORT")


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
