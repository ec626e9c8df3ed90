"""Asynchronous events on the way through their functions: kept until they have an outcome.

    take ──▶ invoke ──▶ success ──▶ onSuccess ──▶ done
               ▲  └──▶ failure, throttle: wait ─┐ ──▶ onFailure, or the dead letters ──▶ done
               └────────────────────────────────┘

The store hands an event over and keeps it; what is not done when this node dies comes again. The
rules are those of `Policy`; here are the timers, and what is told to whom. Order is not kept.
docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

from bellwire.definition.model import EventInvokeConfig, Function
from bellwire.errors import CallerError, TooManyRequestsError, UpstreamError
from bellwire.functions.asynchronous import (
    Answer,
    Condition,
    Decision,
    End,
    Policy,
    Run,
    Wait,
    invocation_record,
    make_policy,
)
from bellwire.histogram import BOUNDS_MS, Distribution, Histogram
from bellwire.limits import Limits


log = logging.getLogger("bellwire.functions")

AGE_BOUNDS_MS = (*BOUNDS_MS, 60_000.0, 300_000.0, 3_600_000.0, 21_600_000.0)
"""Upper bounds of the buckets of ages. Ours: an event lives for six hours at most."""
_HEADER_CHARACTERS = 1000


class StoredEvent(Protocol):
    """What the store hands over. `done` is final, `in_progress` asks for more time."""

    @property
    def sequence(self) -> int: ...
    @property
    def function(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def accepted_ms(self) -> int: ...
    @property
    def chain(self) -> int: ...
    def done(self) -> None: ...
    def in_progress(self) -> None: ...


class InvocationResult(Protocol):
    """What is read of a function's result."""

    @property
    def payload(self) -> bytes: ...
    @property
    def error(self) -> str | None: ...


class Store(Protocol):
    """Keeps a further event, for a destination. Raises UpstreamError."""

    def __call__(
        self, function: str, payload: bytes, *, request_id: str, chain: int
    ) -> Awaitable[None]: ...


Invoke = Callable[[str, bytes, str], "asyncio.Future[InvocationResult]"]
"""Runs a function: its key, the event as JSON, the request id. Raises CallerError."""
Bury = Callable[[str, bytes, Mapping[str, str]], Awaitable[None]]
"""Stores what failed for good: function, event, headers that say why. Raises UpstreamError."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a backlog asks of the node; `arn` gives the ARN of a function by its deployed name."""

    invoke: Invoke
    store: Store
    bury: Bury
    arn: Callable[[str], str]
    new_request_id: Callable[[], str]
    now_ms: Callable[[], int]


class BacklogStatistics(NamedTuple):
    """What became of one function's asynchronous events since the node started.

    Named as CloudWatch's metrics are: an event is dropped that did not succeed, be it told to a
    destination or kept as a dead letter. `async_event_ages` are those of events that start to run,
    at each attempt. `async_events_running` is of this moment, and counts those that wait to be
    tried again.
    docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """

    async_events_received: int
    async_events_retried: int
    async_events_throttled: int
    async_events_dropped: int
    dead_letter_errors: int
    destination_delivery_failures: int
    async_events_running: int
    async_event_ages: Distribution


class _Job:
    __slots__ = ("answer", "attempts", "event", "throttles")

    def __init__(self, event: StoredEvent) -> None:
        self.event = event
        self.attempts = self.throttles = 0
        self.answer: Answer | None = None


class _Settings(NamedTuple):
    name: str
    policy: Policy
    config: EventInvokeConfig


