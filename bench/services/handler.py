"""The functions of the benchmarks."""

from typing import Any


Answer = dict[str, Any]


def connect(event: dict[str, Any], context: object) -> Answer:
    """Let every connection in."""
    return {"statusCode": 200}


def echo(event: dict[str, Any], context: object) -> Answer:
    """Reply with the message as it came."""
    return {"statusCode": 200, "body": event["body"]}


def whoami(event: dict[str, Any], context: object) -> Answer:
    """Reply with the id of the connection."""
    return {"statusCode": 200, "body": event["requestContext"]["connectionId"]}
