"""A service as it is while somebody debugs one of its functions: nothing waits for it in haste."""

from __future__ import annotations

from dataclasses import replace

from bellwire.definition.model import Route, Service, Stage, WebSocketApi
from bellwire.definition.requirements import layer_folders, package_folders
from bellwire.definition.suggestion import clipped, did_you_mean, listed
from bellwire.errors import UnknownKeyError


NO_HURRY_MS = 24 * 60 * 60 * 1000
"""What API Gateway's integration time-out becomes, also for a function that waits for another."""


def debugged(service: Service, key: str) -> Service:
    """Return the service for debugging a function; UnknownKeyError where it has none of that key.

    The function's own time-out is the pool's to lift.
    """
    if key not in service.functions:
        known = service.functions
        raise UnknownKeyError(
            f"there is no function {clipped(key)} to debug",
            hint=did_you_mean(key, known) or (f"there are {listed(known)}" if known else None),
        )
    return replace(
        service,
        limits=replace(service.limits, integration_timeout_ms=NO_HURRY_MS),
        apis=tuple(_patient_api(api, key) for api in service.apis),
    )


def has_debugpy(service: Service, key: str) -> bool:
    """Tell whether the Python of a function has debugpy, which an IDE attaches to."""
    folders = (
        service.directory,
        *layer_folders(service.functions[key]),
        *package_folders(service.directory),
    )
    return any((folder / "debugpy").is_dir() for folder in folders)


def _patient_api(api: WebSocketApi, key: str) -> WebSocketApi:
    return replace(api, stages=tuple(_patient_stage(stage, key) for stage in api.stages))


def _patient_stage(stage: Stage, key: str) -> Stage:
    return replace(stage, routes=tuple(_patient_route(route, key) for route in stage.routes))


def _patient_route(route: Route, key: str) -> Route:
    """Take away a time-out that the route sets itself."""
    integration = route.integration
    if integration is None or integration.function != key:
        return route
    return replace(route, integration=replace(integration, timeout_ms=None))
