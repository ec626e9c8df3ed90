"""The `functions` of a service, and what `provider` gives to each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bellwire.definition.destinations import Targets, read_event_invoke_config
from bellwire.definition.events import Events, read_events
from bellwire.definition.findings import Findings
from bellwire.definition.intrinsics import Intrinsics
from bellwire.definition.layers import Layers
from bellwire.definition.logs import read_logging
from bellwire.definition.model import Function
from bellwire.definition.naming import function_logical_id
from bellwire.definition.nodes import Entry, MappingNode, Node, ScalarNode, SequenceNode
from bellwire.definition.suggestion import clipped, described, did_you_mean, nearest
from bellwire.definition.values import Fields
from bellwire.definition.vocabulary import FUNCTION_READ, FUNCTION_SILENT, FUNCTION_SKIPPED
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


_KEY = re.compile(r"[a-zA-Z0-9_-]+")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RUNS_HERE = re.compile(r"python3\.\d+|nodejs\d+\.x|provided(\.al2|\.al2023)?")
_DEFAULT_RUNTIME = "nodejs24.x"
"""The framework's default [github.com/oss-serverless/osls/blob/main/docs/guides/functions.md]."""

_LONGEST_NAME = 64
"""[docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html]"""
_LONGEST_TIMEOUT_S = 900
_MEMORY_MB = (128, 10_240)
"""[docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html]"""

_DEFAULT_TIMEOUT_S = 6
_DEFAULT_MEMORY_MB = 1024
"""The framework's defaults, not Lambda's."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A function of the file that runs here, before its environment is known."""

    key: str
    name: str
    handler: str
    handler_place: Place
    runtime: str
    fields: Fields
    events: Events
    place: Place


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions that run here, and the deployed names of all, by their key in the file."""

    entered: tuple[Entered, ...]
    names: dict[str, str]

    def logical_ids(self) -> dict[str, str]:
        """Return the deployed names by the logical ids that the framework gives."""
        return {function_logical_id(key): name for key, name in self.names.items()}

    def key_of(self, name: str) -> str | None:
        """Return the key of a function by its deployed name."""
        return next((key for key, each in self.names.items() if each == name), None)

    def runs(self, key: str) -> bool:
        """Tell whether a function is one that runs here."""
        return any(each.key == key for each in self.entered)

    def called(self, name: str, path: str, place: Place) -> str:
        """Return the key of the function with a deployed name, which `path` calls.

        Raises UnsupportedFeatureError where there is none, or it does not run here.
        """
        key = self.key_of(name)
        if key is None:
            raise UnsupportedFeatureError(
                f"`{path}` calls the function {clipped(name)}, which this service does not "
                "have: a function of another cannot be called here",
                place=place,
                hint=did_you_mean(name, self.names.values()),
            )
        if not self.runs(key):
            raise UnsupportedFeatureError(
                f"`{path}` calls the function `{key}`, which does not run here: only "
                "Python, Node.js and executables do",
                place=place,
                hint="set `runtime: python3.12`, `nodejs24.x` or `provided.al2023`",
            )
        return key


def read_functions(service: Fields, provider: Fields, prefix: str, findings: Findings) -> Functions:
    """Read the functions that run here; `prefix` is `{service}-{stage}`.

    A function that only serves what is not served here is skipped with a finding unless it is
    Python; so is one of a runtime that does not run here, which is refused if it serves an app or a
    device. Raises DefinitionError.
    """
    entered: list[Entered] = []
    names: dict[str, str] = {}
    for key, entry in _entries(service).items():
        node = service.variables.resolve(entry.node)
        if isinstance(node, ScalarNode) and node.value is None:
            continue  # as the framework: a function without any setting is none
        if not _KEY.fullmatch(key):
            raise DefinitionError(
                f"{clipped(key)} is no name for a function: letters, digits, `-` and `_`",
                place=entry.place,
            )
        fields = Fields(node, f"functions.{key}", service.variables)
        _check_keys(fields, findings)
        events = read_events(fields, key, findings)
        names[key] = fields.text("name") or f"{prefix}-{key}"
        runtime = fields.text("runtime") or provider.text("runtime") or _DEFAULT_RUNTIME
        if _runs_here(fields, runtime, events, entry.place, findings):
            entered.append(_enter(fields, key, names[key], runtime, events, entry.place))
    _check_names(entered)
    return Functions(tuple(entered), names)


def make_function(
    entered: Entered,
    functions: Functions,
    provider: Fields,
    intrinsics: Intrinsics,
    layers: Layers,
) -> Function:
    """Return the finished function: its own settings before the provider's, before defaults."""
    fields = entered.fields
    low, high = _MEMORY_MB
    timeout = _first(
        each.integer("timeout", low=1, high=_LONGEST_TIMEOUT_S) for each in (fields, provider)
    )
    reserved, provisioned = _concurrency(fields)
    memory = _first(each.integer("memorySize", low=low, high=high) for each in (fields, provider))
    return Function(
        key=entered.key,
        name=entered.name,
        handler=entered.handler,
        runtime=entered.runtime,
        timeout_s=float(timeout or _DEFAULT_TIMEOUT_S),
        memory_mb=memory or _DEFAULT_MEMORY_MB,
        environment=_environment(provider, fields, intrinsics),
        reserved_concurrency=reserved,
        place=entered.place,
        event_invoke_config=read_event_invoke_config(
            fields, Targets(functions.names, functions.runs), intrinsics
        ),
        provisioned_concurrency=provisioned,
        layers=layers.of(fields, provider),
        logging=read_logging(fields, provider),
    )


