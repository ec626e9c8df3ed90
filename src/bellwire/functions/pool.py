"""The functions of a node, each with a pool of environments; what the rest of the node uses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from bellwire.definition.model import Function
from bellwire.errors import NotFoundError
from bellwire.functions.environment import ChannelFactory, Result
from bellwire.functions.environments import Pool
from bellwire.functions.kinds import Kinds
from bellwire.functions.log_line import LogEntry, LogLine
from bellwire.functions.statistics import FunctionStatistics
from bellwire.functions.temporary import make_place
from bellwire.functions.variables import (
    RuntimeSettings,
    aws_files,
    function_arn,
    make_variables,
    pick_inherited,
)
from bellwire.limits import Limits


__all__ = [
    "ChannelFactory",
    "FunctionStatistics",
    "Functions",
    "LogEntry",
    "LogLine",
    "Result",
    "RuntimeSettings",
]


class Functions:
    """All functions of a service. `start` once, in the loop that is to run them."""

    def __init__(
        self,
        functions: Iterable[Function],
        *,
        runtime: RuntimeSettings,
        limits: Limits,
        log: Callable[[LogEntry], None],
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
        self._prepare = partial(
            make_variables,
            runtime=runtime,
            inherited=pick_inherited(node),
            has_aws_files=any(file.exists() for file in aws_files(home)),
            runtime_folder=str(Path(__file__).parent),
        )
        self._runtime = runtime
        self._limits = limits
        self._log = log
        self._kinds = Kinds(runtime, channels or {}, search_path=node.get("PATH"))
        self._pools: dict[str, Pool] = {}
        self._arriving: dict[str, Pool] = {}
        """Pools that start, and are to be swapped in then."""
        self._leaving: dict[Pool, asyncio.Task[None]] = {}
        """Pools that were swapped or dropped, and still run something."""
        self._is_stopping = False
        for function in functions:
            self._enter(self._make_pool(function), function.key)

    async def start(self) -> None:
        """Start the environments of each function that are kept; return when the first is ready.

        What fails is logged: a further environment is tried at the next invocation. Raises
        StartError where what runs functions does not run, or their `/tmp` cannot be made.
        """
        if self._runtime.temporary is not None:
            await make_place(self._runtime.temporary)
        await self._prepare_kinds()
        await asyncio.gather(*(pool.start() for pool in self._pools.values()))

    def invoke(
        self, function: str, event: bytes, *, request_id: str, client_context: bytes = b""
    ) -> asyncio.Future[Result]:
        """Run a function, named as in serverless.yml, with an event that is JSON.

        `client_context` is JSON on one line, or empty. The future always gets a result: a failure
        of the function is one.

        Raises NotFoundError for an unknown function, PayloadTooLargeError, and
        TooManyRequestsError where as many wait as may, or where the node is stopping.
        docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
        """
        pool = self._pools.get(function)
        if pool is None:
            arn = function_arn(function, self._runtime)
            raise NotFoundError(f"Function not found: {arn}")
        return pool.invoke(event, request_id, client_context)

    async def swap(self, function: Function) -> bool:
        """Run a function, as it is now, by new environments; a new function is added.

        Once one of them is ready they take what comes and what waits; the old ones end what they
        run, and go. False: the start failed, which the log tells. Then the old ones stay, and of
        a function that is new a further environment is tried at its next invocation. False, too,
        where the function was swapped again, or dropped, before the start was done.

        Raises UnsupportedFeatureError and StartError as the constructor does.
        """
        key = function.key
        pool = self._make_pool(function, self._pools.get(key))
        self._dismiss_arriving(key)
        self._arriving[key] = pool
        try:
            await self._prepare_kinds()
            is_ready = await pool.start()
            if self._arriving.get(key) is pool and self._may_enter(key, is_ready=is_ready):
                self._enter(self._arriving.pop(key), key)
                return is_ready
            await pool.end()
            return False
        finally:
            if self._arriving.get(key) is pool:
                self._dismiss_arriving(key)

    def drop(self, function: str) -> None:
        """Forget a function: what runs and waits ends, nothing more is taken."""
        self._dismiss_arriving(function)
        pool = self._pools.pop(function, None)
        if pool is not None:
            self._dismiss(pool)

    def statistics(self) -> Mapping[str, FunctionStatistics]:
        """Return the figures of this moment, by function."""
        return {key: pool.statistics() for key, pool in self._pools.items()}

    async def stop(self, *, grace_s: float) -> None:
        """Take no more invocations, let those taken end within `grace_s`, end all processes.

        What has not ended by then gets an error as its result.
        """
        self._is_stopping = True
        pools = [*self._pools.values(), *self._leaving, *self._arriving.values()]
        await asyncio.gather(*(pool.finish(grace_s) for pool in pools))
        await asyncio.gather(*self._leaving.values())
        await self._kinds.stop()

    def _make_pool(self, function: Function, old: Pool | None = None) -> Pool:
        recorder = None if old is None else old.recorder
        return Pool(
            function,
            self._prepare(function),
            self._kinds,
            self._limits,
            arn=function_arn(function.name, self._runtime),
            temporary=self._runtime.temporary,
            log=self._log,
            recorder=recorder,
            is_debug=function.key == self._runtime.debug,
        )

    async def _prepare_kinds(self) -> None:
        for function, remark in await self._kinds.prepare():
            self._log(LogLine(function, None, "stderr", remark))

    def _may_enter(self, key: str, *, is_ready: bool) -> bool:
        return not self._is_stopping and (is_ready or key not in self._pools)

    def _enter(self, pool: Pool, key: str) -> None:
        old = self._pools.get(key)
        self._pools[key] = pool
        pool.begin()
        if old is not None:
            pool.take_over(old)
            self._dismiss(old)

    def _dismiss_arriving(self, key: str) -> None:
        pool = self._arriving.pop(key, None)
        if pool is not None:
            self._dismiss(pool)

    def _dismiss(self, pool: Pool) -> None:
        task = asyncio.get_running_loop().create_task(pool.finish(None))
        self._leaving[pool] = task
        task.add_done_callback(lambda _: self._leaving.pop(pool))
