"""`bellwire run`: start a node, say what listens where, serve until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bellwire.cli.log_format import configure_logging
from bellwire.cli.options import (
    Broker,
    DataDir,
    Debug,
    Nats,
    NatsServer,
    Port,
    ReadyFile,
    Reload,
    TlsCertificate,
    TlsKey,
)
from bellwire.errors import StartError
from bellwire.settings import Settings


if TYPE_CHECKING:
    from rich.console import Console

    from bellwire.definition import Route, TopicRule
    from bellwire.loading import Loaded
    from bellwire.node import Node
    from bellwire.reload.watch import Watch

_GRACE_S = 30.0
_DEBUG_GRACE_S = 1.0
"""What is stopped in a debugger does not end by itself."""


def run(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The folder with serverless.yml.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 for every network.")] = (
        "127.0.0.1"
    ),
    port: Port = 3001,
    mqtt_port: Port = 1883,
    stage: Annotated[str | None, typer.Option(help="The stage; else provider.stage, dev.")] = None,
    data_dir: DataDir = Path(".bellwire"),
    nats: Nats = None,
    broker: Broker = None,
    nats_server: NatsServer = None,
    simulate: Annotated[int, typer.Option(min=0, max=1000, help="Simulated devices.")] = 0,
    ready_file: ReadyFile = None,
    reload: Reload = None,
    debug: Debug = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
) -> None:
    """Run a service; without a serverless.yml here, the bundled parameter notifier."""
    # What these import takes a moment; the other commands need none of it.
    from bellwire import loading, node
    from bellwire.cli import reloading

    configure_logging()
    _allow_many_files()
    settings = Settings(
        directory=directory or Path(),
        host=host,
        port=port,
        mqtt_port=mqtt_port,
        stage=stage,
        data_dir=data_dir,
        nats_url=nats,
        nats_server=nats_server,
        broker=broker,
        simulate=simulate,
        ready_file=ready_file,
        debug=debug,
        certificate=_pair(tls_certificate, tls_key),
    )
    settings = loading.with_service(settings, is_default_folder=directory is None)
    if reload is None:
        reload = sys.stderr.isatty() and settings.directory != loading.BUNDLED
    watch = reloading.watch_files(settings) if reload else None
    loaded = loading.load(settings, os.environ)
    if settings.directory != loading.BUNDLED:
        tell_findings(loaded)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(node.Node(settings, loaded), watch))


def _pair(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if certificate is not None and key is not None:
        return certificate, key
    if certificate is None and key is None:
        return None
    given, missing = ("--tls-certificate", "--tls-key")[:: -1 if certificate is None else 1]
    raise StartError(f"{given} is given without {missing}", hint=f"add {missing} FILE")


def tell_findings(loaded: Loaded) -> None:
    """Print what the reader of the service noticed, and went on."""
    for finding in loaded.findings:
        print(f"note: {finding}", file=sys.stderr)


def _allow_many_files() -> None:
    """Raise the bound on open files to what this user may have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS allows less than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):  # not on every platform
        import uvloop

        return uvloop.Loop
    return None


async def _serve(node: Node, watch: Watch | None) -> None:
    from bellwire.cli.reloading import keep_reloading

    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    starting = asyncio.create_task(node.start())
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            _tell(node)
            if watch is not None:
                await _first_of(waiting, asyncio.create_task(keep_reloading(node, watch)))
            await waiting
    finally:
        starting.cancel()
        waiting.cancel()
        await asyncio.gather(starting, waiting, return_exceptions=True)
        # A second Ctrl-C or SIGTERM does not wait for running functions; the children still end.
        grace_s = _GRACE_S if node.settings.debug is None else _DEBUG_GRACE_S
        ending = asyncio.create_task(node.stop(grace_s=grace_s))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ending.cancel)
        await asyncio.wait({ending})
        if not ending.cancelled():
            ending.result()


