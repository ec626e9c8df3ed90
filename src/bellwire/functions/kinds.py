"""How each function of a service is run, by its runtime."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from bellwire.definition.model import Function
from bellwire.errors import UnsupportedFeatureError
from bellwire.functions.environment import ChannelFactory, EnvironmentSettings, Kind
from bellwire.functions.forks import ForkServers
from bellwire.functions.programs import Node, find_executable, is_node
from bellwire.functions.python_environment import PythonKind
from bellwire.functions.runtime_environment import RuntimeKind
from bellwire.functions.variables import RuntimeSettings


class Kinds:
    """The kinds of one node's functions. `prepare` before the first environment starts."""

    def __init__(
        self,
        runtime: RuntimeSettings,
        channels: Mapping[str, ChannelFactory],
        *,
        search_path: str | None,
    ) -> None:
        """Look for programs in the folders of `search_path`; `channels` are for Python's."""
        self._runtime = runtime
        self._channels = channels
        self._fork_servers = ForkServers(runtime.directory)
        self._node = Node(search_path)
        self._node_functions: list[Function] = []

    def of(self, function: Function, settings: EnvironmentSettings) -> Kind:
        """Return how a function is run.

        Raises UnsupportedFeatureError for a runtime that nothing here runs, StartError where the
        program that runs it is missing.
        """
        runtime = self._runtime
        if function.runtime.startswith("python"):
            return PythonKind(
                function,
                runtime,
                settings,
                channels=self._channels,
                fork_servers=self._fork_servers,
            )
        if is_node(function.runtime):
            self._node.require(function)
            self._node_functions.append(function)
            command = partial(self._node.command, runtime.directory)
            return RuntimeKind(function, runtime, settings, command)
        if function.runtime.startswith("provided"):
            program = find_executable(function, runtime.directory)
            return RuntimeKind(function, runtime, settings, lambda: [program])
        raise UnsupportedFeatureError(
            f"function {function.key}: runtime {function.runtime} is not supported",
            place=function.place,
            hint="use a python3, nodejs or provided runtime",
        )

    async def prepare(self) -> list[tuple[str, str]]:
        """Get ready to start environments; return remarks, each with the function's key.

        Raises StartError where a program does not run.
        """
        if not self._node_functions:
            return []
        await self._node.probe()
        by_runtime = {each.runtime: each for each in reversed(self._node_functions)}
        remarks = ((each.key, self._node.remark(each)) for each in by_runtime.values())
        self._node_functions.clear()
        return [(key, remark) for key, remark in remarks if remark is not None]

    async def stop(self) -> None:
        """End what the environments were started from, once they are gone."""
        await self._fork_servers.stop()
