"""The functions of a node: for each a pool of environments that grows with demand.

`Functions` is what the rest of the node uses. It finds the pool; the pool asks its `Scheduler`
what to do, and does it. One invocation costs no task and no timer: a pool keeps one timer, at the
earliest deadline of its environments.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bellwire.definition.model import Function
from bellwire.errors import (
    NotFoundError,
    PayloadTooLargeError,
    TooManyRequestsError,
)
from bellwire.functions import documents
from bellwire.functions.environment import (
    UNHANDLED,
    ChannelFactory,
    Environment,
    EnvironmentLimits,
    Failure,
    Invocation,
    Result,
    State,
    Stream,
)
from bellwire.functions.kinds import Kinds
from bellwire.functions.scheduler import Scheduler
from bellwire.functions.statistics import FunctionStatistics, Recorder
from bellwire.functions.variables import (
    RuntimeSettings,
    aws_files,
    function_arn,
    log_stream_name,
    make_variables,
    pick_inherited,
)
from bellwire.limits import Limits


__all__ = [
    "ChannelFactory",
    "FunctionStatistics",
    "Functions",
    "LogLine",
    "Result",
    "RuntimeSettings",
]

_NEVER = float("inf")
_CLOCK_STEP_S = 0.001
"""Resolution of uvloop's clock: a timer may come this much early."""


class LogLine(NamedTuple):
    """One entry of a function's log: of its own, or Lambda's (`platform`, see `reports`).

    `request_id` is None while its module is imported. `text` may have several lines. `trace_id` is
    the root of the trace, or the whole header.
    """

    function: str
    request_id: str | None
    stream: Stream
    text: str
    trace_id: str | None = None


class Functions:
    """All functions of a service. `start` once, in the loop that is to run them."""

    def __init__(
        self,
        functions: Iterable[Function],
        *,
        runtime: RuntimeSettings,
        limits: Limits,
        log: Callable[[LogLine], None],
        channels: Mapping[str, ChannelFactory] | None = None,
    ) -> None:
        """Prepare the pools; raises UnsupportedFeatureError for a runtime that nothing here runs.

        Raises StartError where a function needs Node.js and this machine has none.

        For each entry of `channels` a worker gets a further socket, its number in the environment
        variable that the key names; the node's end is given to the protocol of the factory.
        """
        runtime = replace(runtime, directory=runtime.directory.absolute())
        node = os.environ if runtime.environment is None else runtime.environment
        home = Path(node.get("HOME", "~")).expanduser()
        prepare = partial(
            make_variables,
            runtime=runtime,
            inherited=pick_inherited(node),
            has_aws_files=any(file.exists() for file in aws_files(home)),
            runtime_folder=str(Path(__file__).parent),
        )
        self._runtime = runtime
        self._log = log
        self._kinds = Kinds(runtime, channels or {}, search_path=node.get("PATH"))
        self._pools = {
            function.key: _Pool(function, prepare(function), self._kinds, limits, log=log)
            for function in functions
        }

    async def start(self) -> None:
        """Start one environment of each function; return when all are ready or have failed.

        What fails is logged: a further environment is tried at the next invocation. Raises
        StartError where the Node.js of this machine does not run.
        """
        for function, remark in await self._kinds.prepare():
            self._log(LogLine(function, None, "stderr", remark))
        await asyncio.gather(*(pool.start() for pool in self._pools.values()))

    def invoke(self, function: str, event: bytes, *, request_id: str) -> asyncio.Future[Result]:
        """Run a function, named as in serverless.yml, with an event that is JSON.

        The future always gets a result: a failure of the function is one.

        Raises NotFoundError for an unknown function, PayloadTooLargeError, and
        TooManyRequestsError where as many wait as may, or where the node is stopping.
        docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
        """
        pool = self._pools.get(function)
        if pool is None:
            arn = function_arn(function, self._runtime)
            raise NotFoundError(f"Function not found: {arn}")
        return pool.invoke(event, request_id)

    def statistics(self) -> Mapping[str, FunctionStatistics]:
        """Return the figures of this moment, by function."""
        return {key: pool.statistics() for key, pool in self._pools.items()}

    async def stop(self, *, grace_s: float) -> None:
        """Take no more invocations, let those taken end within `grace_s`, end all processes.

        What has not ended by then gets an error as its result.
        """
        pools = self._pools.values()
        for pool in pools:
            pool.close()
        unanswered = [future for pool in pools for future in pool.unanswered()]
        if unanswered:
            await asyncio.wait(unanswered, timeout=grace_s)
        await asyncio.gather(*(pool.end() for pool in pools))


