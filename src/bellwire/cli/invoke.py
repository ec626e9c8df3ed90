"""`bellwire invoke`: run one function of the running node with an event of yours."""

from __future__ import annotations

import json
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

import typer

from bellwire.cli.address import find_node
from bellwire.cli.options import DataDir
from bellwire.errors import UpstreamError


def invoke(
    function: Annotated[str, typer.Argument(help="Its name in serverless.yml.")],
    data: Annotated[str, typer.Option(help="The event as JSON; - reads stdin.")] = "{}",
    is_async: Annotated[
        bool, typer.Option("--async", help="Hand the event over and do not wait.")
    ] = False,
    url: Annotated[str | None, typer.Option(help="As http://127.0.0.1:3001.")] = None,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Run a function with an event, print what it returns; exit 1 where it fails."""
    try:
        event = sys.stdin.buffer.read() if data == "-" else data.encode()
        json.loads(event)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"--data is not JSON: {error}") from None
    kind = "Event" if is_async else "RequestResponse"
    status, failed, body = _call(url or find_node(data_dir).http_url, function, event, kind)
    if status != 202:
        print(body.decode(errors="replace"))
    if failed or status not in (200, 202):
        raise typer.Exit(1)


def _call(url: str, function: str, event: bytes, kind: str) -> tuple[int, bool, bytes]:
    try:
        address = urlsplit(url)
        host, port = address.hostname, address.port
    except ValueError:
        host, port = None, None
    if host is None or address.scheme != "http":
        raise typer.BadParameter(f"--url {url!r} is not of the form http://127.0.0.1:3001")
    connection = HTTPConnection(host, port, timeout=910)
    try:
        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        connection.request("POST", path, body=event, headers={"X-Amz-Invocation-Type": kind})
        response = connection.getresponse()
        failed = response.getheader("X-Amz-Function-Error") is not None
        return response.status, failed, response.read()
    except (OSError, HTTPException) as error:
        raise UpstreamError(
            f"{url} cannot be reached: {error}", retryable=True, hint="is `bellwire run` running?"
        ) from None
    finally:
        connection.close()
