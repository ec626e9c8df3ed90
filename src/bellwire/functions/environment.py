"""One execution environment: a process that runs a function, and its output.

    STARTING ──ready──▶ IDLE ──run──▶ BUSY ──result, error──▶ IDLE
        └───────────────┴── fault, end of the process, deadline ──▶ GONE

How events and results travel is for each kind: `python_environment` (our own worker),
`runtime_environment` (the Runtime API). What is written to the descriptors 1 and 2 comes through
two pipes, which are emptied before a result is passed on: it was written before. Lines belong to
the invocation that runs, or ran last.

The process holds one end of a socket until it ends. The end of the socket is seen as its end; its
exit status is asked for then, and whatever is left of its process group is killed.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Literal, NamedTuple, Protocol, cast

from bellwire.functions import documents
from bellwire.functions.output import Budget, Lines
from bellwire.functions.process import Process


EXIT_S = 1.0
"""How long a process that was told to exit may take before SIGTERM, and then before SIGKILL."""
DYING_S = 0.2
"""How long a process that closed its socket unasked may take to end, before SIGKILL."""
_PIPE_BYTES = 64 * 1024
_PAUSE_S = 0.002

UNHANDLED = "Unhandled"
Stream = Literal["stdout", "stderr", "platform"]
ChannelFactory = Callable[[], asyncio.Protocol]


class Result(NamedTuple):
    """The outcome of an invocation, as Lambda's Invoke API gives it.

    `payload` is the handler's result as JSON (or the bytes it returned), or Lambda's error
    document. `error` is None or `Unhandled`, the value of X-Amz-Function-Error.
    docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """

    payload: bytes
    error: str | None
    timed_out: bool


class Invocation(NamedTuple):
    """One event for one function, and who waits for its result."""

    request_id: str
    event: bytes
    future: asyncio.Future[Result]


Failure = Callable[[str], Result]
"""Why an environment did not start: gives the result of an invocation, by its request id."""


class State(Enum):
    """Where an environment is in its life."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    GONE = auto()


class Owner(Protocol):
    """Who an environment tells what happens to it."""

    def ready(self, environment: Environment) -> None:
        """The handler's module is imported."""

    def completed(self, environment: Environment, result: Result) -> None:
        """The invocation is over and answered; the environment is free."""

    def init_failed(self, environment: Environment, failure: Failure) -> None:
        """The environment never became ready."""

    def lost(self, environment: Environment, was: State) -> None:
        """The environment ended while idle or busy."""

    def write_line(self, request_id: str | None, stream: Stream, text: str) -> None:
        """A line of output."""


class EnvironmentLimits(NamedTuple):
    """The bounds of one environment: seconds and bytes."""

    timeout_s: float
    init_timeout_s: float
    response_bytes: int
    log_line_bytes: int
    log_bytes_per_s: int


class Kind(Protocol):
    """How the environments of one function are started."""

    def start(self, variables: Mapping[str, str], owner: Owner) -> Environment:
        """Start a process with these variables, to be opened next; raises OSError."""


