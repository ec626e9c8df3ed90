"""Where the running node is: told by it in its data folder, or by an option."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from bellwire.node import NODE_FILE


class Address(NamedTuple):
    """Where a node listens."""

    websocket_url: str
    http_url: str
    mqtt_host: str
    mqtt_port: int


def find_node(data_dir: Path) -> Address:
    """Return the address of the node that uses this data folder, else the default one."""
    try:
        document = json.loads((data_dir / NODE_FILE).read_text())
    except (OSError, ValueError):
        return Address("ws://127.0.0.1:3001/dev", "http://127.0.0.1:3001", "127.0.0.1", 1883)
    host, port = split_host_port(str(document["mqtt_url"]).removeprefix("mqtt://"))
    return Address(str(document["websocket_url"]), str(document["http_url"]), host, port)


def split_host_port(text: str, default_port: int = 1883) -> tuple[str, int]:
    """Split `host:port`, `[::1]:port` or `host`; ValueError where the port is no number."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), default_port
    return host.strip("[]"), int(port)
