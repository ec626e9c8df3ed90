"""`custom.bellwire`: what Bellwire adds to serverless.yml."""

from __future__ import annotations

import math
from dataclasses import fields as fields_of
from dataclasses import replace

from bellwire.definition.naming import camel_case
from bellwire.definition.nodes import Node, ScalarNode
from bellwire.definition.suggestion import described
from bellwire.definition.values import Fields, items_of, text_of
from bellwire.errors import DefinitionError
from bellwire.limits import Limits


_KEYS = (
    "limits",
    "accessKeys",
    "signConnections",
    "hostNames",
    "rules",
    "sqlFunctions",
    "devices",
    "broker",
)
_DEFAULTS = Limits()
_MAY_BE_ZERO = {
    "ping_interval_s",
    "sync_interval_s",
    "function_retries",
    "retry_delay_s",
    "new_connections_per_s",
    "requests_per_s",
}


def read_section(service: Fields) -> Fields | None:
    """Return `custom.bellwire`, None where the file has none."""
    custom = service.fields("custom")
    return custom.fields("bellwire") if custom else None


def read_limits(service: Fields) -> Limits:
    """Return the limits of a service: AWS's, but for those set in `custom.bellwire.limits`.

    Keys are those of Limits in camelCase: `idleTimeoutS: 60`. Raises UnknownKeyError,
    DefinitionError.
    """
    section = read_section(service)
    if not section:
        return _DEFAULTS
    section.check_keys(_KEYS)
    limits = section.fields("limits")
    if not limits:
        return _DEFAULTS
    names = {camel_case(field.name): field.name for field in fields_of(Limits)}
    limits.check_keys(names)
    given = {names[key]: limits.get(key) for key in limits.node.entries}
    values = {
        name: _limit(name, limits.path(camel_case(name)), node)
        for name, node in given.items()
        if node
    }
    return replace(_DEFAULTS, **values)  # type: ignore[arg-type]


def read_host_names(service: Fields) -> tuple[str, ...]:
    """Return `custom.bellwire.hostNames`. Raises DefinitionError."""
    section = read_section(service)
    node = section.get("hostNames") if section else None
    if section is None or node is None:
        return ()
    path = section.path("hostNames")
    return tuple(
        text_of(service.variables.resolve(item), path).lower() for item in items_of(node, path)
    )


def _limit(name: str, path: str, node: Node) -> int | float:
    value = node.value if isinstance(node, ScalarNode) else None
    whole = isinstance(getattr(_DEFAULTS, name), int)
    numeric = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, bool) or not numeric or not isinstance(value, int | float):
        raise _wrong_limit(name, path, node)
    if not math.isfinite(value) or value < 0 or (value == 0 and name not in _MAY_BE_ZERO):
        raise _wrong_limit(name, path, node)
    return value if whole else float(value)


def _wrong_limit(name: str, path: str, node: Node) -> DefinitionError:
    kind = "whole number" if isinstance(getattr(_DEFAULTS, name), int) else "number"
    bound = "of 0 or more" if name in _MAY_BE_ZERO else "above 0"
    return DefinitionError(
        f"`{path}` must be a {kind} {bound}, not {described(node)}", place=node.place
    )
