"""How the gateway ends a request with an error of its own."""

from __future__ import annotations

from enum import Enum, auto

from bellwire.gateway import responses


class Fault(Enum):
    """Whose fault it is, as CloudWatch's metrics tell: ClientError, IntegrationError, …

    docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
    """

    CLIENT = auto()
    INTEGRATION = auto()
    EXECUTION = auto()


class Refused(Exception):
    """The request ends here: `status` for a handshake, `message` for a frame.

    `reason` is a sentence for the log, never for the client.
    """

    def __init__(
        self, status: int, message: str, *, reason: str = "", fault: Fault = Fault.CLIENT
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.fault = fault


def failed(reason: str, *, status: int = 502) -> Refused:
    """Return the refusal of a request that could not be handed to its integration, or back."""
    return Refused(status, responses.INTERNAL_SERVER_ERROR, reason=reason, fault=Fault.EXECUTION)
