"""`bellwire watch`: what is published to topics of the node's broker, as it comes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bellwire.bus.mqtt import Received, subscribed
from bellwire.bus.subjects import subject_of
from bellwire.cli.broker import find_broker
from bellwire.cli.log_format import readable
from bellwire.cli.options import DataDir
from bellwire.cli.payload import is_json, shown
from bellwire.errors import BusError


if TYPE_CHECKING:
    from rich.console import Console

_AGAIN_S = 0.5


def watch(
    topics: Annotated[
        list[str], typer.Argument(metavar="TOPIC...", help="Or filters: devices/+/x, devices/#.")
    ],
    count: Annotated[int, typer.Option(min=0, help="Stop after so many; 0: never.")] = 0,
    qos: Annotated[
        int, typer.Option(min=0, max=1, help="1 tells which were published with QoS 1.")
    ] = 0,
    is_json: Annotated[bool, typer.Option("--json", help="An object a line, for scripts.")] = False,
    mqtt: Annotated[str | None, typer.Option(help="HOST:PORT of the broker.")] = None,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Print what is published to topics: bellwire watch 'devices/#'; Ctrl-C ends it."""
    for topic in topics:
        _check(topic)
    write = _write_json if is_json else _writer()
    asyncio.run(_until_told(_Watch(topics, qos, count, write, mqtt, data_dir).run()))


def _check(topic: str) -> None:
    levels = topic.split("/")
    wild = [level for level in levels if set("+#") & set(level)]
    if any(level not in ("+", "#") for level in wild) or "#" in levels[:-1]:
        raise typer.BadParameter(f"{topic!r}: + is one whole level, # is the last one")
    subject_of(topic)


async def _until_told(work: Coroutine[None, None, None]) -> None:
    """Run until it ends, or Ctrl-C or SIGTERM ends it; that is no failure."""
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


class _Watch:
    """Listens, and listens again where the connection was lost."""

    def __init__(
        self,
        topics: Sequence[str],
        qos: int,
        count: int,
        write: Callable[[Received], None],
        mqtt: str | None,
        data_dir: Path,
    ) -> None:
        self._topics = topics
        self._qos = qos
        self._left = count or None
        self._write = write
        self._mqtt = mqtt
        self._data_dir = data_dir
        self._has_listened = self._is_lost = False

    async def run(self) -> None:
        """Print until there were enough, or nobody reads any more."""
        while True:
            try:
                await self._listen()
                return
            except BusError as error:
                if not self._has_listened or not error.retryable:
                    raise
                if not self._is_lost:
                    _tell(f"{error.message}; trying again")
                self._is_lost = True
            await asyncio.sleep(_AGAIN_S)

    async def _listen(self) -> None:
        # A node that was started anew may have another port and another token.
        host, port, login = find_broker(self._mqtt, self._data_dir)
        async with subscribed(host, port, self._topics, qos=self._qos, login=login) as subscription:
            if self._is_lost:
                _tell("connected again")
            self._has_listened, self._is_lost = True, False
            dropped = 0
            async for message in subscription.messages():
                if not self._print(message):
                    return
                if subscription.dropped > dropped:
                    _tell(f"{subscription.dropped - dropped} messages came too fast to print")
                    dropped = subscription.dropped

    def _print(self, message: Received) -> bool:
        """Print a message; False where it was the last one."""
        try:
            self._write(message)
            sys.stdout.flush()
        except BrokenPipeError:  # `bellwire watch | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return False
        if self._left is not None:
            self._left -= 1
        return self._left != 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _write_json(message: Received) -> None:
    document: dict[str, object] = {
        "time_ms": time.time_ns() // 1_000_000,
        "topic": message.topic,
        "qos": message.qos,
        "retained": message.is_retained,
    }
    try:
        document["payload"] = message.payload.decode()
    except UnicodeDecodeError:
        document["payload_base64"] = b64encode(message.payload).decode()
    sys.stdout.write(json.dumps(document) + "\n")


def _writer() -> Callable[[Received], None]:
    """Return what writes a message: with colours on a terminal that has them."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        return lambda message: print(*filter(None, _parts(message)))
    return lambda message: _print_coloured(console, message)


def _parts(message: Received) -> tuple[str, str, str, str]:
    """Return when, where, how, and what."""
    now_ms = time.time_ns() // 1_000_000
    at = time.strftime("%H:%M:%S", time.localtime(now_ms // 1000))
    marks = ["qos1"] if message.qos else []
    how = " ".join(marks + ["retained"] * message.is_retained)
    return f"{at}.{now_ms % 1000:03}", readable(message.topic), how, shown(message.payload)


def _print_coloured(console: Console, message: Received) -> None:
    from rich.highlighter import JSONHighlighter
    from rich.text import Text

    at, topic, how, payload = _parts(message)
    what = Text(payload)
    if is_json(payload):
        what = JSONHighlighter()(payload)
    elif not message.payload:
        what.stylize("dim")
    how = f"{how} " if how else ""
    line = Text.assemble((at, "dim"), " ", (topic, "bold cyan"), " ", (how, "dim"), what)
    console.print(line, soft_wrap=True)
