"""`bellwire invoke`: run one function of the running node with an event of yours."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from bellwire.cli.address import call_node, find_node
from bellwire.cli.options import DataDir


_LONGEST_S = 910.0
"""A little more than the longest `timeout` of a function."""


def invoke(
    function: Annotated[str, typer.Argument(help="Its name in serverless.yml.")],
    data: Annotated[str, typer.Option(help="The event as JSON; - reads stdin.")] = "{}",
    is_async: Annotated[
        bool, typer.Option("--async", help="Hand the event over and do not wait.")
    ] = False,
    client_context: Annotated[
        str | None, typer.Option(help="The context.client_context of the handler, as JSON.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="As http://127.0.0.1:3001.")] = None,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Run a function with an event, print what it returns; exit 1 where it fails."""
    event = _json("--data", sys.stdin.buffer.read() if data == "-" else data)
    headers = {"X-Amz-Invocation-Type": "Event" if is_async else "RequestResponse"}
    if client_context is not None:
        headers["X-Amz-Client-Context"] = b64encode(
            _json("--client-context", client_context)
        ).decode()
    name = quote(function, safe="", errors="surrogateescape")
    path = f"/2015-03-31/functions/{name}/invocations"
    answer = call_node(
        url or find_node(data_dir).http_url,
        "POST",
        path,
        body=event,
        headers=headers,
        timeout_s=_LONGEST_S,
    )
    if answer.status != 202:
        sys.stdout.buffer.write(answer.body + b"\n")  # JSON is UTF-8, whatever the terminal
        sys.stdout.flush()
    if "x-amz-function-error" in answer.headers or answer.status not in (200, 202):
        raise typer.Exit(1)


def _json(option: str, text: str | bytes) -> bytes:
    try:
        document = text.encode() if isinstance(text, str) else text
        json.loads(document)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from None
    return document
