"""What the tables of functions consist of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bellwire.iot.sql.values import Value


class Function(NamedTuple):
    """A function that depends on its arguments only; `most` is None where there is no bound.

    `check` tells of an argument that is written in the statement (its place from 0, its text) why
    it can never work, else None. Results are as exact as they come: `arithmetic` settles them.
    """

    call: Callable[..., Value]
    least: int
    most: int | None
    needs_2016: bool = False
    check: Callable[[int, str], str | None] | None = None

    def takes(self, count: int) -> bool:
        """Tell whether it may have so many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)


class MessageFunction(NamedTuple):
    """A function of the message, or of what a node lends: it is given the scope first.

    `broker` where only some brokers know what it tells.
    """

    call: Callable[..., Value]
    least: int = 0
    most: int = 0
    needs_2016: bool = False
    broker: bool = False

    def takes(self, count: int) -> bool:
        """Tell whether it may have so many arguments."""
        return self.least <= count <= self.most


class ExternalFunction(NamedTuple):
    """A function that asks a service; `needs` says which."""

    needs: str
    least: int
    most: int
    needs_2016: bool = True

    def takes(self, count: int) -> bool:
        """Tell whether it may have so many arguments."""
        return self.least <= count <= self.most
