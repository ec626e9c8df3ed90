"""The publishing side: an MQTT device, QoS 0 or 1, that remembers when it published what."""

from __future__ import annotations

import json
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.receivers import mark


class Publisher:
    """Publishes numbered updates of one device."""

    def __init__(self, port: int, *, device: str) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-publisher")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._topic = f"devices/{device}/parameters"
        self.sent_ns: dict[int, int] = {}

    def publish(self, number: int, *, qos: int) -> None:
        """Publish one update; returns without waiting for the acknowledgement."""
        payload = json.dumps({"value": {"mark": mark(number), "temperature": 21.5}})
        self.sent_ns[number] = time.monotonic_ns()
        self._client.publish(self._topic, payload, qos=qos)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
