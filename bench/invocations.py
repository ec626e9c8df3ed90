"""Invocations of a function: how many, how fast, and what an environment costs.

In the first part callers in the node's own loop invoke an echo, one caller for each environment;
awslambdaric, AWS's own client, does the same on the same Runtime API. In the second part
environments are started: one at a time, 50 whose memory is looked at, 200 at once. In the third
raw HTTP calls Lambda's Invoke, here and at serverless-offline, whose handlers run in Python too.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bellwire.definition.model import Function
from bellwire.errors import Place
from bellwire.functions.pool import Functions, LogEntry, RuntimeSettings
from bellwire.limits import Limits
from bench.figures import percentile
from bench.posts import make_request, post
from bench.processes import descendants, in_process, shared_bytes
from bench.servers import lacks_serverless_offline, running_node, running_serverless_offline


ENVIRONMENTS = (1, 2, 8)
PAYLOADS = {"100 B": 100, "10 KB": 10_000, "1 MB": 1_000_000}
SENDERS = 8
_WARM_UP_S = 0.3
_SECONDS = 1.5
_COLD_STARTS = 30
_IDLE = 50
_MANY = 200
_SETTLE_S = 1.0
_REQUEST_ID = "6c14aac6-b810-49ce-9c6c-50104412d524"
_EVENT = b'{"body": "message"}'
_HANDLER = "def echo(event, context):\n    return event\n"
_BOOTSTRAP = f'#!/bin/sh\nexec "{sys.executable}" -m awslambdaric "$_HANDLER"\n'

Figures = dict[tuple[str, str], float]


def run() -> Figures:
    """Run once; returns figures by (name, unit)."""
    figures = in_process(_invoke_all, "bellwire", "python3.12")
    if importlib.util.find_spec("awslambdaric") is None:
        print("  no peer: awslambdaric is not installed; it is for Linux only")
    else:
        figures |= in_process(_invoke_all, "awslambdaric", "provided.al2023")
        for count in ENVIRONMENTS:
            ours, theirs = (
                figures[f"{name}: {_shape(count, '100 B')}", "per s"]
                for name in ("bellwire", "awslambdaric")
            )
            figures[f"ratio to awslambdaric, {_shape(count, '100 B')}", "×"] = ours / theirs
    figures |= in_process(_start_all)
    return figures | _invoke_by_http()


# Callers in the node's loop


async def _invoke_all(name: str, runtime: str) -> Figures:
    figures: Figures = {}
    for count in ENVIRONMENTS:
        async with _running(count, runtime) as functions:
            for label, size in PAYLOADS.items():
                event = json.dumps({"text": "x" * (size - len('{"text": ""}'))}).encode()
                await _call(functions, event, count, _WARM_UP_S)
                took_s, latencies_us = await _call(functions, event, count, _SECONDS)
                shape = _shape(count, label)
                figures[f"{name}: {shape}", "per s"] = len(latencies_us) / took_s
                figures[f"{name}: {shape}, p50", "µs"] = percentile(latencies_us, 0.5)
                figures[f"{name}: {shape}, p99", "µs"] = percentile(latencies_us, 0.99)
    if name == "bellwire":
        p50_us = figures[f"bellwire: {_shape(1, '100 B')}, p50", "µs"]
        figures["overhead at p50 over the handler (goal ≤ 50)", "µs"] = p50_us - _handler_us()
        best = max(
            figures[f"bellwire: {_shape(count, '100 B')}", "per s"] for count in ENVIRONMENTS
        )
        figures["most invocations of 100 B (goal ≥ 20 000)", "per s"] = best
    return figures


def _shape(environments: int, payload: str) -> str:
    plural = "s" if environments > 1 else ""
    return f"{payload} through {environments} environment{plural}"


async def _call(
    functions: Functions, event: bytes, callers: int, seconds: float
) -> tuple[float, list[float]]:
    """Call for some seconds; returns how long it took, and the latencies in microseconds."""
    latencies_us: list[float] = []
    started = time.perf_counter()  # the loop's clock is in milliseconds

    async def caller() -> None:
        while (sent := time.perf_counter()) < started + seconds:
            result = await functions.invoke("echo", event, request_id=_REQUEST_ID)
            latencies_us.append((time.perf_counter() - sent) * 1e6)
            if result.payload != event:
                raise SystemExit(f"an event was answered {result.payload[:200]!r}")

    await asyncio.gather(*(caller() for _ in range(callers)))
    return time.perf_counter() - started, latencies_us


def _handler_us() -> float:
    """Return what calling the handler itself takes, its event read and its result written."""
    event = json.dumps({"text": "x" * 88})
    count = 10_000

    def echo(event: object, context: object) -> object:
        return event

    started = time.perf_counter()
    for _ in range(count):
        json.dumps(echo(json.loads(event), None))
    return (time.perf_counter() - started) / count * 1e6


@asynccontextmanager
async def _running(count: int, runtime: str = "python3.12") -> AsyncIterator[Functions]:
    """Run the echo in as many environments; all are ready."""
    with TemporaryDirectory(prefix="bellwire-bench-") as folder:
        directory = Path(folder)
        (directory / "handler.py").write_text(_HANDLER)
        (directory / "bootstrap").write_text(_BOOTSTRAP)
        (directory / "bootstrap").chmod(0o755)
        functions = Functions(
            [_function(count, runtime)],
            runtime=RuntimeSettings(
                directory=directory,
                region="eu-west-1",
                account_id="000000000000",
                stage="dev",
                http_url="http://127.0.0.1:9",
                environment={"PATH": os.environ["PATH"], "HOME": folder},
            ),
            limits=Limits(init_timeout_s=60),
            log=_ignore,
        )
        await functions.start()
        try:
            while functions.statistics()["echo"].idle < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            yield functions
        finally:
            await functions.stop(grace_s=1)


def _function(count: int, runtime: str = "python3.12") -> Function:
    return Function(
        key="echo",
        name="bench-dev-echo",
        handler="handler.echo",
        runtime=runtime,
        timeout_s=30,
        memory_mb=512,
        environment={},
        reserved_concurrency=count,
        place=Place("serverless.yml", 1, 1),
        provisioned_concurrency=count,
    )


def _ignore(entry: LogEntry) -> None:
    """What a node's log does costs the node: `messages` measures it with the rest."""


