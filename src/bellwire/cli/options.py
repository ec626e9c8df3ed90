"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


DataDir = Annotated[
    Path, typer.Option("--data-dir", help="Where the node keeps its data, and says where it is.")
]
