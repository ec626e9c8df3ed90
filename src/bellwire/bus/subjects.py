"""MQTT topics as NATS subjects, and back, as nats-server maps them.

A level becomes a token: `/` between levels becomes `.`, a `.` inside a level `//`, an empty level
`/`. A space has no form: nats-server refuses such topics.
docs.nats.io/running-a-nats-service/configuration/mqtt
"""

from __future__ import annotations

from bellwire.errors import BadRequestError


QOS_HEADER = "Nmqtt-Pub"
"""The header nats-server puts on what came over MQTT: the QoS it was published with."""
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


def check_topic(topic: str) -> None:
    """Raise BadRequestError where nobody may publish to this topic."""
    if "+" in topic or "#" in topic:
        raise BadRequestError(f"topic {topic!r}: + and # are for filters, not for publishing")
    subject_of(topic)


def _token(level: str) -> str:
    if level == "":
        return "/"
    if level in ("+", "#"):
        return "*" if level == "+" else ">"
    return level.replace(".", "//")
