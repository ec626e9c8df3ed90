"""The environments of one function: a pool that grows with demand, and the queue before it.

It asks its `Scheduler` what to do, and does it. One invocation costs no task and no timer: a pool
keeps one timer, at the earliest deadline of its environments.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bellwire.definition.model import Function
from bellwire.errors import (
    PayloadTooLargeError,
    TooManyRequestsError,
)
from bellwire.functions import documents
from bellwire.functions.environment import (
    UNHANDLED,
    Environment,
    EnvironmentSettings,
    Failure,
    Invocation,
    Result,
    State,
)
from bellwire.functions.kinds import Kinds
from bellwire.functions.log_line import FunctionLog, LogEntry
from bellwire.functions.reports import PlatformLog, Report
from bellwire.functions.scheduler import Scheduler
from bellwire.functions.statistics import FunctionStatistics, Recorder
from bellwire.functions.temporary import make_folder, remove_folder
from bellwire.functions.variables import (
    log_stream_name,
)
from bellwire.limits import Limits


_NEVER = float("inf")
_CLOCK_STEP_S = 0.001
"""Resolution of uvloop's clock: a timer may come this much early."""
_MEMORY_WATCH_S = 0.1
"""How often the memory of what runs is looked at. A process that touches new memory as fast as it
can takes some 2 GB a second, so it is stopped a few hundred MB late."""
_DEBUG_S = 86_400.0
"""Time for a function that somebody debugs."""


