"""Options that several commands share, and those of `run` that take a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


DataDir = Annotated[
    Path, typer.Option("--data-dir", help="Where the node keeps its data, and says where it is.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")]
Nats = Annotated[str | None, typer.Option(metavar="URL", help="Use this NATS server, start none.")]
Broker = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Devices' MQTT broker, e.g. mqtts://USER@HOST:8883, in place of ours."
    ),
]
NatsServer = Annotated[
    str | None, typer.Option(metavar="PATH", help="The nats-server program to start.")
]
ReadyFile = Annotated[
    Path | None, typer.Option(help="Written once all is accepting: where it listens, as JSON.")
]
Reload = Annotated[
    bool | None,
    typer.Option(
        "--reload/--no-reload", help="Take over files that are saved. Default: on a terminal."
    ),
]
Debug = Annotated[
    str | None,
    typer.Option(
        metavar="FUNCTION", help="Debug a function: breakpoint() here, or an IDE attached."
    ),
]
TlsCertificate = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="For TLS: certificate and chain, PEM; else one of ours."),
]
TlsKey = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The key of --tls-certificate, PEM.")
]
