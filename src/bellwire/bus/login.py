"""What is asked about a device that logs in, and what is answered."""

from __future__ import annotations

from typing import NamedTuple


class LoginRequest(NamedTuple):
    """What a client said of itself."""

    client_id: str
    user: str
    password: str
    host: str


class Grant(NamedTuple):
    """Who it is, and the subjects that it may publish to and subscribe to, or not."""

    name: str
    publish: tuple[str, ...]
    publish_denied: tuple[str, ...]
    subscribe: tuple[str, ...]
    subscribe_denied: tuple[str, ...]