# Starts


async def _start_all() -> Figures:
    figures: Figures = {}
    async with _running(1) as functions:
        starts_ms = [await _swap_ms(functions) for _ in range(_COLD_STARTS)]
        figures["cold start until ready, p50 (goal ≤ 30)", "ms"] = percentile(starts_ms, 0.5)
        figures["cold start until ready, p99", "ms"] = percentile(starts_ms, 0.99)
    async with _running(_IDLE) as functions:
        await _call(functions, _EVENT, _IDLE, 0.2)
        await asyncio.sleep(_SETTLE_S)
        workers = descendants(os.getpid())
        share_mb = sum(map(shared_bytes, workers)) / _IDLE / 1e6
        figures[
            f"memory (PSS) of each of {_IDLE} environments, all processes (goal ≤ 12)", "MB"
        ] = share_mb
    started = time.perf_counter()
    async with _running(_MANY):
        took_s = time.perf_counter() - started
    figures[f"until {_MANY} environments are ready (goal ≤ 5)", "s"] = took_s
    return figures


async def _swap_ms(functions: Functions) -> float:
    """Exchange the function's environments; returns how long the start of the new one took."""
    started = time.perf_counter()
    if not await functions.swap(_function(1)):
        raise SystemExit("an environment did not start")
    return (time.perf_counter() - started) * 1000


# Invoke by HTTP


def _invoke_by_http() -> Figures:
    with running_node(service="echo") as node:
        url = node.management_url.rpartition("/")[0]
        ours = _post(url)
    name = f"Invoke by HTTP, {SENDERS} senders"
    figures = {(f"bellwire: {name}", "per s"): ours}
    missing = lacks_serverless_offline()
    if missing is not None:
        print(f"  no peer: {missing}")
        return figures
    with running_serverless_offline("echo") as address:
        theirs = _post(f"http://{address.invoke}")
    figures[f"serverless-offline, Python: {name}", "per s"] = theirs
    figures[f"ratio to serverless-offline, {name}", "×"] = ours / theirs
    return figures


def _post(url: str) -> float:
    path = "/2015-03-31/functions/bench-echo-dev-echo/invocations"
    return in_process(post, url, [make_request(url, path, _EVENT)] * SENDERS)