class Environment(asyncio.Protocol):
    """The node's side of one process. `deadline` is in the loop's time, infinite while idle."""

    __slots__ = (
        "_burial",
        "_is_open",
        "_is_retiring",
        "_limits",
        "_lines",
        "_loop",
        "_owner",
        "_pipes",
        "_poll",
        "_process",
        "_request_id",
        "_transport",
        "deadline",
        "ended",
        "has_expired",
        "invocation",
        "state",
        "was_used",
    )

    def __init__(
        self,
        process: Process,
        *,
        owner: Owner,
        limits: EnvironmentLimits,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.state = State.STARTING
        self.invocation: Invocation | None = None
        self.deadline = loop.time() + limits.init_timeout_s
        self.was_used = False
        self.has_expired = False
        self.ended: asyncio.Future[None] = loop.create_future()
        """Done when the process is gone and all it left open is answered and closed."""
        self._process = process
        self._owner = owner
        self._limits = limits
        self._loop = loop
        self._lines: dict[tuple[Stream, bool], Lines] = {}
        self._request_id: str | None = None
        self._is_open = self._is_retiring = False
        self._burial: asyncio.Task[None] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._poll = select.poll()
        self._pipes: dict[int, _Pipe] = {}

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.popen.pid

    async def open(self) -> None:
        """Connect to the process; from here on the owner hears of it."""
        loop = self._loop
        names: tuple[Stream, Stream] = ("stdout", "stderr")
        for fd, stream in zip((self._process.stdout, self._process.stderr), names, strict=True):
            pipe = _Pipe(fd, stream, Budget(self._limits.log_bytes_per_s))
            self._pipes[fd] = pipe
            self._poll.register(fd, select.POLLIN)
            loop.add_reader(fd, self._read_pipe, pipe)
        await loop.create_unix_connection(lambda: self, sock=self._process.control)
        self._is_open = True
        if self._is_retiring:  # not before: uvloop would leave the socket open
            self.retire()

    # What the owner asks

    def run(self, invocation: Invocation) -> None:
        """Start an invocation; the environment must be idle, or just free."""
        timeout_s = self._limits.timeout_s
        self.state = State.BUSY
        self.was_used = True
        self.invocation = invocation
        self._request_id = invocation.request_id
        self.deadline = self._loop.time() + timeout_s
        self._send(invocation, int((time.time() + timeout_s) * 1000))

    def expire(self) -> None:
        """End the process because its deadline has passed, and answer as Lambda does."""
        self.has_expired = True
        was_starting = self.state is State.STARTING
        limit_s = self._limits.init_timeout_s if was_starting else self._limits.timeout_s
        self._empty_pipes()
        what = documents.describe_timeout(limit_s)
        self._note(f"{_timestamp()} {self._request_id or 'INIT'} {what}")

        def failure(request_id: str) -> Result:
            return Result(documents.timeout_error(request_id, limit_s), UNHANDLED, True)

        self._give_up(failure)

    def retire(self) -> None:
        """Tell the process to exit, by closing its socket; then it is terminated, then killed."""
        self._is_retiring = True
        if self._transport is not None and self._is_open:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket to the process."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """See the end of the process."""
        was = self.state
        if was is not State.STARTING:
            self._leave(None)
        self._burial = self._loop.create_task(self._bury(was))

    # What each kind adds

    def _send(self, invocation: Invocation, deadline_ms: int) -> None:
        """Hand an invocation to the process; the deadline is in epoch milliseconds."""
        raise NotImplementedError

    async def _close(self) -> None:
        """Close what else is open, once the process is gone."""

    # What the process said

    def _become_ready(self) -> None:
        self._settle()
        self.state = State.IDLE
        self.deadline = float("inf")
        self._owner.ready(self)

    def _answer(self, result: Result) -> None:
        """Give the invocation that runs its result, after all output written before."""
        invocation = self.invocation
        assert invocation is not None
        self._settle()
        self.invocation = None
        if not invocation.future.done():
            invocation.future.set_result(result)

    def _become_idle(self, result: Result) -> None:
        """Be free again; `result` is what the last invocation came to."""
        self.state = State.IDLE
        self.deadline = float("inf")
        self._owner.completed(self, result)

    def _give_up(self, failure: Failure) -> None:
        """Answer, and kill what is left of the process."""
        self._leave(failure)
        self._end()

    def _end(self) -> None:
        self._signal(signal.SIGKILL)
        if self._transport is not None:
            # Not left to the end of the process: a child of it may hold the socket open.
            self._transport.abort()

    def _leave(self, failure: Failure | None) -> None:
        was, invocation = self.state, self.invocation
        self.state = State.GONE
        self.deadline = float("inf")
        if was is State.STARTING:
            assert failure is not None
            self._owner.init_failed(self, failure)
        elif was is not State.GONE:
            self._owner.lost(self, was)
        if invocation is not None and failure is not None:
            self.invocation = None
            if not invocation.future.done():
                invocation.future.set_result(failure(invocation.request_id))

    # Output

    def _settle(self) -> None:
        """Pass on all output written up to here."""
        if self._poll.poll(0):
            self._empty_pipes()
        for pipe in self._pipes.values():
            if pipe.is_paused:
                self._tell_dropped(pipe)
        if self._lines:
            self._finish_lines()

    def _feed(self, stream: Stream, data: bytes, *, is_raw: bool = False) -> None:
        key = (stream, is_raw)
        lines = self._lines.get(key)
        if lines is None:
            lines = self._lines[key] = Lines(self._limits.log_line_bytes)
        for text in lines.feed(data):
            self._owner.write_line(self._request_id, stream, text)

    def _finish_lines(self) -> None:
        for (stream, _), lines in self._lines.items():
            for text in lines.finish():
                self._owner.write_line(self._request_id, stream, text)

    def _note(self, text: str) -> None:
        self._finish_lines()
        self._owner.write_line(self._request_id, "stderr", text)

    def _read_pipe(self, pipe: _Pipe) -> None:
        try:
            data = os.read(pipe.fd, _PIPE_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._close_pipe(pipe)
            return
        passes = pipe.budget.take(len(data), self._loop.time())
        if passes:
            self._feed(pipe.stream, data[:passes], is_raw=True)
        if passes < len(data) and not pipe.is_paused and self.state is not State.GONE:
            # The writer waits too: dropping its flood must not keep the node busy.
            pipe.is_paused = True
            self._loop.remove_reader(pipe.fd)
            self._loop.call_later(_PAUSE_S, self._resume_pipe, pipe)

    def _resume_pipe(self, pipe: _Pipe) -> None:
        if pipe.fd not in self._pipes:
            return
        if pipe.budget.is_refilled(self._loop.time()):
            pipe.is_paused = False
            self._tell_dropped(pipe)
            self._loop.add_reader(pipe.fd, self._read_pipe, pipe)
        else:
            self._read_pipe(pipe)
            self._loop.call_later(_PAUSE_S, self._resume_pipe, pipe)

    def _empty_pipes(self) -> None:
        """Read what the pipes hold now: at most what fits in them."""
        for pipe in tuple(self._pipes.values()):
            self._read_pipe(pipe)
            self._tell_dropped(pipe)

    def _tell_dropped(self, pipe: _Pipe) -> None:
        if pipe.budget.dropped:
            self._finish_lines()
            self._owner.write_line(self._request_id, pipe.stream, pipe.budget.note())

    def _close_pipe(self, pipe: _Pipe) -> None:
        if self._pipes.pop(pipe.fd, None) is not None:
            self._poll.unregister(pipe.fd)
            self._loop.remove_reader(pipe.fd)
            os.close(pipe.fd)

    # The end

    async def _bury(self, was: State) -> None:
        try:
            self._conclude(was, await self._wait_end())
            await self._close()
        finally:
            self.ended.set_result(None)

    def _conclude(self, was: State, status: int) -> None:
        """Pass on the last output, close what is open, answer who still waits."""
        self._empty_pipes()
        for pipe in tuple(self._pipes.values()):
            self._close_pipe(pipe)
        self._finish_lines()
        if was is not State.GONE and not self._is_retiring:
            what = documents.describe_exit(status)
            self._note(f"RequestId: {self._request_id or 'INIT'} Error: {what} Runtime.ExitError")
        self._leave(
            lambda request_id: Result(documents.exit_error(request_id, status), UNHANDLED, False)
        )

    async def _wait_end(self) -> int:
        status = await self._wait_exit(EXIT_S if self._is_retiring else DYING_S)
        if status is None and self._is_retiring:
            self._signal(signal.SIGTERM)
            status = await self._wait_exit(EXIT_S)
        self._signal(signal.SIGKILL)
        while status is None:
            status = await self._wait_exit(EXIT_S)
        return status

    async def _wait_exit(self, within_s: float) -> int | None:
        # No watcher of children: those of asyncio and uvloop differ, and this is rare and short.
        process, delay_s = self._process.popen, 0.0005
        deadline = self._loop.time() + within_s
        while (status := process.poll()) is None and self._loop.time() < deadline:
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, 0.02)
        return status

    def _signal(self, number: signal.Signals) -> None:
        """Signal the process and all children it has in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class _Pipe:
    """The node's end of descriptor 1 or 2 of a process."""

    __slots__ = ("budget", "fd", "is_paused", "stream")

    def __init__(self, fd: int, stream: Stream, budget: Budget) -> None:
        self.fd = fd
        self.stream = stream
        self.budget = budget
        self.is_paused = False


def _timestamp() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
