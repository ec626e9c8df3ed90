"""Environments of any runtime: the process asks for its events at the Runtime API.

An invocation is answered with the response, and the environment is free when the runtime asks for
the next one: as on Lambda, what it does between the two counts against the timeout. The first time
that it asks, its init is over.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bellwire.definition.model import Function
from bellwire.functions import documents
from bellwire.functions.context import trace_header
from bellwire.functions.environment import (
    DYING_S,
    UNHANDLED,
    Environment,
    EnvironmentSettings,
    Failure,
    Invocation,
    Owner,
    Result,
    State,
)
from bellwire.functions.process import EXIT_S, Process, peak_bytes, start_program
from bellwire.functions.runtime_api import RefusedError, RuntimeApi, Turn
from bellwire.functions.variables import RuntimeSettings, function_arn


LAUNCHER_FILE = Path(__file__).with_name("launcher.py")


class RuntimeKind:
    """Starts the environments of one function whose runtime is a program."""

    def __init__(
        self,
        function: Function,
        runtime: RuntimeSettings,
        settings: EnvironmentSettings,
        command: Callable[[], Sequence[str]],
    ) -> None:
        """Run what `command` returns: the path of a program, and its arguments."""
        self._function_arn = function_arn(function.name, runtime)
        self._directory = runtime.directory
        self._settings = settings
        self._command = command

    async def start(
        self, variables: Mapping[str, str], temporary: str | None, owner: Owner
    ) -> Environment:
        """Start the program with these variables, to be opened next.

        Raises OSError, and ValueError where one cannot be a variable.
        """
        listening = socket.create_server(("127.0.0.1", 0))
        host, port = listening.getsockname()
        # -I -S: nothing but the standard library is wanted, and it starts twice as fast.
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER_FILE)]
        launcher += [str(os.getpid()), temporary or ""]
        try:
            process = start_program(
                [*launcher, *self._command()],
                directory=self._directory,
                variables={**variables, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"},
                uses_terminal=self._settings.is_debug,
            )
        except (OSError, ValueError):
            listening.close()
            raise
        return RuntimeEnvironment(
            process, listening, arn=self._function_arn, owner=owner, settings=self._settings
        )


class RuntimeEnvironment(Environment):
    """The node's side of one runtime, behind its Runtime API."""

    __slots__ = (
        "_api",
        "_function_arn",
        "_has_closed",
        "_listening",
        "_pid_fd",
        "_turn",
        "_waiting",
    )

    def __init__(
        self,
        process: Process,
        listening: socket.socket,
        *,
        arn: str,
        owner: Owner,
        settings: EnvironmentSettings,
    ) -> None:
        super().__init__(process, owner=owner, settings=settings)
        self._listening = listening
        self._function_arn = arn
        self._api = RuntimeApi(self, body_bytes=settings.response_bytes)
        self._pid_fd: int | None = None
        self._has_closed = False
        """Whether the process lives on without its socket."""
        self._turn: Turn | None = None
        """An invocation that the runtime has not fetched yet."""
        self._waiting: asyncio.Future[Turn] | None = None

    async def open(self) -> None:
        """Serve the Runtime API; from here on the owner hears of the process."""
        await self._api.start(self._listening)
        await super().open()
        self._watch_process()

    def retire(self) -> None:
        """Tell the runtime to exit; then it is killed."""
        super().retire()
        if not self.ended.done():
            self._signal(signal.SIGTERM)
        self._loop.call_soon(self._see_closed)  # as a transport does it

    def connection_lost(self, error: Exception | None) -> None:
        """See the end of the process, or that it closed a socket of which it knows nothing."""
        if self._pid_fd is None or self.is_retiring or self.state is State.GONE:
            super().connection_lost(error)
        else:
            self._has_closed = True

    # What the runtime asks

    async def next(self) -> Turn:
        """Wait for the next invocation; raises RefusedError while one runs."""
        self._begin_next()
        if self._turn is not None:
            turn, self._turn = self._turn, None
            return turn
        waiting: asyncio.Future[Turn] = self._loop.create_future()
        self._waiting = waiting
        try:
            return await waiting
        except asyncio.CancelledError:  # the connection is lost
            if waiting.done() and not waiting.cancelled():
                self._turn = waiting.result()
            self._loop.call_later(DYING_S, self._look)
            raise

    def _begin_next(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(_wrong_time())  # it asked anew: the last one counts
        if self.state is State.STARTING:
            self._become_ready()
        elif self.state is State.BUSY and self.invocation is None:
            self._become_idle()
        elif self.state is State.GONE or (self.state is State.BUSY and self._turn is None):
            raise _wrong_time()

    def check(self, request_id: str) -> None:
        """Raise RefusedError unless this is the invocation that runs."""
        invocation = self.invocation
        if (
            invocation is None
            or invocation.request_id != request_id
            or self._turn is not None
            or self.state is not State.BUSY
        ):
            raise RefusedError(400, "InvalidRequestID", "Invalid request ID")

    def respond(self, request_id: str, document: bytes) -> None:
        """Take a result; raises RefusedError."""
        self._end_invocation(request_id, Result(document, None, False))

    def fail(self, request_id: str, document: bytes) -> None:
        """Take an error document; raises RefusedError."""
        self._end_invocation(request_id, Result(document, UNHANDLED, False))

    def fail_init(self, document: bytes) -> None:
        """Take the error document of an init that failed; the runtime then exits by itself."""
        if self.state is not State.STARTING:
            raise _wrong_time()
        self._settle()
        result = Result(document, UNHANDLED, False)
        error_type = documents.init_error_type(document)
        self._leave(Failure(lambda _: result, "error", error_type))
        self._loop.call_later(EXIT_S, self._end_left)

    def _end_invocation(self, request_id: str, result: Result) -> None:
        self.check(request_id)
        self._see_memory(peak_bytes(self.pid))
        if self._has_too_much():
            self._exhaust()
            return
        self._answer(result)

    # Environment

    def _send(self, invocation: Invocation, started_s: int, deadline_ms: int) -> None:
        turn = Turn(
            request_id=invocation.request_id,
            deadline_ms=deadline_ms,
            function_arn=self._function_arn,
            trace_id=trace_header(invocation.request_id, started_s),
            client_context=invocation.client_context,
            event=invocation.event,
        )
        waiting = self._waiting
        if waiting is None or waiting.done():
            self._turn = turn
        else:
            waiting.set_result(turn)

    def _watch_process(self) -> None:
        """Hear of the end of the process itself: children of it may keep its socket open."""
        if hasattr(os, "pidfd_open"):  # Linux
            with suppress(OSError):  # it is gone already, or there is no descriptor left
                self._pid_fd = os.pidfd_open(self._process.child.pid)
                self._loop.add_reader(self._pid_fd, self._process_ended)

    def _process_ended(self) -> None:
        self._forget_process()
        self._see_closed()
        self._look()

    def _see_closed(self) -> None:
        if self._has_closed:
            self._has_closed = False
            super().connection_lost(None)

    def _end(self) -> None:
        super()._end()
        self._loop.call_soon(self._see_closed)

    def _forget_process(self) -> None:
        if self._pid_fd is not None:
            self._loop.remove_reader(self._pid_fd)
            os.close(self._pid_fd)
            self._pid_fd = None

    def _look(self) -> None:
        """See whether the process has ended, though a child of it holds its socket."""
        if self._process.child.poll() is not None:
            self._end_left()

    def _end_left(self) -> None:
        if not self.ended.done():
            self._end()

    async def _close(self) -> None:
        self._forget_process()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(_wrong_time())
        await self._api.close()


def _wrong_time() -> RefusedError:
    return RefusedError(
        403, "InvalidStateTransition", "The environment is not in a state that allows this"
    )
