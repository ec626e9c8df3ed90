"""Fork servers: where the processes of Python functions come from.

One serves all functions whose Python would start alike: the same program, and the same of the
variables that it reads when it starts. See `fork_server` for what is said on its socket.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from bellwire.functions.fork_server import FORK
from bellwire.functions.process import EXIT_S, wait_exit


FORK_SERVER_FILE = Path(__file__).with_name("fork_server.py")

ANSWER_S = 10.0
"""How long a fork may take, the start of the fork server included, before it is taken for dead."""

_READ_AT_START = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "VIRTUAL_ENV"})
_PREFIXES_READ_AT_START = ("PYTHON", "LC_", "LD_", "DYLD_", "MALLOC_", "GLIBC_", "ASAN_")
"""Variables that Python, the C library or the linker reads but once."""


class ForkedChild:
    """A worker; `status` is None while it runs."""

    __slots__ = ("pid", "status")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None

    def poll(self) -> int | None:
        """Return its status as `subprocess` has it."""
        return self.status


class _DiedError(OSError):
    """The fork server ended before it answered."""


class ForkServer:
    """One fork server; it is started with the first worker, and anew where it has ended."""

    def __init__(
        self,
        python: Path,
        variables: Mapping[str, str],
        directory: Path,
        *,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._command = (str(python), str(FORK_SERVER_FILE))
        self._variables = variables
        self._directory = directory
        self._answer_s = answer_s
        self._turn = asyncio.Lock()
        self._popen: subprocess.Popen[bytes] | None = None
        self._line: _Line | None = None

    async def fork(self, descriptors: Sequence[int]) -> ForkedChild:
        """Return a new worker that has these descriptors; raises OSError."""
        async with self._turn:  # one request at a time: the socket then never fills up
            with suppress(_DiedError):  # whatever killed it: another is asked, once
                return await self._ask(descriptors)
            return await self._ask(descriptors)

    async def _ask(self, descriptors: Sequence[int]) -> ForkedChild:
        if self._line is None or self._line.is_lost:
            self._line = await self._start()
        try:
            async with asyncio.timeout(self._answer_s):
                return await self._line.ask(descriptors)
        except TimeoutError:
            self._line.is_lost = True
            await self._end()  # its workers end with it; the next one may answer
            raise OSError(f"{self._command[0]} does not answer") from None

    @property
    def is_idle(self) -> bool:
        """Tell whether it runs, without a worker or somebody who asks for one."""
        line = self._line
        return line is not None and not (line.is_lost or line.has_workers or self._turn.locked())

    async def stop(self) -> None:
        """End the process, and with it all workers that are left."""
        if self._line is not None:
            self._line.close()
        if self._popen is not None and await wait_exit(self._popen, EXIT_S) is None:
            await self._end()

    async def _end(self) -> None:
        if self._popen is not None:
            self._popen.kill()
            await wait_exit(self._popen, EXIT_S)

    async def _start(self) -> _Line:
        await self._end()  # who has died is asked for his status, or a zombie would stay
        ours, sender = self._open()
        line = _Line(self._command[0], sender)
        await asyncio.get_running_loop().create_unix_connection(lambda: line, sock=ours)
        return line

    def _open(self) -> tuple[socket.socket, socket.socket]:
        """Start the process and return the socket to it, twice."""
        with ExitStack() as sockets:
            ours, theirs = map(sockets.enter_context, socket.socketpair())
            ours.setblocking(False)
            sender = sockets.enter_context(ours.dup())
            with theirs:
                self._popen = subprocess.Popen(
                    [*self._command, str(theirs.fileno()), str(os.getpid())],
                    cwd=str(self._directory),
                    env=dict(self._variables),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            sockets.pop_all()
            return ours, sender


class _Line(asyncio.Protocol):
    """What is said on the socket to one process."""

    def __init__(self, program: str, sender: socket.socket) -> None:
        """Send descriptors on `sender`, which a transport cannot do."""
        self._program = program
        self._sender = sender
        self._children: dict[int, ForkedChild] = {}
        self._answer: asyncio.Future[ForkedChild] | None = None
        self._transport: asyncio.BaseTransport | None = None
        self._rest = b""
        self.is_lost = False

    @property
    def has_workers(self) -> bool:
        """Tell whether a worker lives."""
        return bool(self._children)

    async def ask(self, descriptors: Sequence[int]) -> ForkedChild:
        """Return a worker with these descriptors; raises OSError."""
        self._answer = asyncio.get_running_loop().create_future()
        try:
            socket.send_fds(self._sender, [FORK], descriptors)
        except OSError:
            self.is_lost, self._answer = True, None
            raise self._died() from None
        return await self._answer

    def _died(self) -> _DiedError:
        return _DiedError(f"{self._program} does not start workers")

    def close(self) -> None:
        """Tell the process that no more is asked."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket to the process."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hear of workers that began or ended."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hear(line[:1], [int(number) for number in line[1:].split()])

    def connection_lost(self, error: Exception | None) -> None:
        """See the end of the process: its workers ended with it."""
        self.is_lost = True
        self._sender.close()
        for child in self._children.values():
            child.status = -signal.SIGKILL
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._died())

    def _hear(self, what: bytes, numbers: list[int]) -> None:
        if what == b"-":
            pid, status = numbers
            child = self._children.pop(pid, None)
            if child is not None:  # else what the user's sitecustomize started
                child.status = status
            return
        answer, (number,) = self._answer, numbers
        assert answer is not None
        if what == b"+":
            forked = self._children[number] = ForkedChild(number)
            if not answer.done():
                answer.set_result(forked)
        elif not answer.done():
            answer.set_exception(OSError(number, os.strerror(number)))


class ForkServers:
    """The fork servers of a node."""

    def __init__(self, directory: Path) -> None:
        """Start them in this folder, that of the service."""
        self._directory = directory
        self._servers: dict[tuple[Path, frozenset[tuple[str, str]]], ForkServer] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def of(self, python: Path, variables: Mapping[str, str]) -> ForkServer:
        """Return the fork server for a function that this Python runs with these variables.

        Where that is a new one, those end that nobody uses any more. Ask it for a worker at once.
        """
        started_with = {name: value for name, value in variables.items() if _is_read(name)}
        key = (python, frozenset(started_with.items()))
        server = self._servers.get(key)
        if server is None:
            self._end_idle()
            server = self._servers[key] = ForkServer(python, started_with, self._directory)
        return server

    async def stop(self) -> None:
        """End all of them."""
        stops = (server.stop() for server in self._servers.values())
        await asyncio.gather(*stops, *self._ending)

    def _end_idle(self) -> None:
        for key, server in tuple(self._servers.items()):
            if server.is_idle:
                task = asyncio.get_running_loop().create_task(self._servers.pop(key).stop())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)


def _is_read(name: str) -> bool:
    return name in _READ_AT_START or name.startswith(_PREFIXES_READ_AT_START)
