"""What `bellwire run --reload` prints when files are saved."""

from __future__ import annotations

import os
import sys
import time

from bellwire.cli import failure
from bellwire.errors import StartError
from bellwire.node import Node
from bellwire.reload.reloader import Reloader, Voice, first_scope
from bellwire.reload.watch import Watch
from bellwire.settings import Settings


def watch_files(settings: Settings) -> Watch | None:
    """Begin to watch a service's folder; None, and a word, where that cannot be done."""
    try:
        return Watch(first_scope(settings))
    except StartError as error:
        failure.tell(error)
        return None


async def keep_reloading(node: Node, watch: Watch) -> None:
    """Take over what is saved until cancelled; returns where files can no longer be watched."""
    voice = Voice(_tell, failure.tell)
    await Reloader(node, watch, node.settings, os.environ, voice).run()


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr)
