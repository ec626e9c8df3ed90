"""The nats-server of a node that was killed: it has to end before the next one starts.

On Linux it ends with its node, within moments; elsewhere it may go on for ever. Either way it holds
the ports and the data of the new one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path


log = logging.getLogger("bellwire.bus")

CONFIGURATION = "nats.conf"
PID_FILE = "nats.pid"
_POLL_S = 0.02


async def end_predecessor(folder: Path, *, within_s: float = 5.0) -> None:
    """End the server that was started on this folder, if it still runs; kill it after a while."""
    pid = _read_pid(folder / PID_FILE)
    if pid is None or not _runs_on(pid, folder):
        return
    log.warning("the nats-server of an earlier node still runs, as process %d: ending it", pid)
    _signal(pid, signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + within_s
    while _runs_on(pid, folder):
        if asyncio.get_running_loop().time() > deadline:
            _signal(pid, signal.SIGKILL)
        await asyncio.sleep(_POLL_S)


def _read_pid(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _runs_on(pid: int, folder: Path) -> bool:
    """Tell whether the process is a server on this folder: a number may have a new owner."""
    return str(folder / CONFIGURATION) in _command(pid)


def _command(pid: int) -> str:
    if Path("/proc/self").exists():
        with suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        return ""
    done = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
