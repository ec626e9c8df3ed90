"""Dead letters that are looked at, tried once more, or dropped, as somebody asks for it.

A letter of a rule is the event itself: the rule is given it again, and it leaves the stream when
the rule is done with it, or has made a new letter of it. One of a function leaves when the event
is stored for the function once more. So a node that is killed in between loses none; it may try
one twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Iterable
from contextlib import aclosing
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

from bellwire.bus.dead_letters import Again, DeadLetters, Letter, Selection
from bellwire.errors import BusError
from bellwire.limits import Limits


log = logging.getLogger("bellwire.bus")

_CLOSE_S = 2.0


class GiveToRule(Protocol):
    """Gives a rule an event; False where the rule is not served."""

    def __call__(self, rule: str, event: Again, /) -> bool: ...


class StoreForFunction(Protocol):
    """Keeps an asynchronous event for a function; raises BusError."""

    async def __call__(
        self, function: str, payload: bytes, /, *, request_id: str, chain: int, once: str
    ) -> None: ...


class Page(NamedTuple):
    """Letters, newest first, without payloads; `counts` are of all, by rule and by function."""

    letters: list[Letter]
    rules: dict[str, int]
    functions: dict[str, int]
    selected: int


class Retried(NamedTuple):
    """What became of letters within the time that was waited.

    `done` are with their rules no more, and letters no more; `failed_again` are letters anew;
    `running` are still tried; `handed_over` wait for their functions; `refused` stay as they are.
    `up_to` is the last that was to be tried, `after` the last that was; None where that is all.
    """

    done: int
    failed_again: int
    running: int
    handed_over: int
    refused: dict[int, str]
    up_to: int
    after: int | None


class Dropped(NamedTuple):
    """How many letters were removed, and which were not there."""

    dropped: int
    refused: dict[int, str]


class _Refused(Exception):
    """Why a letter cannot be tried."""


class Retries:
    """Does with the dead letters of one service what its people ask for."""

    def __init__(
        self,
        letters: DeadLetters,
        *,
        give: GiveToRule,
        store: StoreForFunction,
        functions: Callable[[], Container[str]],
        limits: Limits,
    ) -> None:
        self._letters = letters
        self._give = give
        self._store = store
        self._functions = functions
        self._limits = limits
        # What a rule has let go of, because it or the node was stopped, is in hand no more.
        self._in_hand: WeakValueDictionary[int, Again] = WeakValueDictionary()
        self._removals: dict[int, asyncio.Task[None]] = {}
        self._freed = asyncio.Event()

    async def page(self, selection: Selection, *, before: int | None, count: int) -> Page:
        """Return the newest letters before a sequence. Raises BusError."""
        counts = await self._letters.counts()
        rules = {name: number for (kind, name), number in counts.items() if kind == "rule"}
        functions = {name: number for (kind, name), number in counts.items() if kind != "rule"}
        selected = sum(
            number
            for (kind, name), number in counts.items()
            if selection.kind in (None, kind) and selection.name in (None, name)
        )
        found = await self._letters.newest(selection, before=before, count=count)
        return Page(found, rules, functions, selected)

    async def find(self, sequence: int) -> Letter | None:
        """Return a letter with its payload; None where there is no such. Raises BusError."""
        return await self._letters.find(sequence)

    async def retry(
        self, selection: Selection, *, after: int, up_to: int | None, count: int, wait_s: float
    ) -> Retried:
        """Try the letters behind a sequence once more, oldest first, as many as there is room for.

        Returns when their rules are done with them, at the latest after `wait_s`. Raises BusError.
        """
        if up_to is None:
            up_to = await self._letters.last_sequence()
        batch = _Batch(up_to, after)
        deadline = asyncio.get_running_loop().time() + wait_s
        async with aclosing(self._letters.read(selection, after=after)) as letters:
            async for letter in letters:
                if letter.sequence > up_to:
                    return await self._settle(batch, deadline)
                if batch.size >= count or not await self._has_room(deadline):
                    return (await self._settle(batch, deadline))._replace(after=batch.last)
                await self._try(letter, batch)
        return await self._settle(batch, deadline)

    async def retry_each(self, sequences: Iterable[int], *, wait_s: float) -> Retried:
        """Try these letters once more, in this order. Raises BusError."""
        batch = _Batch(0, 0)
        deadline = asyncio.get_running_loop().time() + wait_s
        for sequence in sequences:
            letter = await self._letters.find(sequence)
            if letter is None:
                batch.refused[sequence] = _MISSING
            elif not await self._has_room(deadline):
                batch.refused[sequence] = "too many are being tried just now"
            else:
                await self._try(letter, batch)
        return await self._settle(batch, deadline)

    async def drop(self, selection: Selection, *, up_to: int | None) -> Dropped:
        """Remove the letters of a selection, up to a sequence. Raises BusError."""
        if up_to is None:
            up_to = await self._letters.last_sequence()
        return _told(Dropped(await self._letters.purge(selection, up_to=up_to), {}))

    async def drop_each(self, sequences: Iterable[int]) -> Dropped:
        """Remove these letters. Raises BusError."""
        dropped, refused = 0, {}
        for sequence in sequences:
            # What is not found may be a letter of another service.
            is_ours = await self._letters.find(sequence) is not None
            if is_ours and await self._letters.remove(sequence):
                dropped += 1
            else:
                refused[sequence] = _MISSING
        return _told(Dropped(dropped, refused))

    async def close(self) -> None:
        """Wait until the letters that rules are done with are out of the stream, for a moment.

        Where the server is away they stay letters.
        """
        removals = list(self._removals.values())
        if removals:
            _, left = await asyncio.wait(removals, timeout=_CLOSE_S)
            for removal in left:
                removal.cancel()

    async def _try(self, letter: Letter, batch: _Batch) -> None:
        batch.last = letter.sequence
        try:
            if letter.kind == "rule":
                batch.given.append(self._give_again(letter))
            else:
                await self._hand_over(letter)
                batch.handed_over += 1
        except _Refused as refusal:
            batch.refused[letter.sequence] = str(refusal)

    def _give_again(self, letter: Letter) -> asyncio.Future[bool]:
        if letter.sequence in self._in_hand:
            raise _Refused("it is being tried already")
        if letter.size > self._limits.mqtt_payload_bytes:
            raise _Refused(
                f"it has {letter.size} bytes, and custom.bellwire.limits.mqttPayloadBytes allows "
                f"{self._limits.mqtt_payload_bytes}"
            )
        again = Again(letter, self._done)
        outcome = again.outcome
        self._in_hand[letter.sequence] = again
        if not self._give(letter.name, again):
            del self._in_hand[letter.sequence]
            raise _Refused(f"rule {letter.name} is disabled, or gone from the service")
        return outcome

    async def _hand_over(self, letter: Letter) -> None:
        if letter.name not in self._functions():
            raise _Refused(f"function {letter.name} is gone from the service")
        assert letter.payload is not None
        await self._store(
            letter.name,
            letter.payload,
            request_id=letter.request_id,
            chain=letter.chain,
            once=f"dead-letter-{letter.sequence}",
        )
        await self._letters.remove(letter.sequence)

    def _done(self, again: Again) -> None:
        sequence = again.letter.sequence
        if sequence not in self._removals:
            self._removals[sequence] = asyncio.create_task(self._remove(again))

    async def _remove(self, again: Again) -> None:
        sequence = again.letter.sequence
        try:
            while True:
                try:
                    await self._letters.remove(sequence)
                    break
                except BusError as error:
                    log.warning("dead letter %d: %s; trying again", sequence, error.message)
                await asyncio.sleep(self._limits.retry_delay_s)
        finally:
            self._in_hand.pop(sequence, None)
            del self._removals[sequence]
            self._freed.set()
        if not again.outcome.done():  # nobody may wait for it any more
            again.outcome.set_result(again.failed_again)

    async def _has_room(self, deadline: float) -> bool:
        """Wait until one more letter may be in hand, until a moment at most."""
        while len(self._in_hand) >= self._limits.dead_letters_in_flight:
            self._freed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._freed.wait()
            except TimeoutError:
                return False
        return True

    async def _settle(self, batch: _Batch, deadline: float) -> Retried:
        loop = asyncio.get_running_loop()
        done: set[asyncio.Future[bool]] = set()
        if batch.given:
            done, _ = await asyncio.wait(batch.given, timeout=max(0.0, deadline - loop.time()))
        failed = sum(outcome.result() for outcome in done)
        return Retried(
            done=len(done) - failed,
            failed_again=failed,
            running=len(batch.given) - len(done),
            handed_over=batch.handed_over,
            refused=batch.refused,
            up_to=batch.up_to,
            after=None,
        )


_MISSING = "there is no such letter"


class _Batch:
    """The letters of one request."""

    __slots__ = ("given", "handed_over", "last", "refused", "up_to")

    def __init__(self, up_to: int, after: int) -> None:
        self.up_to = up_to
        self.last = after
        self.given: list[asyncio.Future[bool]] = []
        self.handed_over = 0
        self.refused: dict[int, str] = {}

    @property
    def size(self) -> int:
        """Return how many letters were looked at."""
        return len(self.given) + self.handed_over + len(self.refused)


def _told(outcome: Dropped) -> Dropped:
    if outcome.dropped:
        log.info("%d dead letters were dropped, as somebody asked for", outcome.dropped)
    return outcome
