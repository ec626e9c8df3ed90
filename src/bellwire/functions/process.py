"""A process that runs a function: its sockets to the node, and its output.

It leads a session and a process group of its own, so that all it left can be ended.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, Protocol


Stream = Literal["stdout", "stderr"]

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
EXIT_S = 1.0
"""How long a process that was told to exit may take before SIGTERM, and then before SIGKILL."""
KILLED_S = 2.0
"""How long the end of a process that was killed may go untold, before it is taken for gone."""


class Child(Protocol):
    """A process, and how it ended: a `Popen` is one."""

    @property
    def pid(self) -> int:
        """Its id."""

    def poll(self) -> int | None:
        """Return its status as `subprocess` has it, or None while it runs."""


class Process(NamedTuple):
    """A started process and the node's ends of what connects to it: all non-blocking.

    `outputs` are the pipes of its descriptors 1 and 2, where these are not a terminal's.
    """

    child: Child
    control: socket.socket
    channels: tuple[socket.socket, ...]
    outputs: Mapping[Stream, int]


class Ends(NamedTuple):
    """Both ends of what will connect a process, before it is there.

    `theirs` are the descriptors for it: control socket, 0, 1, 2, channels.
    """

    control: socket.socket
    channels: tuple[socket.socket, ...]
    outputs: Mapping[Stream, int]
    theirs: tuple[int, ...]

    def process(self, child: Child) -> Process:
        """Return the process that has the other ends."""
        return Process(child, self.control, self.channels, self.outputs)


@contextmanager
def open_ends(*, channels: int, uses_terminal: bool = False) -> Iterator[Ends]:
    """Make what connects a process, with this many channels.

    At the end of the block the process's ends are closed, and after an error the node's too. With
    `uses_terminal` its descriptors 0, 1 and 2 are the node's own.
    """
    with ExitStack() as ours, ExitStack() as theirs:
        pairs = [_socket_pair(ours, theirs) for _ in range(1 + channels)]
        sockets = [pair[1].fileno() for pair in pairs]
        outputs: dict[Stream, int] = {}
        standard = [0, 1, 2]
        if not uses_terminal:
            standard[0] = os.open(os.devnull, os.O_RDONLY)
            theirs.callback(os.close, standard[0])
            outputs["stdout"], standard[1] = _pipe(ours, theirs)
            outputs["stderr"], standard[2] = _pipe(ours, theirs)
        control, *others = (pair[0] for pair in pairs)
        yield Ends(control, tuple(others), outputs, (sockets[0], *standard, *sockets[1:]))
        ours.pop_all()  # the caller's from here on


def start_program(
    command: Sequence[str],
    *,
    directory: Path,
    variables: Mapping[str, str],
    uses_terminal: bool = False,
) -> Process:
    """Start a program in a session of its own; raises OSError.

    It holds the control socket without knowing it: its end is the program's. Call it from the
    thread that lives longest: on Linux the launcher has it die with the thread that started it.
    """
    with open_ends(channels=0, uses_terminal=uses_terminal) as ends:
        control, stdin, stdout, stderr = ends.theirs
        popen = subprocess.Popen(
            command,
            cwd=str(directory),
            env=dict(variables),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(control,),
            start_new_session=True,
        )
        return ends.process(popen)


async def wait_exit(child: Child, within_s: float) -> int | None:
    """Wait for the end of a process; return its status, or None where it runs on."""
    # No watcher of children: those of asyncio and uvloop differ, and this is rare and short.
    loop = asyncio.get_running_loop()
    delay_s, deadline = 0.0005, loop.time() + within_s
    while (status := child.poll()) is None and loop.time() < deadline:
        await asyncio.sleep(delay_s)
        delay_s = min(2 * delay_s, 0.02)
    return status


class MemoryUse(NamedTuple):
    """What a process uses now, in bytes; of it `mapped` are files, which cost no memory of its own,
    and what it shares on purpose."""

    resident: int
    mapped: int


def memory_use(pid: int) -> MemoryUse | None:
    """Return how much memory a process uses now; None where the system does not tell."""
    try:
        descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        _, resident, mapped, *_ = map(int, os.read(descriptor, 128).split())
        return MemoryUse(resident * _PAGE_BYTES, mapped * _PAGE_BYTES)
    except (OSError, ValueError):  # it ended meanwhile
        return None
    finally:
        os.close(descriptor)


def peak_bytes(pid: int) -> int | None:
    """Return the most memory that a process has used; None where the system does not tell."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            lines = [line.split() for line in file if line.startswith(b"VmHWM:")]
        return int(lines[0][1]) * 1024
    except (OSError, IndexError, ValueError):
        return None


def _socket_pair(ours: ExitStack, theirs: ExitStack) -> tuple[socket.socket, socket.socket]:
    left, right = socket.socketpair()
    ours.enter_context(left)
    theirs.enter_context(right)
    left.setblocking(False)
    return left, right


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    reader, writer = os.pipe()
    ours.callback(os.close, reader)
    theirs.callback(os.close, writer)
    os.set_blocking(reader, False)
    return reader, writer
