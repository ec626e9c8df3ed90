"""What is known of a message's origin, as a header of the message in NATS.

It is JSON in ASCII: whatever a device may have written into a property, a header stays one line.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping

from bellwire.origin import UNKNOWN, MqttProperties, Origin


PROPERTIES_HEADER = "Bellwire-Mqtt-Properties"
"""The MQTT 5 properties of a message that came from an outside broker."""


def properties_header(properties: MqttProperties) -> str:
    """Return MQTT properties as the value of PROPERTIES_HEADER."""
    correlation = properties.correlation_data
    given = {
        "contentType": properties.content_type,
        "isText": properties.is_text,
        "responseTopic": properties.response_topic,
        "correlationData": None if correlation is None else b64encode(correlation).decode(),
        "user": list(properties.user) or None,
        "messageExpiryS": properties.message_expiry_s,
    }
    return json.dumps({name: value for name, value in given.items() if value is not None})


def origin_of(headers: Mapping[str, str] | None) -> Origin:
    """Return the origin that a message's headers tell."""
    text = headers.get(PROPERTIES_HEADER) if headers else None
    if text is None:
        return UNKNOWN
    given = json.loads(text)
    correlation = given.get("correlationData")
    return Origin(
        properties=MqttProperties(
            content_type=given.get("contentType"),
            is_text=given.get("isText"),
            response_topic=given.get("responseTopic"),
            correlation_data=None if correlation is None else b64decode(correlation),
            user=tuple((key, value) for key, value in given.get("user", ())),
            message_expiry_s=given.get("messageExpiryS"),
        )
    )