class _Pool:
    """The environments of one function, and the queue before them."""

    def __init__(
        self,
        function: Function,
        variables: Mapping[str, str],
        kinds: Kinds,
        limits: Limits,
        *,
        log: Callable[[LogLine], None],
    ) -> None:
        concurrency = function.reserved_concurrency
        self._function = function
        self._variables = variables
        self._log = log
        self._payload_bytes = limits.payload_bytes
        self._limits = EnvironmentLimits(
            timeout_s=function.timeout_s,
            init_timeout_s=limits.init_timeout_s,
            response_bytes=limits.payload_bytes + documents.RESPONSE_OVERHEAD_BYTES,
            log_line_bytes=limits.log_line_bytes,
            log_bytes_per_s=limits.log_bytes_per_s,
        )
        self._kind = kinds.of(function, self._limits)
        self._scheduler: Scheduler[Environment, Invocation] = Scheduler(
            limit=limits.function_concurrency if concurrency is None else concurrency,
            queue_limit=limits.invocation_queue,
        )
        self._environments: set[Environment] = set()
        self._unburied: set[asyncio.Future[None]] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = _NEVER
        self._growth: asyncio.TimerHandle | None = None
        self._first: asyncio.Future[None] | None = None
        self._is_closed = self._has_ended = False
        self._counts: Counter[str] = Counter()
        self._invocations = self._errors = 0

    # For Functions

    async def start(self) -> None:
        """Start the first environment and wait until it is ready or has failed."""
        self._loop = asyncio.get_running_loop()
        if self._scheduler.limit and not self._is_closed:
            self._first = self._loop.create_future()
            self._grow()
            await self._first

    def invoke(self, event: bytes, request_id: str) -> asyncio.Future[Result]:
        """Run the function, now or when an environment is free."""
        scheduler = self._scheduler
        if len(event) > self._payload_bytes:
            raise PayloadTooLargeError(
                f"{len(event)} byte payload is too large for the RequestResponse invocation type "
                f"(limit {self._payload_bytes} bytes)"
            )
        if self._is_closed or scheduler.is_full:
            self._counts["throttles"] += 1
            raise self._throttled()
        self._invocations += 1
        invocation = Invocation(request_id, event, self._loop.create_future())
        environment = scheduler.submit(invocation, self._loop.time())
        if environment is None:
            self._grow()
        else:
            environment.run(invocation)
            self._watch(environment.deadline)
        return invocation.future

    def statistics(self) -> FunctionStatistics:
        """Return the figures of this moment."""
        counts, scheduler = self._counts, self._scheduler
        view = Recorder(provisioned_concurrency=self._function.provisioned_concurrency).view(
            starting=scheduler.starting,
            idle=len(scheduler.idle),
            busy=scheduler.busy,
            provisioned=0,
            waiting=len(scheduler.waiting),
        )
        return replace(
            view,
            invocations=self._invocations,
            errors=self._errors,
            throttles=counts["throttles"],
            timeouts=counts["timeouts"],
            crashes=counts["crashes"],
            init_failures=counts["init_failures"],
        )

    def close(self) -> None:
        """Take no more invocations; end what is idle."""
        self._is_closed = True
        for environment in self._environments:
            if environment.state is State.IDLE:
                environment.retire()

    def unanswered(self) -> list[asyncio.Future[Result]]:
        """Return the futures of the invocations that run or wait."""
        running = (environment.invocation for environment in self._environments)
        waiting = (invocation for _, invocation in self._scheduler.waiting)
        return [each.future for each in (*running, *waiting) if each is not None]

    async def end(self) -> None:
        """End all environments, and answer who still waits."""
        self._has_ended = True
        self._tell_first()
        for timer in (self._alarm, self._growth):
            if timer is not None:
                timer.cancel()
        for invocation in self._scheduler.drain():
            document = documents.stopped_error(invocation.request_id)
            self._answer(invocation, Result(document, UNHANDLED, False))
        for environment in self._environments:
            environment.retire()
        while waiting := self._opening | self._unburied:
            await asyncio.wait(waiting)

    # For the environments

    def ready(self, environment: Environment) -> None:
        """Put a new environment to work."""
        self._tell_first()
        self._assign(environment, self._scheduler.ready(environment))

    def completed(self, environment: Environment, result: Result) -> None:
        """Count a result and put the environment to work again."""
        if result.error is not None:
            self._errors += 1
        self._assign(environment, self._scheduler.release(environment))

    def init_failed(self, environment: Environment, failure: Failure) -> None:
        """Answer whoever the environment was started for."""
        self._environments.discard(environment)
        self._start_failed(failure)

    def lost(self, environment: Environment, was: State) -> None:
        """Forget an environment and start another if none is left."""
        now = self._loop.time()
        self._environments.discard(environment)
        if was is State.IDLE:
            self._scheduler.lost_idle(environment, now, was_used=environment.was_used)
        else:
            self._scheduler.lost_busy()
            self._errors += 1
        if not self._is_closed:
            self._counts["timeouts" if environment.has_expired else "crashes"] += 1
        self._grow()

    def write_line(self, request_id: str | None, stream: Stream, text: str) -> None:
        """Pass a line of output on to the node's log."""
        self._log(LogLine(self._function.key, request_id, stream, text))

    # What is done

    def _assign(self, environment: Environment, invocation: Invocation | None) -> None:
        while invocation is not None and invocation.future.done():  # nobody waits for it any more
            invocation = self._scheduler.release(environment)
        if invocation is not None:
            environment.run(invocation)
            self._watch(environment.deadline)
        elif self._is_closed:
            environment.retire()

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
        try:
            environment = self._kind.start({**self._variables, **self._own_variables()}, self)
        except OSError as error:
            self._not_started(str(error))
            return
        self._environments.add(environment)
        self._unburied.add(environment.ended)
        environment.ended.add_done_callback(self._unburied.discard)
        self._watch(environment.deadline)
        await environment.open()

    def _own_variables(self) -> dict[str, str]:
        date = time.strftime("%Y/%m/%d", time.gmtime())
        return {"AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(date, uuid.uuid4().hex)}

    def _not_started(self, reason: str) -> None:
        self.write_line(None, "stderr", f"[bellwire] no process could be started: {reason}")
        self._start_failed(
            lambda request_id: Result(documents.start_error(request_id, reason), UNHANDLED, False)
        )

    def _start_failed(self, failure: Failure) -> None:
        self._counts["init_failures"] += 1
        self._tell_first()
        for invocation in self._scheduler.init_failed(self._loop.time()):
            self._answer(invocation, failure(invocation.request_id))
        self._grow()

    def _answer(self, invocation: Invocation, result: Result) -> None:
        self._errors += 1
        if not invocation.future.done():
            invocation.future.set_result(result)

    def _tell_first(self) -> None:
        if self._first is not None and not self._first.done():
            self._first.set_result(None)

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

    # Deadlines

    def _watch(self, deadline: float) -> None:
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
