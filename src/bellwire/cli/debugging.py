"""What `bellwire run --debug FUNCTION` says at its start."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from bellwire.definition import Service
from bellwire.definition.debugging import has_debugpy
from bellwire.functions.launch import DEBUGGER
from bellwire.functions.programs import INSPECTOR


def describe_debugging(service: Service, key: str) -> Iterator[str]:
    """Yield how a function is debugged, a line each."""
    runtime = service.functions[key].runtime
    yield f"Debugging {key}, in one environment"
    yield "No time-out ends it: neither its own nor API Gateway's 29 s"
    if runtime.startswith("python"):
        if sys.stdin.isatty():
            yield "breakpoint() stops it in this terminal"
        else:
            yield "breakpoint() ends it: stdin is no terminal"
        if has_debugpy(service, key):
            yield f"An IDE attaches to {DEBUGGER[0]}:{DEBUGGER[1]}"
        else:
            yield "For an IDE: pip install debugpy, in the Python that runs it"
    elif runtime.startswith("nodejs"):
        yield f"An IDE, or chrome://inspect, attaches to {INSPECTOR}"
    else:
        yield "Its input and output are this terminal's"
