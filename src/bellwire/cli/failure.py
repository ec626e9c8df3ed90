"""How errors are told: one sentence, the place, a hint."""

from __future__ import annotations

import sys

from bellwire.errors import BellwireError, SqlSyntaxError


def tell(error: BellwireError) -> None:
    """Print an error to stderr: the sentence, the statement underlined, the hint."""
    print(f"error: {error}", file=sys.stderr)
    if isinstance(error, SqlSyntaxError):
        for line in error.excerpt().splitlines():
            print(f"    {line}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
