"""Tables and figures as the commands print them: on a terminal as wide as it is, else as needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 160
"""Columns where the output is no terminal."""
_NARROW = 16
"""Columns that text has at least, however narrow the terminal."""
_GAP = 2
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def stdout_console() -> Console:
    """Return the console of stdout; without colour and of a fixed width where it is no terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def print_table(
    console: Console,
    rows: Sequence[Mapping[str, object]],
    *,
    left: Collection[str] = (),
    clipped: str | None = None,
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print rows of the same columns: the first and those of `left` as text, the others as numbers.

    The column `clipped` gives way where the terminal is narrow, and its cells end in `…` then.
    `styles` says which texts have a colour of their own.
    """
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    widths = {name: max(map(len, [name, *(str(row[name]) for row in rows)])) for name in rows[0]}
    most = max(_NARROW, console.width // 3)
    for index, name in enumerate(rows[0]):
        if name == clipped:
            others = sum(min(width, most) + _GAP for of, width in widths.items() if of != name)
            room = max(_NARROW, console.width - others)
            table.add_column(name, no_wrap=True, overflow="ellipsis", width=min(room, widths[name]))
        elif index == 0 or name in left:
            table.add_column(name, overflow="fold", width=min(widths[name], most))
        else:
            table.add_column(name, justify="right", no_wrap=True, width=widths[name])
    for row in rows:
        cells = [str(cell) for cell in row.values()]
        table.add_row(*(Text(cell, (styles or {}).get(cell, "")) for cell in cells))
    console.print(table)


def ago(age_ms: int) -> str:
    """Return an age by its largest unit: `4 s`, `12 min`, `3 d`."""
    seconds = max(age_ms, 0) // 1000
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "0 s"


def size_of(size: int) -> str:
    """Return a size in bytes as a person reads it."""
    return f"{size} B" if size < 10_000 else f"{size / 1024:.0f} KiB"
