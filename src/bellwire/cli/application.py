"""The commands together, and their exit codes."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import typer

from bellwire import __version__
from bellwire.cli import (
    check,
    dead_letters,
    failure,
    hash_password,
    invoke,
    listen,
    logs,
    publish,
    run,
    sql,
    status,
    watch,
)
from bellwire.errors import BellwireError, DefinitionError, StartError


OK, NEGATIVE, USAGE = 0, 1, 2

application = typer.Typer(
    name="bellwire",
    help="Tells apps, the moment it happens, that a device's parameter has changed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    run.run,
    check.check,
    publish.publish,
    watch.watch,
    listen.listen,
    invoke.invoke,
    logs.logs,
    status.status,
    sql.sql,
    hash_password.hash_password,
):
    application.command()(command)
application.add_typer(dead_letters.dead_letters, name="dead-letters")


@application.callback(invoke_without_command=True)
def options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Take the options that stand before a command."""
    if version:
        typer.echo(f"bellwire {__version__}")
        raise typer.Exit


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a terminal cannot show is escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        application(list(arguments), prog_name="bellwire")
    except SystemExit as ending:  # how typer ends, with 2 for wrong usage
        return ending.code if isinstance(ending.code, int) else NEGATIVE
    except BellwireError as error:
        failure.tell(error)
        return USAGE if isinstance(error, DefinitionError | StartError) else NEGATIVE
    return OK
