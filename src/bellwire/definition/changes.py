"""What differs between two readings of a service: what to do about it, and what to say.

Where a thing stands in the file is no difference. Secrets are never said: of a variable or a key
the name alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace

from bellwire.definition.model import AccessKeys, Function, Service, Stage, TextRun, WebSocketApi
from bellwire.definition.naming import camel_case
from bellwire.errors import Place


_NO_SWAP = {"key", "place", "event_invoke_config"}
"""What of a function its environments do not depend on."""
_UNSAID = {"key", "place", "sql_place", "sql_runs", "description", "route_selection_place"}
_SHOWN = (str, int, float)
_WORDS = {
    "timeout_s": "timeout",
    "memory_mb": "memorySize",
    "event_invoke_config": "asynchronous invocations",
    "logging": "logs",
    "two_way": "route response",
    "api_key_required": "API key",
    "model_selection": "models",
    "request_models": "models",
    "default_throttle": "throttles",
    "route_throttles": "throttles",
    "access_log_format": "access log",
    "variables": "stage variables",
    "sql": "SQL",
    "api_keys": "API keys",
}
"""What serverless.yml calls a field; another's name is the same in camel case."""


@dataclass(frozen=True, slots=True)
class Changes:
    """From one service to another.

    `lines` say what is different, a line each; `restart` what a running node cannot take over.
    `swap` are the functions that are new or need new environments, `drop` those that are gone.
    `is_other` where the two are different services: then nothing can be taken over.
    """

    lines: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    swap: frozenset[str] = frozenset()
    drop: frozenset[str] = frozenset()
    apis: bool = False
    rules: bool = False
    is_other: bool = False


def compare(old: Service, new: Service) -> Changes:
    """Return what has changed from one service to the other."""
    identity = [
        f"{word} {before} → {after}"
        for word, before, after in (
            ("service", old.name, new.name),
            ("stage", old.stage, new.stage),
            ("region", old.region, new.region),
        )
        if before != after
    ]
    if identity:
        return Changes(restart=tuple(identity), is_other=True)
    keys_differ = old.access_keys.secrets != new.access_keys.secrets
    lines = (
        *_function_lines(old.functions, new.functions),
        *_api_lines(old.apis, new.apis),
        *_rule_lines(old, new),
        *(["access keys changed"] if keys_differ else []),
        *(["sqlFunctions changed"] if old.sql_functions != new.sql_functions else []),
    )
    return Changes(
        lines=lines,
        restart=tuple(_bound_at_start(old, new)),
        swap=frozenset(
            key
            for key, each in new.functions.items()
            if key not in old.functions or _differing(old.functions[key], each) - _NO_SWAP
        ),
        drop=frozenset(old.functions.keys() - new.functions.keys()),
        apis=keys_differ or _bare(old.apis) != _bare(new.apis),
        rules=_bare(old.rules) != _bare(new.rules) or old.sql_functions != new.sql_functions,
    )


def applicable(old: Service, new: Service) -> Service:
    """Return the new service as a node that runs the old one can run it: bound as it was."""
    keys = AccessKeys(new.access_keys.secrets, old.access_keys.sign_connections)
    return replace(
        new,
        limits=old.limits,
        host_names=old.host_names,
        access_keys=keys,
        devices=old.devices,
        broker=old.broker,
    )


def _bound_at_start(old: Service, new: Service) -> Iterator[str]:
    for field in fields(old.limits):
        before, after = getattr(old.limits, field.name), getattr(new.limits, field.name)
        if before != after:
            name = camel_case(field.name)
            yield f"custom.bellwire.limits.{name} {_shown(before)} → {_shown(after)}"
    if old.host_names != new.host_names:
        yield "custom.bellwire.hostNames"
    if old.broker != new.broker:
        yield "custom.bellwire.broker"
    if old.access_keys.sign_connections != new.access_keys.sign_connections:
        yield "custom.bellwire.signConnections"
    if old.devices != new.devices:
        yield "custom.bellwire.devices"


