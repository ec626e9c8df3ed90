"""The page at `/`: static files of this folder, served by the node as they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files as resources
from pathlib import PurePath
from types import MappingProxyType
from typing import NamedTuple


__all__ = ["CONTENT_TYPES", "StaticFile", "files"]

CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)
"""What is served, by suffix; a file with any other stays private."""


class StaticFile(NamedTuple):
    """A file ready to send: its bytes, its content type and a strong, quoted entity tag."""

    body: bytes
    content_type: str
    etag: str


@cache
def files() -> Mapping[str, StaticFile]:
    """Return the page's files by name: `index.html` belongs at `/`, the rest under `/console/`.

    The folder is read once in a process.
    """
    found: dict[str, StaticFile] = {}
    for entry in resources(__name__).iterdir():
        content_type = CONTENT_TYPES.get(PurePath(entry.name).suffix)
        if content_type is not None:
            body = entry.read_bytes()
            found[entry.name] = StaticFile(body, content_type, f'"{sha256(body).hexdigest()[:16]}"')
    return MappingProxyType(found)
