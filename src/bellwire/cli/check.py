"""`bellwire check`: read a whole service, start nothing, say what is wrong or what there is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bellwire.cli.run import tell_findings
from bellwire.settings import Settings


def check(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The folder with serverless.yml.")
    ] = None,
    stage: Annotated[str | None, typer.Option(help="The stage; else provider.stage, dev.")] = None,
) -> None:
    """Check a service: its serverless.yml, handlers, expressions and SQL."""
    from bellwire import loading

    settings = Settings(directory=directory or Path(), stage=stage)
    loaded = loading.load(
        loading.with_service(settings, is_default_folder=directory is None), os.environ
    )
    tell_findings(loaded)
    service = loaded.service
    counted = (
        _count(len(service.functions), "function"),
        _count(sum(len(stage.routes) for api in service.apis for stage in api.stages), "route"),
        _count(len(service.rules), "rule"),
    )
    print(f"{service.file}: ok: {', '.join(counted)}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