def _function_lines(old: Mapping[str, Function], new: Mapping[str, Function]) -> Iterator[str]:
    yield from _members("function", old, new)
    for key, after in new.items():
        before = old.get(key, after)
        said = sorted(_differing(before, after) - _UNSAID)
        if said:
            details = (
                f"environment ({_names(before.environment, after.environment)})"
                if name == "environment"
                else _difference(name, before, after)
                for name in said
            )
            yield f"function {key}: {', '.join(details)}"


def _names(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Say which variables differ; never their values."""
    words = [f"{name} added" for name in sorted(new.keys() - old.keys())]
    words += [f"{name} removed" for name in sorted(old.keys() - new.keys())]
    words += [f"{name} changed" for name in sorted(old) if name in new and old[name] != new[name]]
    return ", ".join(words)


def _api_lines(old: Iterable[WebSocketApi], new: Iterable[WebSocketApi]) -> Iterator[str]:
    before, after = {api.name: api for api in old}, {api.name: api for api in new}
    yield from _members("API", before, after)
    several = len({(name, stage.name) for name, api in after.items() for stage in api.stages}) > 1
    for name in _common(before, after):
        said = _differing(before[name], after[name]) - _UNSAID - {"stages"}
        if said:
            yield f"API {name}: {_all(said, before[name], after[name])}"
        stages = {stage.name: stage for stage in before[name].stages}
        new_stages = {stage.name: stage for stage in after[name].stages}
        yield from _members("stage", stages, new_stages)
        for key in _common(stages, new_stages):
            where = f" of {name}/{key}" if several else ""
            yield from _stage_lines(stages[key], new_stages[key], where)


def _stage_lines(old: Stage, new: Stage, where: str) -> Iterator[str]:
    said = _differing(old, new) - _UNSAID - {"routes"}
    if said:
        words = sorted({_word(name) for name in said})
        yield f"stage {where.removeprefix(' of ') or new.name}: {', '.join(words)} changed"
    routes = {route.route_key: route for route in old.routes}
    new_routes = {route.route_key: route for route in new.routes}
    for key, route in new_routes.items():
        function = route.integration.function if route.integration else None
        target = f" → {function}" if function else ""
        if key not in routes:
            yield f"route {key}{where}: added{target}"
        elif changed := _differing(routes[key], route) - _UNSAID:
            words = sorted({_word(name) for name in changed})
            yield f"route {key}{where}{target}: {', '.join(words)} changed"
    yield from (f"route {key}{where}: removed" for key in routes if key not in new_routes)


def _rule_lines(old: Service, new: Service) -> Iterator[str]:
    before = {rule.name: rule for rule in old.rules}
    after = {rule.name: rule for rule in new.rules}
    yield from _members("rule", before, after)
    for name in _common(before, after):
        said = _differing(before[name], after[name]) - _UNSAID
        if "sql" in said:
            yield f"rule {name}: SQL changed"
        if said - {"sql"}:
            yield f"rule {name}: {_all(said - {'sql'}, before[name], after[name])}"


def _members(what: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    yield from (f"{what} {name}: added" for name in new if name not in old)
    yield from (f"{what} {name}: removed" for name in old if name not in new)


def _common(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    return [name for name in new if name in old]


def _all(names: Iterable[str], old: object, new: object) -> str:
    return ", ".join(dict.fromkeys(_difference(name, old, new) for name in sorted(names)))


def _difference(name: str, old: object, new: object) -> str:
    """Return `timeout 6 → 10`, or the name alone where the values are too much for a line."""
    before, after = getattr(old, name), getattr(new, name)
    if all(each is None or isinstance(each, _SHOWN) for each in (before, after)):
        return f"{_word(name)} {_shown(before)} → {_shown(after)}"
    return f"{_word(name)} changed"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


def _word(name: str) -> str:
    return _WORDS.get(name) or camel_case(name)


def _differing(old: object, new: object) -> set[str]:
    """Return the names of the fields in which two values of one dataclass differ."""
    assert is_dataclass(old)
    return {
        field.name
        for field in fields(old)
        if _bare(getattr(old, field.name)) != _bare(getattr(new, field.name))
    }


def _bare(value: object) -> object:
    """Return a value that is equal to another's where both differ in nothing but their places."""
    if isinstance(value, Place | TextRun):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(_bare(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Mapping):
        return {key: _bare(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_bare(each) for each in value if not isinstance(each, TextRun)]
    return value
