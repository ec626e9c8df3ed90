"""The WebSocket API of a service, ready to route: one table, one selection expression.

docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bellwire.definition.model import Service
from bellwire.gateway.selection import Select, compile_selection
from bellwire.limits import Limits


CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"


class Route(NamedTuple):
    """A route and the function behind it; `two_way` where the function's body is sent back."""

    route_key: str
    function: str
    two_way: bool


class Api:
    """One API with its stage: answers which route a message takes."""

    def __init__(
        self,
        *,
        api_id: str,
        stage: str,
        select: Select,
        routes: Mapping[str, Route],
        limits: Limits,
    ) -> None:
        self.api_id = api_id
        self.stage = stage
        self.limits = limits
        self.routes = routes
        self._select = select
        # A message cannot reach `$connect` or `$disconnect` by naming it. AWS does not say;
        # this is our choice.
        self._by_message = {
            key: route for key, route in routes.items() if key not in (CONNECT, DISCONNECT)
        }

    @classmethod
    def from_service(cls, service: Service) -> Api:
        """Build the API of a service; DefinitionError where its expression is wrong."""
        api = service.api
        return cls(
            api_id=api.api_id,
            stage=service.stage,
            select=compile_selection(api.route_selection_expression, api.route_selection_place),
            routes={
                route.route_key: Route(
                    route.route_key,
                    (route.integration and route.integration.function) or "",
                    route.two_way,
                )
                for route in api.stages[0].routes
            },
            limits=service.limits,
        )

    def route_of(self, message: str) -> Route | None:
        """Return the route of a message: the one it names, else `$default`, else None."""
        return self._by_message.get(self._select(message)) or self._by_message.get(DEFAULT)
