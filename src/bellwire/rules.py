"""The rules that a node serves: each has a delivery, which the bus gives its events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from bellwire.bus.connection import Bus, RuleSource
from bellwire.iot.delivery import Delivery, DeliveryStatistics, InvokeFunction
from bellwire.iot.rules import Rule
from bellwire.limits import Limits


class Rules:
    """All enabled rules of a service, which may be exchanged for others while they are served."""

    def __init__(
        self,
        bus: Bus,
        *,
        invoke: InvokeFunction,
        request_id: Callable[[], str],
        limits: Limits,
    ) -> None:
        self._bus = bus
        self._invoke = invoke
        self._request_id = request_id
        self._limits = limits
        self._deliveries: dict[str, Delivery] = {}
        self._alive: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self, rules: Iterable[Rule]) -> None:
        """Serve rules from now on. Raises BusError, also where another node serves one of them."""
        enabled = [rule for rule in rules if rule.enabled]
        await self._bus.check_alone(rule.name for rule in enabled)
        await self.replace(enabled)

    async def replace(self, rules: Iterable[Rule]) -> None:
        """Serve these rules instead; one of the same name goes on where it is. Raises BusError.

        What runs for a rule that is gone ends; what it had not begun is dropped, and told.
        """
        enabled = {rule.name: rule for rule in rules if rule.enabled}
        gone = [name for name in self._deliveries if name not in enabled]
        for name, rule in enabled.items():
            if name in self._deliveries:
                self._deliveries[name].follow(rule)
            else:
                self._add(rule)
        for name in gone:
            self._end(name)
        await self._bus.listen(
            RuleSource(name, delivery.rule.topic_filter.text, delivery.take)
            for name, delivery in self._deliveries.items()
        )

    def statistics(self) -> Mapping[str, DeliveryStatistics]:
        """Return the figures of this moment, by rule."""
        return {name: each.statistics() for name, each in self._deliveries.items()}

    async def stop(self) -> None:
        """Take no more events; wait for the invocations that run."""
        await asyncio.gather(*(each.stop() for each in self._deliveries.values()), *self._ending)

    async def close(self) -> None:
        """End what is still waited for."""
        tasks = {*self._alive.values(), *self._ending}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _add(self, rule: Rule) -> None:
        delivery = self._deliveries[rule.name] = Delivery(
            rule,
            invoke=self._invoke,
            bury=self._bus.bury,
            request_id=self._request_id,
            limits=self._limits,
        )
        self._alive[rule.name] = asyncio.create_task(delivery.keep_alive())

    def _end(self, name: str) -> None:
        delivery = self._deliveries.pop(name)
        self._alive.pop(name).cancel()
        task = asyncio.create_task(delivery.stop())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
