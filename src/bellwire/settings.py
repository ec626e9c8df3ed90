"""What a node is told when it starts: one frozen tree, built by the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


NODE_FILE = "node.json"
"""In the data folder: where the running node listens, as in the ready file, and its token."""
TOKEN_HEADER = "X-Bellwire-Token"
"""Has the node's token in a request of one of its own functions, or of who may read its folder."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one node.

    A port of 0 means any free port. `nats_url` set means: use that server, start none. `broker` is
    the address of a broker of somebody else that devices publish to. `debug` is the key of a
    function that somebody debugs at this terminal. TLS is served with the PEM files of
    `certificate`: the certificate with its chain, and its key; where that is None with one of the
    node's own authority.
    """

    directory: Path
    host: str = "127.0.0.1"
    port: int = 3001
    mqtt_port: int = 1883
    stage: str | None = None
    data_dir: Path = Path(".bellwire")
    nats_url: str | None = None
    nats_server: str | None = None
    broker: str | None = None
    simulate: int = 0
    ready_file: Path | None = None
    debug: str | None = None
    certificate: tuple[Path, Path] | None = None


def bracketed(host: str) -> str:
    """Return a host as a URL holds it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def reachable(host: str) -> str:
    """Return where this machine reaches what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def is_loopback(host: str) -> bool:
    """Tell if what listens on `host` is reached from this machine alone."""
    return host == "localhost" or host == "::1" or host.startswith("127.")