class Pool:
    """The environments of one function, and the queue before them."""

    def __init__(
        self,
        function: Function,
        variables: Mapping[str, str],
        kinds: Kinds,
        limits: Limits,
        *,
        arn: str,
        temporary: Path | None,
        log: Callable[[LogEntry], None],
        recorder: Recorder | None,
        is_debug: bool,
    ) -> None:
        self.recorder = recorder or Recorder()
        self._function = function
        self._variables = variables
        self._payload_bytes = limits.payload_bytes
        self._idle_s = limits.environment_idle_s
        self._temporary = temporary
        settings = _settings(function, limits, arn=arn, log=log, is_debug=is_debug)
        self._log = settings.log
        self._kind = kinds.of(function, settings)
        self._scheduler: Scheduler[Environment, Invocation] = Scheduler(
            limit=1 if is_debug else _most_environments(function, limits),
            queue_limit=limits.invocation_queue,
            kept=max(1, function.provisioned_concurrency),
        )
        self._environments: set[Environment] = set()
        self._unburied: set[asyncio.Task[None]] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = _NEVER
        self._growth: asyncio.TimerHandle | None = None
        self._shrinking: asyncio.TimerHandle | None = None
        self._memory_watch: asyncio.TimerHandle | None = None
        self._first: asyncio.Future[bool] | None = None
        self._is_closed = self._has_ended = False

    # For Functions

    def begin(self) -> None:
        """Be the one that is counted for: from here on invocations come."""
        self.recorder.provisioned_concurrency = self._function.provisioned_concurrency

    async def start(self) -> bool:
        """Start what is kept, and wait for the first: False where that failed."""
        self._loop = asyncio.get_running_loop()
        if not self._scheduler.limit or self._is_closed:
            return True
        self._first = self._loop.create_future()
        self._shrinking = self._loop.call_later(self._idle_s, self._shrink)
        self._grow()
        return await self._first

    def invoke(
        self, event: bytes, request_id: str, client_context: bytes
    ) -> asyncio.Future[Result]:
        """Run the function, now or when an environment is free."""
        scheduler = self._scheduler
        if len(event) > self._payload_bytes:
            raise PayloadTooLargeError(
                f"{len(event)} byte payload is too large for the RequestResponse invocation type "
                f"(limit {self._payload_bytes} bytes)"
            )
        if scheduler.is_full:
            self._forget_cancelled()
        if self._is_closed or scheduler.is_full:
            self.recorder.throttled()
            raise self._throttled()
        invocation = Invocation(request_id, event, self._loop.create_future(), client_context)
        environment = scheduler.submit(invocation, self._loop.time())
        if environment is not None:
            self._run(environment, invocation)
        elif self._growth is None:  # else it is looked at soon enough
            self._grow()
        return invocation.future

    def statistics(self) -> FunctionStatistics:
        """Return the figures of this moment."""
        scheduler = self._scheduler
        ready = len(scheduler.idle) + scheduler.busy
        return self.recorder.view(
            starting=scheduler.starting,
            idle=len(scheduler.idle),
            busy=scheduler.busy,
            provisioned=min(ready, self._function.provisioned_concurrency),
            waiting=len(scheduler.waiting),
        )

    def take_over(self, other: Pool) -> None:
        """Run what waits for an environment of another pool; what is off leaves it there."""
        if not self._scheduler.limit:
            return
        for since, invocation in other.give_up_waiting():
            environment = self._scheduler.submit(invocation, since)
            if environment is not None:
                self._run(environment, invocation)
        self._grow()

    def give_up_waiting(self) -> list[tuple[float, Invocation]]:
        """Return what waits, with the time that it waits since; here it is forgotten."""
        waiting = list(self._scheduler.waiting)
        self._scheduler.drain()
        return waiting

    async def finish(self, grace_s: float | None) -> None:
        """Take no more invocations, let those taken end within a time, if there is one, and end."""
        self._is_closed = True
        for environment in tuple(self._scheduler.idle):
            environment.retire()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    while unfinished := self._unfinished():
                        await asyncio.wait(unfinished)
        finally:
            await self.end()

    async def end(self) -> None:
        """End all environments, and answer who still waits."""
        self._is_closed = self._has_ended = True
        self._tell_first(False)
        for timer in (self._alarm, self._growth, self._shrinking, self._memory_watch):
            if timer is not None:
                timer.cancel()
        for invocation in self._scheduler.drain():
            document = documents.stopped_error(invocation.request_id)
            self._refuse(invocation, Result(document, UNHANDLED, False))
        for environment in self._environments:
            environment.retire()
        while waiting := self._opening | self._unburied:
            await asyncio.wait(waiting)

    def _unfinished(self) -> list[asyncio.Future[Any]]:
        """Return what is done once the invocations that run or wait are over."""
        # What runs may have nobody who waits for it any more; it is to end all the same.
        running = [each.ended for each in self._environments if each.state is State.BUSY]
        waiting = [each.future for _, each in self._scheduler.waiting if not each.future.done()]
        return [*running, *waiting]

    # For the environments

    def ready(self, environment: Environment) -> None:
        """Put a new environment to work."""
        self.recorder.ready(environment.init_s * 1000)
        self._tell_first(True)
        self._assign(environment, self._scheduler.ready(environment))

    def completed(self, environment: Environment) -> None:
        """Count a result and put the environment to work again."""
        self._count(environment)
        self._assign(environment, self._scheduler.release(environment))

    def init_failed(self, environment: Environment, failure: Failure) -> None:
        """Answer whoever the environment was started for."""
        self._environments.discard(environment)
        self._start_failed(failure, environment.init_s)

    def lost(self, environment: Environment, was: State) -> None:
        """Forget an environment and start another if none is left."""
        now, scheduler = self._loop.time(), self._scheduler
        self._environments.discard(environment)
        if was is State.BUSY:
            scheduler.lost_busy()
        elif environment in scheduler.idle:  # else it was surplus
            scheduler.lost_idle(environment, now, was_used=environment.was_used)
        if was is State.BUSY and environment.invocation is None:  # it had answered already
            self._count(environment)
        was_unanswered = was is State.BUSY and environment.invocation is not None
        self.recorder.lost(
            None if environment.is_retiring else environment.loss,
            duration_ms=environment.duration_s * 1000 if was_unanswered else None,
        )
        self._grow()

    # What is done

    def _count(self, environment: Environment) -> None:
        self.recorder.completed(environment.duration_s * 1000, is_error=environment.has_failed)

    def _assign(self, environment: Environment, invocation: Invocation | None) -> None:
        while invocation is not None and invocation.future.done():  # nobody waits for it any more
            invocation = self._scheduler.release(environment)
        if invocation is not None:
            self._run(environment, invocation)
        elif self._is_closed:
            environment.retire()

    def _run(self, environment: Environment, invocation: Invocation) -> None:
        self.recorder.started(self._scheduler.busy)
        environment.run(invocation)
        self._watch(environment.deadline)

    def _forget_cancelled(self) -> None:
        """Make room in the queue: who waited longest is the first who waits no more."""
        waiting = self._scheduler.waiting
        while waiting and waiting[0][1].future.done():
            waiting.popleft()

    def _grow(self) -> None:
        """Start the environments that are due, and look again when more may be."""
        scheduler, now = self._scheduler, self._loop.time()
        if self._growth is not None:
            self._growth.cancel()
            self._growth = None
        if self._is_closed and not scheduler.waiting:
            return
        for _ in range(scheduler.starts(now)):
            task = self._loop.create_task(self._start_one())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        at = scheduler.next_start_at
        if at is not None:
            self._growth = self._loop.call_at(at + _CLOCK_STEP_S, self._grow)

    async def _start_one(self) -> None:
        if self._has_ended:
            return
        folder = None
        try:
            if self._temporary is not None:
                folder = make_folder(self._temporary, self._function.key)
            variables = {**self._variables, **self._own_variables()}
            environment = await self._kind.start(variables, folder, self)
        except (OSError, ValueError) as error:  # ValueError: a variable that cannot be one
            self._not_started(str(error))
            await remove_folder(folder)
            return
        self._environments.add(environment)
        burial = self._loop.create_task(self._bury(environment, folder))
        self._unburied.add(burial)
        burial.add_done_callback(self._unburied.discard)
        self._watch(environment.deadline)
        if self._has_ended:
            environment.retire()
        await environment.open()

    async def _bury(self, environment: Environment, folder: str | None) -> None:
        await environment.ended
        await remove_folder(folder)

    def _own_variables(self) -> dict[str, str]:
        date = time.strftime("%Y/%m/%d", time.gmtime())
        return {"AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(date, uuid.uuid4().hex)}

    def _not_started(self, reason: str) -> None:
        text = f"[bellwire] no process could be started: {reason}"
        self._log.line("platform", text, None, None)

        def result(request_id: str) -> Result:
            return Result(documents.start_error(request_id, reason), UNHANDLED, False)

        self._start_failed(Failure(result, "error", "Runtime.InvalidEntrypoint"), 0.0)

    def _start_failed(self, failure: Failure, duration_s: float) -> None:
        self.recorder.init_failed()
        self._tell_first(False)
        for invocation in self._scheduler.init_failed(self._loop.time()):
            self._report_refused(invocation.request_id, failure, duration_s)
            self._refuse(invocation, failure.result(invocation.request_id))
        self._grow()

    def _report_refused(self, request_id: str, failure: Failure, duration_s: float) -> None:
        """Write what Lambda writes of an invocation for which no environment started."""
        report = Report(
            function=self._function.key,
            request_id=request_id,
            started_ms=time.time_ns() // 1_000_000,
            duration_s=duration_s,
            init_s=None,
            memory_bytes=None,
            memory_mb=self._function.memory_mb,
            status=failure.status,
            error_type=failure.error_type,
            says_start=True,
        )
        self._log.report(report)

    def _refuse(self, invocation: Invocation, result: Result) -> None:
        """Answer an invocation that never ran."""
        self.recorder.refused()
        if not invocation.future.done():
            invocation.future.set_result(result)

    def _tell_first(self, is_ready: bool) -> None:
        if self._first is not None and not self._first.done():
            self._first.set_result(is_ready)

    def _shrink(self) -> None:
        """End the environments that had nothing to do for a while."""
        self._shrinking = self._loop.call_later(self._idle_s, self._shrink)
        for environment in self._scheduler.surplus():
            environment.retire()

    def _throttled(self) -> TooManyRequestsError:
        name, scheduler = self._function.key, self._scheduler
        if self._is_closed:
            return TooManyRequestsError(f"function {name}: the node is stopping")
        if not scheduler.limit:
            return TooManyRequestsError(
                f"function {name} is off: its reservedConcurrency is 0",
                hint="raise or remove reservedConcurrency",
            )
        return TooManyRequestsError(
            f"function {name}: {len(scheduler.waiting)} invocations wait for its "
            f"{scheduler.limit} environments",
            hint="raise reservedConcurrency, or custom.bellwire.limits.invocationQueue",
        )

    # Deadlines and memory

    def _watch(self, deadline: float) -> None:
        if self._memory_watch is None:
            self._memory_watch = self._loop.call_later(_MEMORY_WATCH_S, self._check_memory)
        if deadline < self._alarm_at:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_at = deadline
            self._alarm = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        """End the environments whose time is up, and set the timer for the next one."""
        self._alarm = None
        self._alarm_at = _NEVER
        now = self._loop.time() + _CLOCK_STEP_S
        for environment in tuple(self._environments):
            if environment.deadline <= now:
                environment.expire()
        earliest = min((each.deadline for each in self._environments), default=_NEVER)
        if earliest < _NEVER:
            self._watch(earliest)

    def _check_memory(self) -> None:
        """Kill what uses too much; look again as long as anything runs."""
        self._memory_watch = None
        at_work = [each for each in self._environments if each.state is not State.IDLE]
        for environment in at_work:
            environment.check_memory()
        if at_work and not self._has_ended:
            self._memory_watch = self._loop.call_later(_MEMORY_WATCH_S, self._check_memory)


def _most_environments(function: Function, limits: Limits) -> int:
    if function.reserved_concurrency is not None:
        return function.reserved_concurrency
    return max(limits.function_concurrency, function.provisioned_concurrency)


def _settings(
    function: Function,
    limits: Limits,
    *,
    arn: str,
    log: Callable[[LogEntry], None],
    is_debug: bool,
) -> EnvironmentSettings:
    platform = PlatformLog(function.logging, function_name=function.name, function_arn=arn)
    is_provisioned = function.provisioned_concurrency > 0
    return EnvironmentSettings(
        function=function.key,
        log=FunctionLog(function.key, platform, log),
        timeout_s=_DEBUG_S if is_debug else function.timeout_s,
        init_timeout_s=_DEBUG_S if is_debug else limits.init_timeout_s,
        response_bytes=limits.payload_bytes + documents.RESPONSE_OVERHEAD_BYTES,
        log_line_bytes=limits.log_line_bytes,
        log_bytes_per_s=limits.log_bytes_per_s,
        memory_mb=function.memory_mb,
        initialization="provisioned-concurrency" if is_provisioned else "on-demand",
        is_debug=is_debug,
    )
