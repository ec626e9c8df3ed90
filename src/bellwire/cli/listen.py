"""`bellwire listen`: listen to a device over the WebSocket API, as an app would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bellwire.cli.address import find_node
from bellwire.cli.options import DataDir
from bellwire.client.listener import Update, open_listener


def listen(
    device: Annotated[str, typer.Argument(help="The device's name.")],
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="[PARAMETER...]", help="None: all of the device.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="As ws://127.0.0.1:3001/dev.")] = None,
    count: Annotated[int, typer.Option(min=0, help="Stop after so many updates; 0: never.")] = 0,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Print a device's parameters as they arrive: bellwire listen thermostat-1 temperature"""
    address = url or find_node(data_dir).websocket_url
    asyncio.run(_listen(address, device, parameters or [], count))


async def _listen(url: str, device: str, parameters: Sequence[str], count: int) -> None:
    task = asyncio.current_task()
    assert task is not None
    # Ctrl-C or SIGTERM ends listening; that is no failure.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        async with open_listener(url, device, parameters) as updates:
            seen = 0
            async for update in updates:
                if not _print(_line(update)):
                    return
                seen += not update.is_snapshot
                if count and seen >= count:
                    return
    except asyncio.CancelledError:
        return
    except ValueError as error:
        raise typer.BadParameter(f"--url {error}") from None


def _print(line: str) -> bool:
    """Print a line; False where nobody reads it any more, as with `bellwire listen | head`."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _line(update: Update) -> str:
    values = " ".join(f"{_text(name)}={_text(value)}" for name, value in update.value.items())
    note = "  (last known)" if update.is_snapshot else ""
    return f"{_time(update.timestamp_ms)} {_text(update.device_id)} {values}{note}"


def _time(timestamp_ms: int) -> str:
    try:
        at = datetime.fromtimestamp(timestamp_ms // 1000, UTC).astimezone()
    except (ValueError, OverflowError, OSError):  # a device that counts microseconds, say
        return str(timestamp_ms)
    return f"{at:%H:%M:%S}.{timestamp_ms % 1000:03}"


def _text(value: object) -> str:
    """Return a text as it is, anything else as JSON; escaped where it would steer the terminal."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)
