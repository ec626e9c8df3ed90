"""`bellwire logs`: print what functions wrote, of a node that runs or one that has stopped."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import typer

from bellwire.cli.log_format import readable
from bellwire.cli.options import DataDir
from bellwire.errors import NotFoundError, UpstreamError
from bellwire.functions.log_files import FOLDER, LogReader, Record, decode, encode


_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LOOK_AGAIN_S = 0.2


def logs(
    function: Annotated[
        str | None, typer.Argument(help="Its name in serverless.yml, or as deployed; none: all.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="AGE", help="As 30s, 5m, 2h, 1d: no older entries.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("--filter", metavar="TEXT", help="Entries with this text or id only."),
    ] = None,
    is_json: Annotated[
        bool, typer.Option("--json", help="Whole records, a JSON object a line.")
    ] = False,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Print the log of a function, oldest first; the node may run or not."""
    since_ms = 0 if since is None else time.time_ns() // 1_000_000 - _age_ms(since)
    reader = LogReader(data_dir / FOLDER)
    names = _names(reader, data_dir)
    if not names:
        raise NotFoundError(
            f"no logs are kept in {data_dir}",
            hint="name the folder of the node with --data-dir; `bellwire run` keeps them",
        )
    key = None if function is None else _key_of(function, names)

    def is_wanted(record: Record) -> bool:
        return (
            record.time_ms >= since_ms
            # What has no function are remarks on the whole log.
            and (key is None or record.function is None or record.function == key)
            and (text is None or _has(record, text))
        )

    try:
        _print(reader, is_wanted, is_json=is_json)
        while follow:
            time.sleep(_LOOK_AGAIN_S)
            _print(reader, is_wanted, is_json=is_json)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # `bellwire logs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _names(reader: LogReader, data_dir: Path) -> dict[str, str]:
    try:
        return reader.names()
    except OSError as error:  # those of another user, say
        raise UpstreamError(
            f"the logs in {data_dir} cannot be read: {error.strerror}", retryable=False
        ) from None


def _print(reader: LogReader, is_wanted: Callable[[Record], bool], *, is_json: bool) -> None:
    """Print the entries that are there and were not yet printed."""
    for line in reader.lines():
        for record in filter(is_wanted, decode(line)):
            if is_json:
                sys.stdout.buffer.write(encode(*record))  # UTF-8, whatever the terminal
            else:
                sys.stdout.write(f"{_format(record)}\n")
    sys.stdout.flush()


def _format(record: Record) -> str:
    """Return an entry as text: when, which function, which invocation, what; START has the trace.

    The trace of an invocation is one and long, so it stands where the invocation starts.
    """
    where = f"{_time(record.time_ms)} {record.function or '-'} {record.request_id or '-'}"
    text = readable(record.text)
    if record.trace_id and record.stream == "platform" and text.startswith("START "):
        text += f" Trace: {record.trace_id}"
    return f"{where} {text}"


def _time(time_ms: int) -> str:
    return f"{_second(time_ms // 1000)}.{time_ms % 1000:03}"


@lru_cache(maxsize=2)
def _second(epoch_s: int) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _has(record: Record, text: str) -> bool:
    fields = (record.text, record.request_id, record.trace_id)
    return any(text in field for field in fields if field is not None)


def _key_of(function: str, names: dict[str, str]) -> str:
    """Return the function's key, given that or the deployed name."""
    if function in names:
        return function
    for key, name in names.items():
        if name == function:
            return key
    raise typer.BadParameter(
        f"there is no function {function!r}; there are: {', '.join(sorted(names))}"
    )


def _age_ms(age: str) -> int:
    match = re.fullmatch(r"(\d{1,6})([smhd])", age)
    if match is None:
        raise typer.BadParameter(f"--since {age!r} is not of the form 30s, 5m, 2h or 1d")
    return int(match[1]) * _UNITS_MS[match[2]]
