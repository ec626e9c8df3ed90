"""Readers that never read do not slow one that does."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node

READERS = 200
UPDATES = 400
PADDING = "x" * 24_000


def silent_reader(node: Node) -> socket.socket:
    """Open a WebSocket by hand, ask for everything of device d, and never read again."""
    address = urlsplit(node.websocket_url)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((address.hostname, address.port))
    raw.sendall(
        f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert raw.recv(4096).startswith(b"HTTP/1.1 101")
    text = json.dumps({"action": "set_notify_list", "notify_list": [{"device_id": "d"}]}).encode()
    # A masked text frame; a mask of zeros leaves the text as it is.
    raw.sendall(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)
    return raw


def test_those_who_never_read_do_not_slow_one_that_does(notifier: Node) -> None:
    device = notifier.device("d")
    readers = [silent_reader(notifier) for _ in range(READERS)]
    with notifier.connect() as app:
        app.send(json.dumps({"action": "set_notify_list", "notify_list": [{"device_id": "d"}]}))
        app.recv(timeout=10)
        latencies = []
        for number in range(UPDATES):
            started = time.monotonic()
            device.publish_values("d", number=number, padding=PADDING)
            frame = json.loads(app.recv(timeout=10))
            latencies.append(time.monotonic() - started)
            assert frame["value"]["number"] == number
    assert sorted(latencies)[UPDATES // 2] < 0.2
    assert max(latencies) < 3.0
    notifier.wait_for_log("reads too slowly")
    assert "closed with 4008" in notifier.log_text()
    for reader in readers:
        reader.close()
    device.close()
