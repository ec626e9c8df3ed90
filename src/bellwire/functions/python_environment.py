"""Environments of Python functions: the process runs `worker`, and speaks in frames.

The worker's frames carry results and the lines of `sys.stdout` and `sys.stderr`, in the order in
which they were written; only what is written past Python (C code, children) comes through the
pipes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from bellwire.definition.model import Function
from bellwire.functions import documents, frames
from bellwire.functions.environment import (
    UNHANDLED,
    ChannelFactory,
    Environment,
    EnvironmentSettings,
    Failure,
    Invocation,
    Owner,
    Result,
    State,
)
from bellwire.functions.forks import ForkServers
from bellwire.functions.launch import Launch
from bellwire.functions.process import Process, open_ends
from bellwire.functions.variables import RuntimeSettings, function_arn


_FRAME_SLACK_BYTES = 64 * 1024


class PythonKind:
    """Starts the environments of one Python function."""

    def __init__(
        self,
        function: Function,
        runtime: RuntimeSettings,
        settings: EnvironmentSettings,
        *,
        python: Path,
        channels: Mapping[str, ChannelFactory],
        fork_servers: ForkServers,
    ) -> None:
        self._function = function
        self._function_arn = function_arn(function.name, runtime)
        self._directory = str(runtime.directory)
        self._settings = settings
        self._python = python
        self._channels = channels
        self._fork_servers = fork_servers

    async def start(
        self, variables: Mapping[str, str], temporary: str | None, owner: Owner
    ) -> Environment:
        """Start a worker with these variables, to be opened next; raises OSError."""
        settings, channels = self._settings, self._channels
        server = self._fork_servers.of(self._python, variables)
        with open_ends(channels=len(channels), uses_terminal=settings.is_debug) as ends:
            process = ends.process(await server.fork(ends.theirs))
        launch = Launch(
            function=self._function.key,
            handler=self._function.handler,
            directory=self._directory,
            function_arn=self._function_arn,
            variables=variables,
            channel_names=tuple(channels),
            temporary=temporary,
            response_bytes=settings.response_bytes,
            log_bytes_per_s=settings.log_bytes_per_s,
            is_debug=settings.is_debug,
        )
        return PythonEnvironment(
            process, launch, tuple(channels.values()), owner=owner, settings=settings
        )


class PythonEnvironment(Environment):
    """The node's side of one worker."""

    __slots__ = ("_channels", "_decoder", "_factories", "_launch")

    def __init__(
        self,
        process: Process,
        launch: Launch,
        factories: tuple[ChannelFactory, ...],
        *,
        owner: Owner,
        settings: EnvironmentSettings,
    ) -> None:
        super().__init__(process, owner=owner, settings=settings)
        self._launch = launch
        self._decoder = frames.Decoder(
            max(settings.response_bytes, settings.log_bytes_per_s) + _FRAME_SLACK_BYTES
        )
        self._factories = factories
        self._channels: list[asyncio.BaseTransport] = []

    async def open(self) -> None:
        """Connect to the worker; from here on the owner hears of it."""
        for factory, connection in zip(self._factories, self._process.channels, strict=True):
            transport, _ = await self._loop.create_unix_connection(factory, sock=connection)
            self._channels.append(transport)
        await super().open()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the worker what it is to be."""
        super().connection_made(transport)
        assert self._transport is not None
        self._transport.write(frames.encode(frames.LAUNCH, self._launch.encode()))

    def data_received(self, data: bytes) -> None:
        """Take frames from the worker; bytes that are none end it."""
        try:
            for kind, payload in self._decoder.feed(data):
                self._take(kind, payload)
        except frames.FrameError as error:
            self._empty_pipes()
            self._note(f"[bellwire] the function wrote to the socket of its runtime: {error}")
            if self.state is not State.STARTING:
                self._leave(None)
            self._end()

    def _take(self, kind: int, payload: bytes) -> None:
        match kind:
            case frames.STDOUT:
                self._feed("stdout", payload)
            case frames.STDERR:
                self._feed("stderr", payload)
            case frames.RESULT | frames.ERROR:
                self._complete(kind, payload)
            case frames.READY if self.state is State.STARTING:
                self._measure(payload)
                self._become_ready()
            case frames.FAULT if self.state is State.STARTING:
                document = self._measure(payload)
                self._settle()
                error_type = documents.init_error_type(document)
                result = Result(document, UNHANDLED, False)
                self._give_up(Failure(lambda _: result, "error", error_type))
            case _:
                raise frames.FrameError(f"a frame of kind {kind} at the wrong time")

    def _complete(self, kind: int, payload: bytes) -> None:
        if self.invocation is None:
            raise frames.FrameError("a result that nobody asked for")
        document = self._measure(payload)
        if self._has_too_much():
            self._exhaust()
            return
        result = Result(document, None if kind == frames.RESULT else UNHANDLED, False)
        self._answer(result)
        self._become_idle()

    def _measure(self, payload: bytes) -> bytes:
        """Take the memory from an outcome, and return its document."""
        memory_kib, document = frames.decode_outcome(payload)
        self._see_memory(memory_kib * 1024)
        return document

    def _send(self, invocation: Invocation, started_s: int, deadline_ms: int) -> None:
        request_id, event, _, client_context = invocation
        assert self._transport is not None
        self._transport.write(
            frames.encode_call(request_id, started_s, deadline_ms, client_context, event)
        )

    async def _close(self) -> None:
        for channel in self._channels:
            channel.close()
