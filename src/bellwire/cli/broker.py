"""Where the MQTT broker is that a command talks to, and how it is let in."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import typer

from bellwire.bus.mqtt import Login
from bellwire.cli.address import find_node, split_host_port
from bellwire.errors import UpstreamError


USER = "bellwire-cli"
"""Whom the node's broker knows by the node's token."""


class Broker(NamedTuple):
    """A broker's address; a login where it may be the node's own."""

    host: str
    port: int
    login: Login | None


def find_broker(mqtt: str | None, data_dir: Path) -> Broker:
    """Return the broker named as HOST:PORT, else that of the node that uses this data folder.

    Raises UpstreamError where that one is somebody else's: it lets in whom it knows.
    """
    if mqtt is not None:
        return Broker(*_address(mqtt), None)  # the token is nobody else's business
    node = find_node(data_dir)
    if not node.mqtt_is_ours:
        raise UpstreamError(
            f"the devices of this node have a broker of their own, {node.mqtt_host}:"
            f"{node.mqtt_port}, which does not know this command",
            retryable=False,
            hint="--mqtt HOST:PORT tries it without a login; else use a client of that broker",
        )
    login = None if node.token is None else Login(USER, node.token)
    return Broker(node.mqtt_host, node.mqtt_port, login)


def _address(text: str) -> tuple[str, int]:
    with suppress(ValueError):
        host, port = split_host_port(text)
        if host and 0 < port < 65536:
            return host, port
    raise typer.BadParameter(f"--mqtt {text!r} is not HOST:PORT")
