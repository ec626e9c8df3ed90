"""How each function of a service is run, by its runtime."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from bellwire.definition.model import Function
from bellwire.errors import UnsupportedFeatureError
from bellwire.functions.environment import ChannelFactory, EnvironmentSettings, Kind
from bellwire.functions.forks import ForkServers
from bellwire.functions.programs import (
    Node,
    Python,
    find_executable,
    find_python,
    is_node,
    is_python,
)
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
        self._python = Python(find_python(runtime.directory))
        self._node = Node(search_path)
        self._unprepared: dict[str, Function] = {}
        """A function of each runtime that nothing was said of yet."""
        self._prepared: set[str] = set()

    def of(self, function: Function, settings: EnvironmentSettings) -> Kind:
        """Return how a function is run.

        Raises UnsupportedFeatureError for a runtime that nothing here runs, StartError where the
        program that runs it is missing.
        """
        runtime = self._runtime
        if is_python(function.runtime):
            self._must_prepare(function)
            return PythonKind(
                function,
                runtime,
                settings,
                python=self._python.path,
                channels=self._channels,
                fork_servers=self._fork_servers,
            )
        if is_node(function.runtime):
            self._node.require(function)
            self._must_prepare(function)
            command = partial(
                self._node.command, function, runtime.directory, is_debug=settings.is_debug
            )
            return RuntimeKind(function, runtime, settings, command)
        if function.runtime.startswith("provided"):
            program = find_executable(function, runtime.directory)
            return RuntimeKind(function, runtime, settings, lambda: [program])
        raise UnsupportedFeatureError(
            f"function {function.key}: runtime {function.runtime} is not supported",
            place=function.place,
            hint="use a python3, nodejs or provided runtime",
        )

    def _must_prepare(self, function: Function) -> None:
        if function.runtime not in self._prepared:  # what is swapped later is no news
            self._unprepared.setdefault(function.runtime, function)

    async def prepare(self) -> list[tuple[str, str]]:
        """Get ready to start environments; return remarks, each with the function's key.

        Raises StartError where a program does not run.
        """
        remarks = []
        while self._unprepared:
            runtime, function = self._unprepared.popitem()
            program = self._python if is_python(runtime) else self._node
            await program.probe()
            self._prepared.add(runtime)
            remarks.append((function.key, program.remark(function)))
        return [(key, remark) for key, remark in remarks if remark is not None]

    async def stop(self) -> None:
        """End what the environments were started from, once they are gone."""
        await self._fork_servers.stop()
