"""Where the running node is, told by it in its data folder or by an option, and how to call it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import typer

from bellwire.errors import BadRequestError, NotFoundError, UpstreamError
from bellwire.settings import NODE_FILE, TOKEN_HEADER


class Address(NamedTuple):
    """Where a node listens, and the token that it knows its owner by, if it has told.

    Where the MQTT broker is somebody else's, `mqtt_is_ours` is False: it knows no token.
    """

    websocket_url: str
    http_url: str
    mqtt_host: str
    mqtt_port: int
    token: str | None = None
    mqtt_is_ours: bool = True


def find_node(data_dir: Path) -> Address:
    """Return the address of the node that uses this data folder, else the default one."""
    try:
        document = json.loads((data_dir / NODE_FILE).read_text())
    except (OSError, ValueError):
        return Address("ws://127.0.0.1:3001/dev", "http://127.0.0.1:3001", "127.0.0.1", 1883)
    host, port = split_host_port(str(document["mqtt_url"]).rpartition("://")[2])
    return Address(
        str(document["websocket_url"]),
        str(document["http_url"]),
        host,
        port,
        document.get("token"),
        document.get("mqtt_is_ours", True),
    )


def split_host_port(text: str, default_port: int = 1883) -> tuple[str, int]:
    """Split `host:port`, `[::1]:port` or `host`; ValueError where the port is no number."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), default_port
    return host.strip("[]"), int(port)


def ask_node(
    url: str | None,
    data_dir: Path,
    method: str,
    path: str,
    document: Mapping[str, object] | None = None,
    *,
    timeout_s: float = 10.0,
) -> Any:
    """Ask the node for what only its owner may; return its answer, read from JSON.

    Raises UpstreamError where it is not there or does not take the token, NotFoundError and
    BadRequestError with its own words.
    """
    node = find_node(data_dir)
    headers = {TOKEN_HEADER: node.token or "", "Content-Type": "application/json"}
    address = url or node.http_url
    body = None if document is None else json.dumps(document).encode()
    answer = call_node(address, method, path, body=body, headers=headers, timeout_s=timeout_s)
    if answer.status == 200:
        return json.loads(answer.body)
    said = _message(answer)
    if answer.status == 403:
        hint = "name the data folder that the node was started with: --data-dir"
        raise UpstreamError(f"{address}: {said}", retryable=False, hint=hint)
    if answer.status in (400, 404):
        raise (NotFoundError if answer.status == 404 else BadRequestError)(said)
    raise UpstreamError(f"{address}{path} was answered {answer.status}: {said}", retryable=True)


def _message(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["message"])
    except (ValueError, KeyError, TypeError):
        return "no node of Bellwire's answer"


class Answer(NamedTuple):
    """What a node answered; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def call_node(
    url: str,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float,
) -> Answer:
    """Make one request of a node; UpstreamError where nothing answers."""
    try:
        address = urlsplit(url)
        host, port = address.hostname, address.port
    except ValueError:
        host, port = None, None
    if host is None or address.scheme != "http":
        raise typer.BadParameter(f"--url {url!r} is not of the form http://127.0.0.1:3001")
    connection = HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        given = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, given, response.read())
    except (OSError, HTTPException) as error:
        raise UpstreamError(
            f"{url} cannot be reached: {error}", retryable=True, hint="is `bellwire run` running?"
        ) from None
    finally:
        connection.close()
