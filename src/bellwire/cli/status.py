"""`bellwire status`: how the running node is, at a glance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bellwire.cli.address import Answer, call_node, find_node
from bellwire.cli.options import DataDir
from bellwire.errors import UpstreamError


if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 132
"""Columns of the tables where the output is no terminal."""


def status(
    url: Annotated[str | None, typer.Option(help="As http://127.0.0.1:3001.")] = None,
    data_dir: DataDir = Path(".bellwire"),
    is_json: Annotated[bool, typer.Option("--json", help="The document, for scripts.")] = False,
) -> None:
    """Tell how the running node is; exit 1 where there is none, or it is not ready."""
    address = url or find_node(data_dir).http_url
    answer = call_node(address, "GET", "/status", timeout_s=10)
    document = _read(answer, address)
    if is_json:
        print(json.dumps(document, indent=2))
    else:
        _tell(document)
    if not document["ready"]:
        raise typer.Exit(1)


def _read(answer: Answer, address: str) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
        if answer.status == 200 and {"ready", "node", "functions"} <= document.keys():
            return dict(document)
    except (ValueError, AttributeError):
        pass
    raise UpstreamError(
        f"{address}/status was answered {answer.status}, not by a node of Bellwire",
        retryable=False,
        hint="name the node's address with --url, as in http://127.0.0.1:3001",
    )


def _tell(document: Mapping[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    _tell_node(console, document)
    _tell_functions(console, document["functions"])
    _tell_table(console, [{"Rule": rule, **of} for rule, of in document["rules"].items()])
    figures = document["notifier"]
    console.print(
        f"\nNotifier: {figures['connections']} connections with a list, "
        f"{figures['devices_listened_to']} devices listened to, "
        f"{figures['devices_known']} known; {figures['changes']} changes, "
        f"{figures['pushes']} pushes"
    )
    _tell_shadows(console, document["shadows"])
    _tell_dead_letters(console, document["dead_letters"])


def _tell_shadows(console: Console, figures: Mapping[str, Any]) -> None:
    accepted = sum(figures["accepted"].values())
    if accepted or figures["rejected"] or figures["dropped"] or figures["running"]:
        console.print(
            f"Shadows: {accepted} requests accepted, {figures['rejected']} refused, "
            f"{figures['dropped']} dropped, {figures['running']} being worked on"
        )


def _tell_dead_letters(console: Console, figures: Mapping[str, int]) -> None:
    if figures["kept"]:
        console.print(f"Dead letters: {figures['kept']} (bellwire dead-letters list)", style="red")
    if figures["discarded"]:
        console.print(
            f"{figures['discarded']} dead letters were discarded for lack of room "
            "(custom.bellwire.limits.deadLettersBytes)",
            style="red",
        )


def _tell_node(console: Console, document: Mapping[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    node, connections = document["node"], document["connections"]
    state = "[green]ready[/]" if document["ready"] else "[red]not ready[/]"
    console.print(f"[bold]{escape(node['service'])}[/], stage {escape(node['stage'])}: {state}")
    memory = node["memory_bytes"]
    rows = [
        ("WebSocket", node["websocket_url"]),
        ("HTTP", node["http_url"]),
        ("MQTT", node["mqtt_url"]),
        ("Up", _duration(node["uptime_s"])),
        ("Process", f"{node['pid']}" + (f", {memory / 2**20:.0f} MiB" if memory else "")),
        (
            "Connections",
            f"{connections['open']} open of {connections['limit']}, {connections['opened']} so "
            f"far, {connections['slow_consumers_cut']} cut as slow",
        ),
    ]
    if (broker := document["broker"]) is not None:
        rows.append(("Broker", _describe_broker(broker)))
    table = Table.grid(padding=(0, 2))
    for name, text in rows:
        table.add_row(f"  {name}", escape(text))
    console.print(table)


def _describe_broker(broker: Mapping[str, Any]) -> str:
    if not broker["connected"]:
        return f"NOT CONNECTED: {broker['reason']}"
    refused = f", refused: {', '.join(broker['refused'])}" if broker["refused"] else ""
    return (
        f"{broker['protocol']}, {broker['subscriptions']} subscriptions{refused}; "
        f"{broker['received']} received, {broker['dropped']} dropped"
    )


def _tell_functions(console: Console, functions: Mapping[str, Mapping[str, Any]]) -> None:
    rows = [
        {
            "Function": key,
            "invoked": of["invocations"],
            "errors": of["errors"],
            "throttles": of["throttles"],
            "p50 ms": _ms(of["duration_ms"].get("p50")),
            "p99 ms": _ms(of["duration_ms"].get("p99")),
            "cold": of["cold_starts"],
            "busy": of["busy"],
            "idle": of["idle"],
            "start": of["starting"],
            "wait": of["waiting"],
            "async": of.get("async_events_running", 0),
        }
        for key, of in functions.items()
    ]
    _tell_table(console, rows)
    for key, of in functions.items():
        faults = ("timeouts", "crashes", "out_of_memory", "init_failures", "async_events_dropped")
        if told := [f"{name.replace('_', ' ')} {of[name]}" for name in faults if of.get(name)]:
            console.print(f"{key}: {', '.join(told)}", style="red", markup=False)


def _tell_table(console: Console, rows: list[dict[str, object]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    first, *others = rows[0]
    table.add_column(first, overflow="fold", min_width=10)  # gives way on a narrow terminal
    for name in others:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row.values()))
    console.print()
    console.print(table)


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"


def _duration(seconds: float) -> str:
    """Return `3 d 4 h`, `5 min 6 s`, `7 s`: the two largest units."""
    left = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