async def _first_of(waiting: asyncio.Task[Any], working: asyncio.Task[None]) -> None:
    """Wait until one has ended; then end the second, and raise what it failed with."""
    await asyncio.wait({waiting, working}, return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


def _tell(node: Node) -> None:
    """Print what listens where, which routes and rules are served, and what to try next."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from bellwire.cli.debugging import describe_debugging

    console = Console(highlight=False)
    service = node.service
    console.print(f"\n[bold]bellwire[/] serves [bold]{service.name}[/], stage {service.stage}\n")
    table = Table.grid(padding=(0, 2))
    addresses = node.addresses
    for name, address in (
        *(("WebSocket", url) for _, url in node.stage_urls()),
        ("MQTT", addresses["mqtt_url"]),
        ("Page", f"{addresses['http_url']}/"),
    ):
        table.add_row(f"  {name}", f"[bold cyan]{address}[/]")
    console.print(table)
    console.print(f"\n  [dim]{_tell_tls(node)}[/]")
    _tell_routes(console, node)
    if simulate := node.settings.simulate:
        console.print(f"\n  {simulate} simulated devices publish about once a second")
    if node.settings.debug is not None:
        console.print()
        for line in describe_debugging(service, node.settings.debug):
            console.print(f"  {escape(line)}")
    console.print(f"\n  Open the page, or try  [bold green]{_to_try(node)}[/]")
    console.print("  Ctrl-C stops.\n")


def _tell_tls(node: Node) -> str:
    certificate = node.settings.certificate
    if certificate is not None:
        return f"https:// and wss:// on the same port, with {certificate[0]}"
    authority = node.settings.data_dir / "tls" / "ca.pem"
    return f"https:// and wss:// on the same port; clients trust {authority}"


def _to_try(node: Node) -> str:
    """Return a command that shows this service at work."""
    program = _program()
    routes = node.service.api.stages[0].routes
    if not any(route.route_key == "set_notify_list" for route in routes):
        return f"{program} invoke {next(iter(node.service.functions), 'FUNCTION')}"
    listening = f"{program} listen thermostat-1"
    if node.settings.simulate:
        return listening
    publishing = f"{program} publish thermostat-1 temperature=21.5"
    return f"{listening}[/]   and, elsewhere   [bold green]{publishing}"


def _tell_routes(console: Console, node: Node) -> None:
    from rich.markup import escape
    from rich.table import Table

    routes = Table.grid(padding=(0, 2))
    several = len(node.stage_urls()) > 1
    for stage, url in node.stage_urls():
        for route in stage.routes:
            replies = "replies" if route.two_way else ""
            where = url.partition("//")[2] if several else ""
            cells = ("  Route", route.route_key, "→", _target(route), replies, where)
            routes.add_row(*map(escape, cells))
    console.print()
    console.print(routes)
    for rule in node.service.rules:
        state = "" if rule.enabled else "   (disabled)"
        console.print(f"\n  Rule  {escape(rule.name)}  →  {escape(_targets(rule))}{state}")
        console.print(f"  [dim]{escape(rule.sql)}[/]")


def _targets(rule: TopicRule) -> str:
    """Return what a rule hands its messages to."""
    from bellwire.definition import HttpAction, LambdaAction, NotifyAction, RepublishAction

    targets = []
    for action in rule.actions:
        match action:
            case LambdaAction(function=function):
                targets.append(function)
            case RepublishAction(topic=topic):
                targets.append(f"topic {topic.text}")
            case HttpAction(url=url):
                targets.append(url.text)
            case NotifyAction(device_id=device):
                targets.append(f"listeners of {device.text}")
    return ", ".join(targets) or "(no action)"


def _target(route: Route) -> str:
    """Return what a route hands its messages to."""
    integration = route.integration
    if integration is None:
        return "(no integration)"
    return integration.function or integration.uri or integration.type


def _program() -> str:
    """Return how to call this program from here: by its name, or by its path."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{Path(sys.executable).name} -m bellwire"
    if shutil.which("bellwire") == str(program):
        return "bellwire"
    try:
        return str(program.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(program)
