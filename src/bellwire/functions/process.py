"""Starting a process that runs a function: its sockets to the node, and its output.

The process leads a session and a process group of its own, so that all it left can be ended.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A started process and the node's ends of what connects to it."""

    popen: subprocess.Popen[bytes]
    control: socket.socket
    channels: tuple[socket.socket, ...]
    stdout: int
    stderr: int


def start_process(
    make_command: Callable[[int, tuple[int, ...]], Sequence[str]],
    *,
    directory: Path,
    variables: Mapping[str, str],
    channel_names: tuple[str, ...] = (),
) -> Process:
    """Start a process in a session of its own; raises OSError.

    `make_command` is given the process's numbers of the control socket and of the channels, whose
    numbers also go into the variables that `channel_names` name. Call it from the thread that
    lives longest: on Linux a worker dies with the thread that started it.
    """
    with ExitStack() as ours, ExitStack() as theirs:
        pairs = [_socket_pair(ours, theirs) for _ in range(1 + len(channel_names))]
        numbers = tuple(pair[1].fileno() for pair in pairs)
        stdout, stdout_theirs = _pipe(ours, theirs)
        stderr, stderr_theirs = _pipe(ours, theirs)
        channels = dict(zip(channel_names, map(str, numbers[1:]), strict=True))
        popen = subprocess.Popen(
            make_command(numbers[0], numbers[1:]),
            cwd=str(directory),
            env={**variables, **channels},
            stdin=subprocess.DEVNULL,
            stdout=stdout_theirs,
            stderr=stderr_theirs,
            pass_fds=numbers,
            start_new_session=True,
        )
        ours.pop_all()  # the caller's from here on
    control, *others = (pair[0] for pair in pairs)
    return Process(popen, control, tuple(others), stdout, stderr)


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
