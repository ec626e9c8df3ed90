"""From an event to actions that have succeeded: order, retries, and never into silence.

One `Delivery` serves one rule. Events of one topic are handled one after the other, many topics
at once. An event is done when each of the rule's actions has succeeded or been given up, or when
its WHERE does not hold; until then the broker keeps it (QoS 1 and 2) and gives it out again should
this node die. Actions are independent: what failed is tried again alone. What is given up goes to
the function's own destination, else to the rule's error action, else to the dead letters.
docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from bellwire.definition.variables import ACCOUNT_ID
from bellwire.errors import CallerError, TooManyRequestsError, UpstreamError
from bellwire.iot.actions import Described, Effect, Invoke, Notify, Post, Republish, Unfit
from bellwire.iot.failures import Failure, dead_letter_headers, failure_document
from bellwire.iot.lanes import Lanes
from bellwire.iot.performers import Event, FailedInvocation, InvocationResult, Performers
from bellwire.iot.republished import RepublishLoopError, check_depth
from bellwire.iot.rules import Rule
from bellwire.iot.sql.questions import Answers, UnansweredError
from bellwire.iot.sql.scope import Message, World
from bellwire.limits import HTTP_ACTION_TRIES, Limits


log = logging.getLogger("bellwire.rules")

_BUSY_DELAY_S = 0.05
_ERROR_ACTION = -1
_WORLD = World(secrets.randbits, ACCOUNT_ID)


class DeliveryStatistics(NamedTuple):
    """What a rule did since the node started. `waiting` and `running` are of this moment.

    Events, but for `failures`, which counts actions given up; `error_actions` had one succeed.
    """

    received: int
    unmatched: int
    delivered: int
    retried: int
    dead_lettered: int
    dropped: int
    running: int
    waiting: int
    failures: int = 0
    error_actions: int = 0
    error_action_failures: int = 0


class _Part:
    """One action of a job; without an effect it looks up what SELECT asks services for.

    A job does not know its parts: a circle would be left to the garbage collector.
    """

    __slots__ = ("_job", "attempts", "effect", "index")

    def __init__(self, job: _Job, index: int, effect: Effect, attempts: int) -> None:
        self._job = job
        self.index = index
        self.effect: Effect | None = effect
        self.attempts = attempts

    @property
    def job(self) -> _Job:
        return self._job

    @property
    def described(self) -> Described:
        rule = self.job.rule
        if self.effect is None:
            return Described("FunctionExecution", ", ".join(rule.external))
        action = rule.error_action if self.index == _ERROR_ACTION else rule.actions[self.index]
        assert action is not None
        return action.described


class _Job(_Part):
    """An event in hand, and what is to be done for it; `open` counts what has not ended.

    Where that is one thing, a job is its own part. Without effects the answers of services are
    still to be looked up.
    """

    __slots__ = ("answers", "directly", "effects", "event", "failures", "is_left", "open", "rule")

    def __init__(self, event: Event, rule: Rule, effects: list[Effect], directly: bool) -> None:
        self.event = event
        self.rule = rule
        self.effects = effects
        self.directly = directly
        self.open = 1
        self.failures: tuple[Failure, ...] = ()
        self.answers: Answers | None = None
        self.is_left = False

    @property
    def job(self) -> _Job:
        return self

    @property
    def message(self) -> Message:
        event = self.event
        return Message(event.topic, event.payload, event.timestamp_ms, event.origin)

    @property
    def world(self) -> World:
        return _WORLD if self.answers is None else _WORLD._replace(ask=self.answers)


class Delivery:
    """Delivers the events of one rule to its actions."""

    def __init__(self, rule: Rule, performers: Performers, *, limits: Limits) -> None:
        self.rule = rule
        self._performers = performers
        self._limits = limits
        self._lanes: Lanes[_Job] = Lanes()
        self._jobs: set[_Job] = set()
        self._pausing: dict[_Part, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._stopping = False
        self._idle = asyncio.Event()
        self._received = self._unmatched = self._delivered = 0
        self._retried = self._dead_lettered = self._dropped = 0
        self._failures = self._error_actions = self._error_action_failures = 0

    def take(self, event: Event, *, directly: bool = False) -> None:
        """Take an event that FROM stands for, or that was published to the rule `directly`.

        Returns at once.
        """
        if self._stopping:
            return  # not acknowledged: it comes again, to the next node or the next start
        self._received += 1
        if not event.durable and len(self._jobs) >= self._limits.events_in_flight:
            self._drop(event)
            return
        rule = self.rule
        effects: list[Effect] = []
        if not rule.external:  # else it may have to wait, in its turn
            effects = self._evaluate(rule, event, _WORLD)
            if not effects or (rule.only_notifies and self._push(effects)):
                event.done()
                return
        job = _Job(event, rule, effects, directly)
        self._jobs.add(job)
        if self._lanes.enter(event.topic, job) is not None:
            self._start(job)

    def follow(self, rule: Rule) -> None:
        """Go by another rule of the same name: what runs ends by the one that it began with."""
        self.rule = rule

    def keep_alive(self) -> None:
        """Tell the broker that the events in hand are being worked on."""
        for job in self._jobs:
            job.event.in_progress()

    async def stop(self) -> None:
        """Take no more events; wait for the actions that run.

        What waits, for its turn or to be tried again, stays with the broker and comes again at
        the next start: with all its actions.
        """
        self._stopping = True
        self._jobs.difference_update(self._lanes.drain())
        pausing, self._pausing = self._pausing, {}
        for part, timer in pausing.items():
            timer.cancel()
            self._abandon(part)
        self._note_idle()
        await self._idle.wait()
        for task in self._tasks:
            task.cancel()

    def statistics(self) -> DeliveryStatistics:
        """Return the figures of this moment."""
        return DeliveryStatistics(
            received=self._received,
            unmatched=self._unmatched,
            delivered=self._delivered,
            retried=self._retried,
            dead_lettered=self._dead_lettered,
            dropped=self._dropped,
            running=len(self._jobs) - len(self._lanes),
            waiting=len(self._lanes),
            failures=self._failures,
            error_actions=self._error_actions,
            error_action_failures=self._error_action_failures,
        )

    # What is to be done

    def _evaluate(self, rule: Rule, event: Event, world: World) -> list[Effect]:
        """Return what a rule makes of an event; nothing where it is not for its actions.

        Raises UnansweredError where the answer of a service is needed.
        """
        message = Message(event.topic, event.payload, event.timestamp_ms, event.origin)
        effects = rule.effects(message, world)
        if isinstance(effects, list) and effects:
            return effects
        if isinstance(effects, Unfit):
            log.warning("rule %s, topic %s: %s", rule.name, event.topic, effects.reason)
        self._unmatched += 1
        return []

    def _push(self, effects: list[Effect]) -> bool:
        """Perform effects that all notify, at once; take out those that have succeeded."""
        while effects:
            effect = effects[0]
            if not isinstance(effect, Notify):
                return False
            try:
                self._performers.notify(effect)
            except CallerError:
                return False  # it fails again when it has its turn, and then is told
            del effects[0]
        self._delivered += 1
        return True

    # Performing it

    def _begin(self, job: _Job) -> None:
        if job.rule is not self.rule and not self._renew(job):
            self._pass_over(job)
            return
        self._start(job)

    def _start(self, job: _Job, attempts: int = 0) -> None:
        effects = job.effects
        count = len(effects)
        index = len(job.rule.actions) - count  # what `_push` has done is not there any more
        if count > 1:
            job.open = count
            for effect in effects:
                self._run(_Part(job, index, effect, attempts))
                index += 1
        else:
            job.index, job.attempts = index, attempts
            job.effect = effects[0] if effects else None
            self._run(job)

    def _pass_over(self, job: _Job) -> None:
        job.event.done()
        # Not at once: each job of a long lane would call the next.
        asyncio.get_running_loop().call_soon(self._leave, job)

    def _renew(self, job: _Job) -> bool:
        """Look at an event again by the rule of now, as a restart would; False: not for it."""
        job.rule = rule = self.rule
        topics = rule.topic_filter
        if not job.directly and (topics is None or not topics.matches(job.event.topic)):
            return False
        job.answers = None
        job.effects = [] if rule.external else self._evaluate(rule, job.event, _WORLD)
        return bool(job.effects or rule.external)

    def _run(self, part: _Part) -> None:
        effect = part.effect
        if type(effect) is Invoke:
            self._invoke(part, effect)
            return
        match effect:
            case Republish():
                self._await(part, self._republish(part.job, effect))
            case Post():
                self._await(part, self._performers.post(effect))
            case Unfit(reason=reason):
                self._fail(part, reason)
            case Notify():
                try:
                    self._performers.notify(effect)
                except CallerError as error:
                    self._fail(part, error.message)
                else:
                    self._succeed(part)
            case None:
                self._await(part, self._look_up(part.job))

    def _invoke(self, part: _Part, effect: Invoke) -> None:
        request_id = self._performers.request_id()
        try:
            future = self._performers.invoke(effect.function, effect.event, request_id)
        except TooManyRequestsError:
            self._later(_BUSY_DELAY_S, part)
        except CallerError as error:
            self._fail(part, error.message)
        else:
            future.add_done_callback(partial(self._invoked, part, request_id))

    def _invoked(
        self, part: _Part, request_id: str, future: asyncio.Future[InvocationResult]
    ) -> None:
        if future.cancelled():
            self._abandon(part)
            return
        if error := future.exception():
            self._fail_by_bug(part, error)
            return
        result = future.result()
        if result.error is None:
            self._succeed(part)
            return
        effect = part.effect
        assert isinstance(effect, Invoke)
        settings = self._performers.settings(effect.function)
        retries = settings.retry_attempts
        attempts = part.attempts + 1
        if attempts <= (self._limits.function_retries if retries is None else retries):
            self._retry(part)
        elif settings.on_failure is None:
            self._fail(part, result.payload.decode(errors="replace"))
        else:
            failed = FailedInvocation(*effect, request_id, attempts, result)
            self._run_task(self._tell(part, failed))

    async def _tell(self, part: _Part, failed: FailedInvocation) -> None:
        """Send the record of a failed invocation to its destination: as AWS does, nowhere else."""
        rule, topic = part.job.rule.name, part.job.event.topic
        try:
            await self._performers.tell(failed)
        except (CallerError, UpstreamError) as error:
            log.error("rule %s, topic %s: %s", rule, topic, error.message)
            self._fail(part, failed.result.payload.decode(errors="replace"))
            return
        log.warning(
            "rule %s: %s failed on an event of topic %s; its destination onFailure is told",
            rule,
            part.described,
            topic,
        )
        self._failures += 1
        self._close(part)

    async def _republish(self, job: _Job, effect: Republish) -> None:
        republished, event = self._performers.republished, job.event
        now_s = asyncio.get_running_loop().time()
        trail = republished.trail(event.topic, event.payload, now_s)
        check_depth(trail, job.rule.name)
        republished.note(effect.topic, effect.payload, (*trail, job.rule.name), now_s)
        await self._performers.publish(effect)

    async def _look_up(self, job: _Job) -> None:
        """Get the answers of services until SELECT can do without more, then perform the rest."""
        answers = job.answers = job.answers or Answers()
        while True:
            try:
                job.effects = self._evaluate(job.rule, job.event, job.world)
                return
            except UnansweredError as unanswered:
                answers.give(unanswered.question, await self._performers.ask(unanswered.question))

    def _await(self, part: _Part, work: Awaitable[None]) -> None:
        self._run_task(work).add_done_callback(partial(self._ended, part))

    def _ended(self, part: _Part, future: asyncio.Future[None]) -> None:
        if future.cancelled():
            self._abandon(part)
            return
        match future.exception():
            case None if part.effect is None:
                self._looked_up(part.job)
            case None:
                self._succeed(part)
            case UpstreamError(retryable=True) as error if isinstance(part.effect, Republish):
                # The broker is away, and with it all that could be told of it: the event waits.
                log.warning("rule %s: %s; trying again", part.job.rule.name, error.message)
                self._later(self._limits.retry_delay_s, part)
            case UpstreamError(retryable=True) if part.attempts < self._retries(part):
                self._retry(part)
            case RepublishLoopError() as error:
                self._fail(part, error.message, may_be_told=False)
            case CallerError() | UpstreamError() as error:
                self._fail(part, error.message)
            case BaseException() as error:
                self._fail_by_bug(part, error)

    def _looked_up(self, job: _Job) -> None:
        if job.effects:
            self._start(job)
        else:
            self._pass_over(job)

    def _retries(self, part: _Part) -> int:
        """Return how often an action is tried again that is no invocation."""
        is_post = isinstance(part.effect, Post)
        return HTTP_ACTION_TRIES - 1 if is_post else self._limits.function_retries

    def _retry(self, part: _Part) -> None:
        part.attempts += 1
        self._retried += 1
        self._later(self._limits.retry_delay_s * 2 ** (part.attempts - 1), part)

    def _later(self, delay_s: float, part: _Part) -> None:
        if self._stopping:
            self._abandon(part)
            return
        loop = asyncio.get_running_loop()
        self._pausing[part] = loop.call_later(delay_s, self._run_again, part)

    def _run_again(self, part: _Part) -> None:
        del self._pausing[part]
        job = part.job
        if job.rule is self.rule or len(job.effects) > 1 or part.index == _ERROR_ACTION:
            self._run(part)
        elif self._renew(job):
            self._start(job, part.attempts)
        else:
            self._pass_over(job)

    # Outcomes

    def _succeed(self, part: _Part) -> None:
        job = part.job
        if part.index == _ERROR_ACTION:
            self._error_actions += 1
            self._tell_failed(job, "the error action is told")
            self._finish(job)
        elif job.open == 1 and not job.failures and not job.is_left:
            self._delivered += 1
            job.event.done()
            self._leave(job)
        else:
            self._close(part)

    def _fail(self, part: _Part, reason: str, *, may_be_told: bool = True) -> None:
        job = part.job
        failure = Failure(part.described, reason, part.attempts + 1, may_be_told)
        job.failures = (*job.failures, failure)
        if part.index == _ERROR_ACTION:
            self._error_action_failures += 1
            self._run_task(self._set_aside(job))
        else:
            self._failures += 1
            self._close(part)

    def _fail_by_bug(self, part: _Part, error: BaseException) -> None:
        log.error("an action ended in a bug of Bellwire's", exc_info=error)
        self._fail(part, repr(error))

    def _abandon(self, part: _Part) -> None:
        """Leave an event to the broker, once nothing of it runs any more."""
        part.job.is_left = True
        self._close(part)

    def _close(self, part: _Part) -> None:
        job = part.job
        job.open -= 1
        if job.open > 0:
            return
        if job.is_left:
            self._leave(job)
        elif job.failures:
            self._pass_on(job)
        else:
            self._delivered += 1
            self._finish(job)

    def _pass_on(self, job: _Job) -> None:
        """Give what failed to the error action, else to the dead letters."""
        rule, message = job.rule, job.message
        if rule.error_action is None or not all(each.may_be_told for each in job.failures):
            self._run_task(self._set_aside(job))
            return
        document = failure_document(
            rule.name, message, job.failures, trace_id=self._performers.request_id()
        )
        effect: Effect
        try:
            effect = rule.error_effect(message, job.world, document)
        except UnansweredError:
            effect = Unfit("a variable that the error action uses has no value")
        job.open = 1
        self._run(_Part(job, _ERROR_ACTION, effect, 0))

    async def _set_aside(self, job: _Job) -> None:
        rule, event = job.rule, job.event
        headers = dead_letter_headers(rule.name, event.topic, job.failures)
        is_stored = await self._store(headers, event)
        self._dead_lettered += is_stored
        where = "a dead letter now (bellwire dead-letters list)" if is_stored else "lost"
        self._tell_failed(job, f"the event is {where}")
        self._finish(job)

    def _tell_failed(self, job: _Job, outcome: str) -> None:
        for failure in job.failures:
            log.error(
                "rule %s: %s failed on an event of topic %s, %d attempts; %s. Last answer: %s",
                job.rule.name,
                failure.action,
                job.event.topic,
                failure.attempts,
                outcome,
                failure.reason[:500],
            )

    async def _store(self, headers: Mapping[str, str], event: Event) -> bool:
        """Store a dead letter, trying until it works; False where it never will."""
        while True:
            try:
                await self._performers.bury(self.rule.name, event, headers)
                return True
            except UpstreamError as error:
                if not error.retryable:
                    log.error("rule %s: %s", self.rule.name, error.message)
                    return False
                log.error("rule %s: %s; trying again", self.rule.name, error.message)
            await asyncio.sleep(self._limits.retry_delay_s)

    # Bookkeeping

    def _run_task(self, work: Awaitable[None]) -> asyncio.Future[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _finish(self, job: _Job) -> None:
        job.event.done()
        self._leave(job)

    def _leave(self, job: _Job) -> None:
        self._jobs.discard(job)
        following = self._lanes.leave(job.event.topic)
        if following is not None:
            # What only notifies ends at once: each job of a long lane would call the next.
            if following.rule.only_notifies:
                asyncio.get_running_loop().call_soon(self._begin, following)
            else:
                self._begin(following)
        self._note_idle()

    def _drop(self, event: Event) -> None:
        self._dropped += 1
        if self._dropped & (self._dropped - 1) == 0:  # 1, 2, 4, 8 …: a flood must not flood the log
            log.warning(
                "rule %s: %d events dropped so far, the last from topic %s: %d are in flight. They "
                "came with QoS 0, which promises nothing; publish with QoS 1, make %s faster, or "
                "raise custom.bellwire.limits.eventsInFlight.",
                self.rule.name,
                self._dropped,
                event.topic,
                len(self._jobs),
                _all(each.described for each in self.rule.actions),
            )

    def _note_idle(self) -> None:
        if self._jobs:
            self._idle.clear()
        else:
            self._idle.set()


def _all(actions: Iterable[Described]) -> str:
    return " and ".join(map(str, actions))