def _concurrency(fields: Fields) -> tuple[int | None, int]:
    """Return the reserved and the provisioned concurrency.

    [docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html]
    """
    reserved = fields.integer("reservedConcurrency", low=0)
    provisioned = fields.integer("provisionedConcurrency", low=0) or 0
    if reserved is not None and provisioned > reserved:
        raise DefinitionError(
            f"`{fields.path('provisionedConcurrency')}` is {provisioned}, more than the "
            f"reservedConcurrency {reserved}",
            place=fields.place("provisionedConcurrency"),
        )
    if provisioned and fields.boolean("snapStart"):
        raise DefinitionError(
            f"`{fields.name}` has provisionedConcurrency and snapStart; Lambda takes one of them",
            place=fields.place("provisionedConcurrency"),
        )
    return reserved, provisioned


def _first(values: Iterator[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)


def _entries(service: Fields) -> dict[str, Entry]:
    """Return the functions by key: from a map, or from a list of maps as with `${file(…)}`."""
    node = service.get("functions")
    if node is None:
        return {}
    maps: list[Node] = [node]
    if isinstance(node, SequenceNode):
        maps = [service.variables.resolve(item) for item in node.items]
    entries: dict[str, Entry] = {}
    for each in maps:
        if not isinstance(each, MappingNode):
            message = f"`functions` must be a map or a list of maps, not {described(each)}"
            raise DefinitionError(message, place=each.place)
        for key, entry in each.entries.items():
            if key in entries:
                raise DefinitionError(
                    f"the function `{key}` is there twice; the first is at {entries[key].place}",
                    place=entry.place,
                )
            entries[key] = entry
    return entries


def _check_keys(fields: Fields, findings: Findings) -> None:
    known = (*FUNCTION_READ, *FUNCTION_SKIPPED, *FUNCTION_SILENT)
    for key, entry in fields.node.entries.items():
        if key in FUNCTION_SKIPPED:
            findings.skip_key("functions.*", key, entry.place)
        elif key not in known:
            meant = nearest(key, known)
            hint = f"did you mean `{meant}`?" if meant else None
            if meant in FUNCTION_READ:
                raise UnknownKeyError(
                    f"unknown key `{fields.path(key)}`", place=entry.place, hint=hint
                )
            findings.notice(f"unknown key `{fields.path(key)}`: ignored", entry.place, hint)


def _runs_here(
    fields: Fields, runtime: str, events: Events, place: Place, findings: Findings
) -> bool:
    is_served = bool(events.websockets or events.rules)
    if fields.get("image"):
        why = f"`{fields.name}` is a container image"
    else:
        why = f"`{fields.name}` has the runtime {clipped(runtime)}"
        if _RUNS_HERE.fullmatch(runtime) and (
            runtime.startswith("python") or is_served or not fields.get("events")
        ):
            return True
    if is_served:
        raise UnsupportedFeatureError(
            f"{why}: only Python, Node.js and executables run here",
            place=fields.place("runtime") if fields.get("runtime") else place,
            hint="set `runtime: python3.12`, `nodejs24.x` or `provided.al2023`",
        )
    findings.notice(f"{why}: skipped, it serves no route and no rule", place)
    return False


def _enter(
    fields: Fields, key: str, name: str, runtime: str, events: Events, place: Place
) -> Entered:
    handler = fields.text("handler")
    if not handler:
        raise DefinitionError(
            f"`{fields.name}` has no handler", place=place, hint="write `handler: module.function`"
        )
    if not _KEY.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise DefinitionError(
            f"{clipped(name)} is no name for a Lambda function: up to {_LONGEST_NAME} letters, "
            "digits, `-` and `_`",
            place=fields.place("name") if fields.get("name") else place,
            hint="set a shorter `name:`" if len(name) > _LONGEST_NAME else None,
        )
    return Entered(key, name, handler, fields.place("handler"), runtime, fields, events, place)


def _check_names(entered: list[Entered]) -> None:
    seen: dict[str, Entered] = {}
    for each in entered:
        first = seen.setdefault(each.name, each)
        if first is not each:
            raise DefinitionError(
                f"the functions `{first.key}` and `{each.key}` have the same name {each.name}; "
                f"the first is at {first.place}",
                place=each.place,
            )


def _environment(provider: Fields, own: Fields, intrinsics: Intrinsics) -> dict[str, str]:
    """Return a function's variables over the provider's; null removes one, as on AWS."""
    environment: dict[str, str] = {}
    for section in (provider, own):
        fields = section.fields("environment")
        if not fields:
            continue
        for name, entry in fields.node.entries.items():
            if not _ENVIRONMENT_NAME.fullmatch(name):
                raise DefinitionError(
                    f"{clipped(name)} is no name for an environment variable",
                    place=entry.place,
                )
            value = intrinsics.text(entry.node, fields.path(name))
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
    return environment
