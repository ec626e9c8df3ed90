"""`python -m bench [NAME…]`: run benchmarks, print median and spread, write JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

from bench import (
    connections_api,
    connects,
    fanout,
    invocations,
    latency,
    memory,
    messages,
    mock,
    pipeline,
    rules,
    sql,
)
from bench.figures import collect


BENCHMARKS: dict[str, Callable[[], dict[tuple[str, str], float]]] = {
    "latency": latency.run,
    "fanout": fanout.run,
    "messages": messages.run,
    "mock": mock.run,
    "connects": connects.run,
    "connections_api": connections_api.run,
    "invocations": invocations.run,
    "memory": memory.run,
    "sql": sql.run,
    "rules": rules.run,
    "pipeline": pipeline.run,
}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--repeat", type=int, default=3, help="runs of each (3)")
    parser.add_argument("--json", type=Path, default=Path("bench/results/latest.json"))
    arguments = parser.parse_args()
    unknown = set(arguments.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    results = {}
    for name in arguments.names or BENCHMARKS:
        print(f"{name}: {(BENCHMARKS[name].__module__)}", flush=True)
        runs = []
        for number in range(arguments.repeat):
            print(f"  run {number + 1} of {arguments.repeat} …", flush=True)
            runs.append(BENCHMARKS[name]())
        figures = collect(runs)
        for figure in figures:
            print(figure.line(), flush=True)
        results[name] = [figure.document() for figure in figures]
    _write(arguments.json, results)


def _write(path: Path, results: dict[str, list[dict[str, object]]]) -> None:
    document = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "results": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
