"""One execution environment: a process that runs a function, and its output.

    STARTING ──ready──▶ IDLE ──run──▶ BUSY ──result, error──▶ IDLE
        └───────────────┴── fault, end of the process, deadline, memory ──▶ GONE

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
from typing import NamedTuple, Protocol, cast

from bellwire.functions import documents
from bellwire.functions.context import trace_id
from bellwire.functions.log_line import FunctionLog, Source
from bellwire.functions.output import Budget, Lines
from bellwire.functions.process import EXIT_S, KILLED_S, Process, Stream, memory_use, wait_exit
from bellwire.functions.reports import InitializationType, InitReport, Report, Status
from bellwire.functions.statistics import Loss


DYING_S = 0.2
"""How long a process that closed its socket unasked may take to end, before SIGKILL."""
_PIPE_BYTES = 64 * 1024
_PAUSE_S = 0.002
_MB = 1024 * 1024

UNHANDLED = "Unhandled"
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
    """One event for one function, and who waits for its result.

    `client_context` is JSON, or empty.
    """

    request_id: str
    event: bytes
    future: asyncio.Future[Result]
    client_context: bytes = b""


class Failure(NamedTuple):
    """Why an environment ended: makes the result of an invocation, by its request id.

    `error_type` is what the platform's log says, which for want of memory is not what the caller
    is told.
    """

    result: Callable[[str], Result]
    status: Status
    error_type: str


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

    def completed(self, environment: Environment) -> None:
        """The invocation is over and answered; the environment is free."""

    def init_failed(self, environment: Environment, failure: Failure) -> None:
        """The environment never became ready."""

    def lost(self, environment: Environment, was: State) -> None:
        """The environment ended while idle or busy."""


class EnvironmentSettings(NamedTuple):
    """What all environments of one function have in common: seconds, bytes, megabytes.

    `function` is its key; `log` takes what it writes.
    """

    function: str
    log: FunctionLog
    timeout_s: float
    init_timeout_s: float
    response_bytes: int
    log_line_bytes: int
    log_bytes_per_s: int
    memory_mb: int
    initialization: InitializationType
    is_debug: bool = False


class Kind(Protocol):
    """How the environments of one function are started."""

    async def start(
        self, variables: Mapping[str, str], temporary: str | None, owner: Owner
    ) -> Environment:
        """Start a process with these variables, to be opened next.

        `temporary` is the folder that becomes its `/tmp`. Raises OSError, and ValueError where one
        cannot be a variable.
        """


class Environment(asyncio.Protocol):
    """The node's side of one process. `deadline` is in the loop's time, infinite while idle."""

    __slots__ = (
        "_burial",
        "_is_open",
        "_lines",
        "_loop",
        "_mapped_bytes",
        "_own_bytes",
        "_owner",
        "_pipes",
        "_poll",
        "_process",
        "_request_id",
        "_says_start",
        "_settings",
        "_started",
        "_started_ms",
        "_transport",
        "deadline",
        "duration_s",
        "ended",
        "has_failed",
        "init_s",
        "invocation",
        "is_retiring",
        "loss",
        "peak_bytes",
        "state",
        "was_used",
    )

    def __init__(
        self,
        process: Process,
        *,
        owner: Owner,
        settings: EnvironmentSettings,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.state = State.STARTING
        self.invocation: Invocation | None = None
        self.deadline = loop.time() + settings.init_timeout_s
        self.was_used = self.is_retiring = False
        self.loss = Loss.CRASH
        """Why it ended, once it has."""
        self.has_failed = False
        """Whether the last result is an error."""
        self.init_s = self.duration_s = 0.0
        """How long its start took, and its last invocation."""
        self.peak_bytes: int | None = None
        """The most memory that the process was seen to use."""
        self._own_bytes = self._mapped_bytes = 0
        """The most that was not mapped, and that was, of what was looked at."""
        self.ended: asyncio.Future[None] = loop.create_future()
        """Done when the process is gone and all it left open is answered and closed."""
        self._process = process
        self._owner = owner
        self._settings = settings
        self._loop = loop
        self._lines: dict[tuple[Stream, bool], Lines] = {}
        self._request_id: str | None = None
        self._started_ms = 0
        self._says_start = False
        """Whether the log must be told yet that the invocation has started."""
        self._started = time.perf_counter()  # the loop's own clock counts milliseconds
        self._is_open = False
        self._burial: asyncio.Task[None] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._poll = select.poll()
        self._pipes: dict[int, _Pipe] = {}

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.child.pid

    async def open(self) -> None:
        """Connect to the process; from here on the owner hears of it."""
        loop, settings = self._loop, self._settings
        settings.log.init_start(settings.initialization, _now_ms())
        for stream, fd in self._process.outputs.items():
            pipe = _Pipe(fd, stream, Budget(settings.log_bytes_per_s))
            self._pipes[fd] = pipe
            self._poll.register(fd, select.POLLIN)
            loop.add_reader(fd, self._read_pipe, pipe)
        await loop.create_unix_connection(lambda: self, sock=self._process.control)
        self._is_open = True
        if self.is_retiring:  # not before: uvloop would leave the socket open
            self.retire()

    # What the owner asks

    def run(self, invocation: Invocation) -> None:
        """Start an invocation; the environment must be idle, or just free."""
        now, timeout_s = time.time(), self._settings.timeout_s
        self.state = State.BUSY
        self.invocation = invocation
        self.deadline = self._loop.time() + timeout_s
        self._request_id = invocation.request_id
        self._says_start = True
        self._started_ms = int(now * 1000)
        self._started = time.perf_counter()
        self._send(invocation, int(now), int((now + timeout_s) * 1000))

    def expire(self) -> None:
        """End the process because its deadline has passed, and answer as Lambda does."""
        self.loss = Loss.TIMEOUT
        was_starting = self.state is State.STARTING
        settings = self._settings
        limit_s = settings.init_timeout_s if was_starting else settings.timeout_s
        self._empty_pipes()
        what = documents.describe_timeout(limit_s)
        self._note(f"{_timestamp()} {self._request_id or 'INIT'} {what}")

        def result(request_id: str) -> Result:
            return Result(documents.timeout_error(request_id, limit_s), UNHANDLED, True)

        self._give_up(Failure(result, "timeout", "Sandbox.Timedout"))

    def check_memory(self) -> None:
        """Kill a process that uses more than it may."""
        self._look_at_memory()
        if self._has_too_much():
            self._exhaust()

    def retire(self) -> None:
        """Tell the process to exit, by closing its socket; then it is terminated, then killed."""
        self.is_retiring = True
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

    def _send(self, invocation: Invocation, started_s: int, deadline_ms: int) -> None:
        """Hand an invocation to the process; times are epoch seconds and milliseconds."""
        raise NotImplementedError

    async def _close(self) -> None:
        """Close what else is open, once the process is gone."""

    # What the process said

    def _become_ready(self) -> None:
        self._settle()
        self.init_s = time.perf_counter() - self._started
        self._report_init("success", None)
        self.state = State.IDLE
        self.deadline = float("inf")
        self._owner.ready(self)

    def _answer(self, result: Result) -> None:
        """Give the invocation that runs its result, after all output written before."""
        self._settle()
        if result.error is None:
            self._conclude_invocation(result, "success", None)
        else:
            self._conclude_invocation(result, "error", documents.error_type(result.payload))

    def _become_idle(self) -> None:
        """Be free again."""
        self.state = State.IDLE
        self.was_used = True
        self.deadline = float("inf")
        self._owner.completed(self)

    def _conclude_invocation(self, result: Result, status: Status, error_type: str | None) -> None:
        invocation, settings = self.invocation, self._settings
        assert invocation is not None
        self.invocation = None
        duration_s = time.perf_counter() - self._started
        if status == "timeout":
            duration_s = settings.timeout_s
        self.duration_s = duration_s
        self.has_failed = result.error is not None
        says_init = not self.was_used and settings.initialization == "on-demand"
        report = Report(
            settings.function,
            invocation.request_id,
            self._started_ms,
            duration_s,
            self.init_s if says_init else None,
            self.peak_bytes,
            settings.memory_mb,
            status,
            error_type,
            self._says_start,
        )
        self._says_start = False
        settings.log.report(report)
        if not invocation.future.done():
            invocation.future.set_result(result)

    def _report_init(self, status: Status, error_type: str | None) -> None:
        kind = self._settings.initialization
        report = InitReport(self.init_s, "init", kind, status, error_type)
        self._settings.log.init(report, _now_ms())

    # Memory

    def _see_memory(self, used_bytes: int | None) -> None:
        if used_bytes is not None and (self.peak_bytes is None or used_bytes > self.peak_bytes):
            self.peak_bytes = used_bytes

    def _look_at_memory(self) -> None:
        use = memory_use(self.pid)
        if use is not None:
            self._see_memory(use.resident)
            self._mapped_bytes = max(self._mapped_bytes, use.mapped)
            self._own_bytes = max(self._own_bytes, use.resident - use.mapped)

    def _has_too_much(self) -> bool:
        bound = self._settings.memory_mb * _MB
        if (self.peak_bytes or 0) <= bound:
            return False
        self._look_at_memory()  # the peak may be that of a file, which it mapped
        self._own_bytes = max(self._own_bytes, (self.peak_bytes or 0) - self._mapped_bytes)
        return self._own_bytes > bound

    def _exhaust(self) -> None:
        """End the process because it used more memory than the function has."""
        self.loss = Loss.OUT_OF_MEMORY
        status = -signal.SIGKILL
        self._empty_pipes()
        self._note(
            f"[bellwire] {-(-self._own_bytes // _MB)} MB of memory used: more than the "
            f"{self._settings.memory_mb} MB of memorySize"
        )
        self._note_exit(status)

        def result(request_id: str) -> Result:
            return Result(documents.exit_error(request_id, status), UNHANDLED, False)

        self._give_up(Failure(result, "error", "Runtime.OutOfMemory"))

    # The way out

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
        was = self.state
        self.state = State.GONE
        self.deadline = float("inf")
        if was is State.STARTING:
            assert failure is not None
            self.init_s = time.perf_counter() - self._started
            self._report_init(failure.status, failure.error_type)
            self._owner.init_failed(self, failure)
        elif was is not State.GONE:
            if self.invocation is not None:
                self.duration_s = time.perf_counter() - self._started
            self._owner.lost(self, was)
        if self.invocation is not None and failure is not None:
            result = failure.result(self.invocation.request_id)
            self._conclude_invocation(result, failure.status, failure.error_type)

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
            lines = self._lines[key] = Lines(self._settings.log_line_bytes)
        for text in lines.feed(data):
            self._write_line(stream, text)

    def _finish_lines(self) -> None:
        for (stream, _), lines in self._lines.items():
            for text in lines.finish():
                self._write_line(stream, text)

    def _note(self, text: str) -> None:
        self._finish_lines()
        self._write_line("platform", text)

    def _note_exit(self, status: int) -> None:
        what = documents.describe_exit(status)
        self._note(f"RequestId: {self._request_id or 'INIT'} Error: {what} Runtime.ExitError")

    def _write_line(self, stream: Source, text: str) -> None:
        log, request_id = self._settings.log, self._request_id
        if request_id is None:
            log.line(stream, text, None, None)
            return
        trace = trace_id(request_id, self._started_ms // 1000)
        if self._says_start:
            # Not before there is something to say: many invocations write nothing.
            self._says_start = False
            log.start(request_id, trace, self._started_ms)
        log.line(stream, text, request_id, trace)

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
            self._write_line("platform", pipe.budget.note())

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
            # uvloop forgets the socket of a transport that closes while it opens: the number is
            # closed, and must not be closed again, when it may be another's.
            self._process.control.detach()
            self.ended.set_result(None)

    def _conclude(self, was: State, status: int) -> None:
        """Pass on the last output, close what is open, answer who still waits."""
        self._empty_pipes()
        for pipe in tuple(self._pipes.values()):
            self._close_pipe(pipe)
        self._finish_lines()
        if was is not State.GONE and not self.is_retiring:
            self._note_exit(status)
        self._leave(
            Failure(
                lambda request_id: Result(
                    documents.exit_error(request_id, status), UNHANDLED, False
                ),
                "error",
                "Runtime.ExitError",
            )
        )

    async def _wait_end(self) -> int:
        child = self._process.child
        status = await wait_exit(child, EXIT_S if self.is_retiring else DYING_S)
        if status is None and self.is_retiring:
            self._signal(signal.SIGTERM)
            status = await wait_exit(child, EXIT_S)
        self._signal(signal.SIGKILL)
        if status is None:
            status = await wait_exit(child, KILLED_S)
        # Else it is dying, or the fork server, which would tell, hangs: nobody waits for that.
        return -signal.SIGKILL if status is None else status

    def _signal(self, number: signal.Signals) -> None:
        """Signal the process and all children it has in its group."""
        with suppress(ProcessLookupError, PermissionError):
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                if self._process.child.poll() is None:  # forked just now: it leads no group yet
                    os.kill(self.pid, number)


class _Pipe:
    """The node's end of descriptor 1 or 2 of a process."""

    __slots__ = ("budget", "fd", "is_paused", "stream")

    def __init__(self, fd: int, stream: Stream, budget: Budget) -> None:
        self.fd = fd
        self.stream = stream
        self.budget = budget
        self.is_paused = False


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _timestamp() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
