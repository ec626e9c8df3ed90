"""The echo that Autobahn talks to."""

from typing import Any


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Send a message back as it came."""
    return {"statusCode": 200, "body": event["body"]}