class Backlog:
    """The asynchronous events of a service that are in the hands of this node."""

    def __init__(
        self, functions: Mapping[str, Function], around: Surroundings, *, limits: Limits
    ) -> None:
        self._around = around
        self._limits = limits
        self._unknown = Policy(0, float("inf"), 1.0, 1.0, is_off=False)
        self._jobs: dict[int, _Job] = {}
        self._pausing: dict[_Job, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._ages: dict[str, Histogram] = defaultdict(partial(Histogram, AGE_BOUNDS_MS))
        self._stopping = self._closed = False
        self._idle = asyncio.Event()
        self.configure(functions)

    def configure(self, functions: Mapping[str, Function]) -> None:
        """Go by the settings of these functions from now on, for events in hand too."""
        self._settings = {
            key: _Settings(each.name, make_policy(each, self._limits), each.event_invoke_config)
            for key, each in functions.items()
        }

    def take(self, event: StoredEvent) -> None:
        """Take an event from the store; returns at once."""
        if self._stopping:
            return  # not done: it comes again, at the next start
        job = self._jobs.get(event.sequence)
        if job is not None:
            job.event = event  # given out again while it is in hand
            return
        self._count("async_events_received", event)
        job = self._jobs[event.sequence] = _Job(event)
        self._proceed(job)

    async def keep_alive(self) -> None:
        """Tell the store, until cancelled, that the events in hand are being worked on."""
        while True:
            await asyncio.sleep(self._limits.redelivery_s / 3)
            for job in self._jobs.values():
                job.event.in_progress()

    async def stop(self) -> None:
        """Take no more events; wait for the invocations that run.

        What waits to be tried again stays in the store and comes again at the next start.
        """
        self._stopping = True
        pausing, self._pausing = self._pausing, {}
        for job, timer in pausing.items():
            timer.cancel()
            self._leave(job)
        self._note_idle()
        try:
            await self._idle.wait()
        finally:
            self._closed = True
            for task in self._tasks:
                task.cancel()

    def statistics(self) -> Mapping[str, BacklogStatistics]:
        """Return the figures of this moment, by function."""
        running = Counter(job.event.function for job in self._jobs.values())
        return {key: self._figures(key, running[key]) for key in self._settings}

    def _figures(self, function: str, running: int) -> BacklogStatistics:
        counts = self._counts
        return BacklogStatistics(
            async_events_received=counts[function, "async_events_received"],
            async_events_retried=counts[function, "async_events_retried"],
            async_events_throttled=counts[function, "async_events_throttled"],
            async_events_dropped=counts[function, "async_events_dropped"],
            dead_letter_errors=counts[function, "dead_letter_errors"],
            destination_delivery_failures=counts[function, "destination_delivery_failures"],
            async_events_running=running,
            async_event_ages=self._ages[function].view(),
        )

    def _proceed(self, job: _Job) -> None:
        self._pausing.pop(job, None)
        decision = self._policy(job).before(self._age_s(job))
        if not isinstance(decision, Run):
            self._follow(job, decision)
            return
        event = job.event
        try:
            future = self._around.invoke(event.function, event.payload, event.request_id)
        except TooManyRequestsError:
            self._count("async_events_throttled", event)
            job.throttles += 1
            self._follow(job, self._policy(job).after_throttle(job.throttles, self._age_s(job)))
        except CallerError as error:
            self._spawn(self._give_up(job, error.message))
        else:
            self._ages[event.function].observe(self._age_s(job) * 1000)
            job.attempts += 1
            job.throttles = 0
            future.add_done_callback(partial(self._ended, job))

    def _ended(self, job: _Job, future: asyncio.Future[InvocationResult]) -> None:
        if future.cancelled():
            self._leave(job)
            return
        if error := future.exception():
            log.error("an invocation ended in a bug of Bellwire's", exc_info=error)
            self._spawn(self._give_up(job, repr(error)))
            return
        result = future.result()
        job.answer = Answer(result.payload, result.error)
        if result.error is None:
            self._follow(job, End("Success"))
        else:
            self._follow(job, self._policy(job).after_failure(job.attempts, self._age_s(job)))

    def _follow(self, job: _Job, decision: Decision) -> None:
        match decision:
            case Wait(delay_s) if not self._stopping:
                if not job.throttles:
                    self._count("async_events_retried", job.event)
                loop = asyncio.get_running_loop()
                self._pausing[job] = loop.call_later(delay_s, self._proceed, job)
            case End("Success") if self._config(job).on_success is None:
                self._finish(job)
            case End("Success") if not self._closed:
                self._spawn(self._tell(job, "Success"))
            case End(condition) if not self._stopping:
                self._spawn(self._tell(job, condition))
            case _:  # the node stops: the failure may be its own doing
                self._leave(job)

    # Outcomes

    async def _tell(self, job: _Job, condition: Condition) -> None:
        """Send the record of an invocation to its destination, or the event to the dead letters."""
        config = self._config(job)
        destination = config.on_success if condition == "Success" else config.on_failure
        problem = None
        if destination is not None:
            problem = await self._send(job, condition, destination)
        if problem is not None:
            self._count("destination_delivery_failures", job.event)
            log.error(
                "function %s: the record of invocation %s (%s) did not reach its destination %s: "
                "%s",
                job.event.function,
                job.event.request_id,
                condition,
                destination,
                problem,
            )
        if condition == "Success":
            self._finish(job)
        elif destination is None or problem is not None:
            await self._give_up(job, self._last_words(job, condition), condition)
        else:
            self._count("async_events_dropped", job.event)
            self._finish(job)

    async def _send(self, job: _Job, condition: Condition, destination: str) -> str | None:
        """Store a record for its destination; return why that is not possible, else None."""
        event, limits = job.event, self._limits
        if event.chain >= limits.destination_chain:
            return f"{event.chain} destinations led one to the next, as many as may"
        record = invocation_record(
            function_arn=self._around.arn(self._settings[event.function].name),
            request_id=event.request_id,
            condition=condition,
            attempts=job.attempts,
            request=event.payload,
            answer=job.answer,
            now_ms=self._around.now_ms(),
        )
        if len(record) > limits.asynchronous_payload_bytes:
            return (
                f"it has {len(record)} bytes, and an event may have "
                f"{limits.asynchronous_payload_bytes}"
            )
        store = partial(
            self._around.store,
            destination,
            record,
            request_id=self._around.new_request_id(),
            chain=event.chain + 1,
        )
        return await self._persist(store, event.function)

    async def _give_up(self, job: _Job, reason: str, condition: Condition | None = None) -> None:
        """Make a dead letter of an event."""
        event = job.event
        headers = {
            "Bellwire-Function": event.function,
            "Bellwire-Request-Id": event.request_id,
            "Bellwire-Attempts": str(job.attempts),
            "Bellwire-Reason": " ".join(reason.split())[:_HEADER_CHARACTERS],
        }
        if event.chain:
            headers["Bellwire-Chain"] = str(event.chain)
        if condition is not None:
            headers["Bellwire-Condition"] = condition
        bury = partial(self._around.bury, event.function, event.payload, headers)
        problem = await self._persist(bury, event.function)
        self._count("async_events_dropped", event)
        if problem is not None:
            self._count("dead_letter_errors", event)
        log.error(
            "function %s failed on the asynchronous event %s, %d attempts; the event is %s. %s",
            event.function,
            event.request_id,
            job.attempts,
            f"lost ({problem})" if problem else "a dead letter now (bellwire dead-letters list)",
            reason[:500],
        )
        self._finish(job)

    async def _persist(self, write: Callable[[], Awaitable[None]], function: str) -> str | None:
        """Write, trying until it works; return the reason where it never will."""
        while True:
            try:
                await write()
            except UpstreamError as error:
                if not error.retryable:
                    return error.message
                log.error("function %s: %s; trying again", function, error.message)
            else:
                return None
            await asyncio.sleep(self._limits.retry_delay_s)

    def _last_words(self, job: _Job, condition: Condition) -> str:
        answer = job.answer
        said = "it never ran" if answer is None else answer.payload.decode(errors="replace")
        return f"{condition}: {said}"

    # Bookkeeping

    def _policy(self, job: _Job) -> Policy:
        settings = self._settings.get(job.event.function)
        return settings.policy if settings else self._unknown

    def _config(self, job: _Job) -> EventInvokeConfig:
        settings = self._settings.get(job.event.function)
        return settings.config if settings else EventInvokeConfig()

    def _age_s(self, job: _Job) -> float:
        return (self._around.now_ms() - job.event.accepted_ms) / 1000

    def _count(self, what: str, event: StoredEvent) -> None:
        self._counts[event.function, what] += 1

    def _spawn(self, work: Coroutine[object, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _finish(self, job: _Job) -> None:
        job.event.done()
        self._leave(job)

    def _leave(self, job: _Job) -> None:
        del self._jobs[job.event.sequence]
        self._note_idle()

    def _note_idle(self) -> None:
        if self._jobs:
            self._idle.clear()
        else:
            self._idle.set()
