"""MQTT topics as NATS subjects, and back, as nats-server maps them.

A level becomes a token: `/` between levels becomes `.`, a `.` inside a level `//`, an empty level
`/`. A space has no form: nats-server refuses such topics.
docs.nats.io/running-a-nats-service/configuration/mqtt
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from bellwire.errors import BadRequestError


QOS_HEADER = "Nmqtt-Pub"
"""The header nats-server puts on what came over MQTT: the QoS it was published with."""
TOPIC_HEADER = "Bellwire-Topic-Quoted"
"""The header with the topic, percent-encoded, of a message whose subject cannot tell it."""
MESSAGES_STREAM = "$MQTT_msgs"
"""Where nats-server keeps each QoS 1 or 2 message before it sends PUBACK."""
MESSAGES_PREFIX = "$MQTT.msgs."


def subject_of(topic: str) -> str:
    """Return the NATS subject of an MQTT topic, or of a filter (`+` and `#` become `*` and `>`).

    Raises BadRequestError where the topic cannot be one.
    """
    if not topic:
        raise BadRequestError("a topic must not be empty")
    if " " in topic or any(ord(character) < 32 for character in topic):
        raise BadRequestError(
            f"topic {topic!r} has a space or a control character, which the broker cannot carry"
        )
    return ".".join(_token(level) for level in topic.split("/"))


def topic_of(subject: str) -> str:
    """Return the MQTT topic of a NATS subject."""
    return "/".join(
        "" if token == "/" else token.replace("//", ".") for token in subject.split(".")
    )


def topic_of_message(subject: str, headers: Mapping[str, str] | None) -> str:
    """Return the MQTT topic of a NATS message."""
    quoted = headers.get(TOPIC_HEADER) if headers else None
    return topic_of(subject) if quoted is None else unquote(quoted)


def check_topic(topic: str) -> None:
    """Raise BadRequestError where nobody may publish to this topic."""
    if "+" in topic or "#" in topic:
        raise BadRequestError(f"topic {topic!r}: + and # are for filters, not for publishing")
    subject_of(topic)


def check_publishable(topic: str) -> None:
    """Raise BadRequestError where no MQTT broker lets anybody publish to this topic."""
    if not topic or "\0" in topic:
        raise BadRequestError("a topic must not be empty, nor hold a zero character")
    if "+" in topic or "#" in topic:
        raise BadRequestError(f"topic {topic!r}: + and # are for filters, not for publishing")


def _token(level: str) -> str:
    if level == "":
        return "/"
    if level in ("+", "#"):
        return "*" if level == "+" else ">"
    return level.replace(".", "//")
