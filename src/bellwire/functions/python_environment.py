"""Environments of Python functions: the process runs `worker`, and speaks in frames.

The worker's frames carry results and the lines of `sys.stdout` and `sys.stderr`, in the order in
which they were written; only what is written past Python (C code, children) comes through the
pipes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bellwire.definition.model import Function
from bellwire.functions import frames
from bellwire.functions.environment import (
    UNHANDLED,
    ChannelFactory,
    Environment,
    EnvironmentLimits,
    Invocation,
    Owner,
    Result,
    State,
)
from bellwire.functions.launch import Launch
from bellwire.functions.process import Process, start_process
from bellwire.functions.variables import RuntimeSettings, function_arn


WORKER_FILE = Path(__file__).with_name("worker.py")
_FRAME_SLACK_BYTES = 64 * 1024


class PythonKind:
    """Starts the environments of one Python function."""

    def __init__(
        self,
        function: Function,
        runtime: RuntimeSettings,
        limits: EnvironmentLimits,
        channels: Mapping[str, ChannelFactory],
    ) -> None:
        self._handler = function.handler
        self._function_arn = function_arn(function.name, runtime)
        self._directory = runtime.directory
        self._limits = limits
        self._channels = channels

    def start(self, variables: Mapping[str, str], owner: Owner) -> Environment:
        """Start a worker with these variables, to be opened next; raises OSError."""
        process = start_process(
            self._make_command,
            directory=self._directory,
            variables=variables,
            channel_names=tuple(self._channels),
        )
        factories = tuple(self._channels.values())
        return PythonEnvironment(process, factories, owner=owner, limits=self._limits)

    def _make_command(self, control_fd: int, channel_fds: tuple[int, ...]) -> Sequence[str]:
        launch = Launch(
            handler=self._handler,
            directory=str(self._directory),
            function_arn=self._function_arn,
            control_fd=control_fd,
            channel_fds=channel_fds,
            parent_pid=os.getpid(),
            response_bytes=self._limits.response_bytes,
            log_bytes_per_s=self._limits.log_bytes_per_s,
        )
        # -P: the worker's own folder is no place to import from.
        return [sys.executable, "-P", str(WORKER_FILE), launch.encode()]


class PythonEnvironment(Environment):
    """The node's side of one worker."""

    __slots__ = ("_channels", "_decoder", "_factories")

    def __init__(
        self,
        process: Process,
        factories: tuple[ChannelFactory, ...],
        *,
        owner: Owner,
        limits: EnvironmentLimits,
    ) -> None:
        super().__init__(process, owner=owner, limits=limits)
        self._decoder = frames.Decoder(
            max(limits.response_bytes, limits.log_bytes_per_s) + _FRAME_SLACK_BYTES
        )
        self._factories = factories
        self._channels: list[asyncio.BaseTransport] = []

    async def open(self) -> None:
        """Connect to the worker; from here on the owner hears of it."""
        for factory, connection in zip(self._factories, self._process.channels, strict=True):
            transport, _ = await self._loop.create_unix_connection(factory, sock=connection)
            self._channels.append(transport)
        await super().open()

    def data_received(self, data: bytes) -> None:
        """Take frames from the worker; bytes that are none end it."""
        try:
            for kind, payload in self._decoder.feed(data):
                if kind == frames.RESULT:
                    self._complete(Result(payload, None, False))
                else:
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
            case frames.ERROR:
                self._complete(Result(payload, UNHANDLED, False))
            case frames.READY if self.state is State.STARTING:
                self._become_ready()
            case frames.FAULT if self.state is State.STARTING:
                self._settle()
                self._give_up(lambda _: Result(payload, UNHANDLED, False))
            case _:
                raise frames.FrameError(f"a frame of kind {kind} at the wrong time")

    def _complete(self, result: Result) -> None:
        if self.invocation is None:
            raise frames.FrameError("a result that nobody asked for")
        self._answer(result)
        self._become_idle(result)

    def _send(self, invocation: Invocation, deadline_ms: int) -> None:
        assert self._transport is not None
        self._transport.write(
            frames.encode_invoke(invocation.request_id, deadline_ms, invocation.event)
        )

    async def _close(self) -> None:
        for channel in self._channels:
            channel.close()
