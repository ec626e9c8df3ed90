"""What an expression is evaluated against: a message, the variables of SET, what a node gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bellwire.iot.sql.values import Value
from bellwire.origin import UNKNOWN, Origin


NO_CLIENT = "n/a"
"""What `clientid()` gives where the publisher is not known, as on AWS for one without MQTT."""
QUERY_ELEMENTS = 100_000
"""Most elements that the nested queries of one evaluation look at. Ours: more than a message of
128 KB holds; queries over variables could look at the square of that."""


class Message(NamedTuple):
    """What a device published. `timestamp_ms` is when it arrived, epoch milliseconds.

    What is not known of its origin is Undefined for the function that asks, `n/a` for clientid().
    """

    topic: str
    payload: bytes
    timestamp_ms: int
    origin: Origin = UNKNOWN


class Question(NamedTuple):
    """A call of a function that needs a service; `arguments` are a JSON array."""

    function: str
    arguments: bytes


class World(NamedTuple):
    """What a node lends to evaluation, so that this needs no clock, no chance and no network.

    `random_bits(n)` returns an integer of n random bits. `ask` answers the functions that were
    named as `external` when the statement was compiled.
    """

    random_bits: Callable[[int], int]
    account_id: str | None = None
    ask: Callable[[Question], Value] | None = None


class Budget:
    """Counts the elements that nested queries look at, over one evaluation."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = QUERY_ELEMENTS

    def take(self, count: int) -> bool:
        """Take so many elements; False where there are not as many left."""
        self._left -= count
        return self._left >= 0


class Scope(NamedTuple):
    """What an expression sees: `root` is the message, or the element in a nested query.

    `root` is UNDEFINED where the message is no JSON object or array. `variables` holds those of
    SET, by name, and what nested queries named with AS, by that name with a dot before it.
    """

    root: Value
    message: Message
    variables: Mapping[str, Value]
    world: World
    budget: Budget


Evaluate = Callable[[Scope], Value]
"""A compiled expression. It never fails but with RecursionError, on a message of great depth."""
