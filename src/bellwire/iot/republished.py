"""Republish loops: how often a message has already been republished.

MQTT 3.1.1 carries no headers, so a node remembers what it republished, by topic and payload. A
message that comes in like that is taken for it.
docs.aws.amazon.com/iot/latest/developerguide/iot-create-rule.html (circular rules)
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from bellwire.errors import CallerError
from bellwire.limits import REPUBLISH_DEPTH


INGEST = "$aws/rules/"
"""How a topic of Basic Ingest starts
[docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html]."""

Trail = tuple[str, ...]
"""The rules that republished a message, one after the other."""


class RepublishLoopError(CallerError):
    """A message goes round in a loop of rules that republish it."""


class Republished:
    """What was republished within `age_s` seconds, the last `most` of it."""

    def __init__(self, *, most: int, age_s: float) -> None:
        self._most = most
        self._age_s = age_s
        self._known: OrderedDict[bytes, tuple[float, Trail]] = OrderedDict()

    def __len__(self) -> int:
        """Return how much is remembered."""
        return len(self._known)

    def trail(self, topic: str, payload: bytes, now_s: float) -> Trail:
        """Return which rules have republished a message; none where it is new."""
        found = self._known.get(_digest(topic, payload))
        if found is None or now_s - found[0] > self._age_s:
            return ()
        return found[1]

    def note(self, topic: str, payload: bytes, trail: Trail, now_s: float) -> None:
        """Remember what is about to be republished, and by whom it has been so far."""
        if topic.startswith(INGEST):
            topic = topic[len(INGEST) :].partition("/")[2]  # as its rule will see it
        key = _digest(topic, payload)
        self._known[key] = now_s, trail
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def check_depth(trail: Trail, rule: str) -> None:
    """Raise RepublishLoopError where `rule` may not republish what has come this way."""
    if len(trail) >= REPUBLISH_DEPTH:
        raise RepublishLoopError(
            f"a message was republished {len(trail)} times in a row, by the rules "
            f"{' → '.join((*trail, rule))}: do they feed one another?"
        )


def _digest(topic: str, payload: bytes) -> bytes:
    return blake2b(b"%b\0%b" % (topic.encode(), payload), digest_size=16).digest()
