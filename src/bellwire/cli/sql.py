"""`bellwire sql`: try a statement on messages from stdin; no node is needed."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from bellwire.definition.variables import ACCOUNT_ID
from bellwire.errors import UnsupportedFeatureError
from bellwire.iot.sql.arithmetic import NEWEST, OLDEST
from bellwire.iot.sql.compiler import VERSIONS
from bellwire.iot.sql.explanation import Part
from bellwire.iot.sql.functions import EXTERNAL_FUNCTIONS
from bellwire.iot.sql.scope import Message, World
from bellwire.iot.sql.trial import Outcome, Trial, told
from bellwire.iot.sql.values import Value
from bellwire.origin import Origin


def sql(
    statement: Annotated[str, typer.Argument(help="As \"SELECT a FROM 'b/#' WHERE c > 3\".")],
    topic: Annotated[
        str | None, typer.Option(help="Of the messages. Default: what FROM says.")
    ] = None,
    sql_version: Annotated[str, typer.Option(help=" or ".join(VERSIONS))] = NEWEST,
    lines: Annotated[bool, typer.Option("--lines", help="Each line is a message.")] = False,
    why: Annotated[
        bool, typer.Option("--why", "-v", help="Tell why WHERE holds or not, what is Undefined.")
    ] = False,
    client_id: Annotated[str | None, typer.Option(help="What clientid() gives.")] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=JSON", help="What a function gives that asks a service."),
    ] = None,
) -> None:
    """Read a message, print what the statement makes of it; exit 1 where WHERE does not hold."""
    if sql_version not in VERSIONS:
        raise typer.BadParameter(f"--sql-version is one of {', '.join(VERSIONS)}")
    answers = dict(_answer(text) for text in answer or ())
    trial = _trial(statement, sql_version, answers)
    _warn(trial, sql_version)
    if topic is not None and not trial.hears(topic):
        _tell(f"{topic} is no topic of FROM '{trial.topic}'")
        raise typer.Exit(1)
    world = World(secrets.randbits, ACCOUNT_ID, lambda question: answers[question.function])
    messages = _messages(sys.stdin.buffer, is_lines=lines)
    printed = 0
    for payload in messages:
        now_ms = time.time_ns() // 1_000_000
        message = Message(topic or trial.topic, payload, now_ms, Origin(client_id))
        printed += _print(trial.run(message, world, explain=why), is_why=why)
    if not printed:
        raise typer.Exit(1)


def _trial(statement: str, version: str, answers: dict[str, Value]) -> Trial:
    try:
        return Trial(statement, version, answers)
    except UnsupportedFeatureError as error:
        hint = "say what it gives: --answer NAME=JSON"
        raise UnsupportedFeatureError(error.message, hint=hint) from None


def _messages(stdin: Iterable[bytes], *, is_lines: bool) -> Iterator[bytes]:
    if is_lines:
        yield from (line.rstrip(b"\r\n") for line in stdin if line.strip())
    else:
        yield b"".join(stdin).rstrip(b"\r\n")


def _answer(text: str) -> tuple[str, Value]:
    name, _, value = text.partition("=")
    if name not in EXTERNAL_FUNCTIONS:
        raise typer.BadParameter(f"--answer: NAME is one of {', '.join(EXTERNAL_FUNCTIONS)}")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"--answer {name}: not JSON: {error}") from None


def _warn(trial: Trial, version: str) -> None:
    for warning in trial.warnings:
        _tell(f"warning: {warning}")
    if version == OLDEST and trial.newer:
        _tell(f"warning: not in version {OLDEST}: {', '.join(trial.newer)}")


def _print(outcome: Outcome, *, is_why: bool) -> bool:
    """Print what came out, and on stderr why; tell whether anything did."""
    if outcome.output is not None:
        sys.stdout.buffer.write(outcome.output + b"\n")
        sys.stdout.buffer.flush()
    if outcome.reason is not None and (is_why or outcome.fires):
        _tell(outcome.reason)
    if outcome.where:
        _print_parts("WHERE", outcome.where)
    if outcome.undefined:
        _print_parts("SELECT leaves out what is Undefined", outcome.undefined)
    return outcome.output is not None


def _print_parts(title: str, parts: tuple[Part, ...]) -> None:
    width = max(2 * part.depth + len(part.text) for part in parts)
    _tell(f"{title}:")
    for part in parts:
        text = "  " * part.depth + part.text
        _tell(f"  {text.ljust(min(width, _TEXT_WIDTH))}  {told(part.value)}")


_TEXT_WIDTH = 60


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
