"""Who published a message, and what else came with it, as far as the broker tells."""

from __future__ import annotations

from typing import NamedTuple


class MqttProperties(NamedTuple):
    """The properties that a publisher gave with MQTT 5; `user` in its order."""

    content_type: str | None = None
    is_text: bool | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    user: tuple[tuple[str, str], ...] = ()
    message_expiry_s: int | None = None


class Origin(NamedTuple):
    """Where a message comes from; what is None is not known."""

    client_id: str | None = None
    principal: str | None = None
    trace_id: str | None = None
    source_ip: str | None = None
    properties: MqttProperties | None = None


UNKNOWN = Origin()
