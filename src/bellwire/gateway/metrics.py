"""What a route did so far, counted under the names that CloudWatch has for it.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
"""

from __future__ import annotations

from bellwire.histogram import Histogram


class RouteMetrics:
    """The counters of one route of one stage.

    `connect_count`: handshakes that reached `$connect`; `message_count`: messages from clients;
    `client_error`: refused before the integration; `integration_error`: the integration answered
    with an error; `execution_error`: it could not be called. `observe(latency_ms)` counts the time
    between a request to the integration and its answer.
    """

    __slots__ = (
        "client_error",
        "connect_count",
        "execution_error",
        "integration_error",
        "integration_latency",
        "message_count",
        "observe",
    )

    def __init__(self) -> None:
        self.connect_count = 0
        self.message_count = 0
        self.integration_error = 0
        self.client_error = 0
        self.execution_error = 0
        self.integration_latency = Histogram()
        self.observe = self.integration_latency.observe
