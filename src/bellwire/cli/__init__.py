"""The `bellwire` command: one module a command, each parses, calls one function and prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0 ok, 1 a negative result, 2 wrong usage."""
    from bellwire.cli.application import run_command  # what imports nothing starts fast

    return run_command(list(sys.argv[1:] if argv is None else argv))
