"""The functions of every conformance service: they write down each event, then do as they are told.

A client gives its order as JSON: `$connect` and an authorizer read it from a header, a route from
the message's `order`. Orders: `sleep` (seconds), `raise` (the text of an exception), `exit` (the
process ends with that code), `return` (what to answer), `size` (of the body, or of an authorizer's
context). Without `return`, the answer is a good one, whose body is the event.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any


JSON = Any


def obey(event: JSON, context: Any) -> JSON:
    """Answer a route."""
    write_down({"function": context.function_name, "event": event})
    order = order_of(event)
    follow(order)
    if "return" in order:
        return order["return"]
    body = "x" * order["size"] if "size" in order else json.dumps(event)
    return {"statusCode": 200, "body": body}


def authorize(event: JSON, context: Any) -> JSON:
    """Answer as a REQUEST authorizer: Allow on the method asked for, unless told otherwise."""
    write_down({"function": context.function_name, "event": event})
    order = order_from(event, "x-authorizer-order")
    follow(order)
    if "return" in order:
        return order["return"]
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": event["methodArn"],
    } | order.get("statement", {})
    answer = {
        "principalId": "somebody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }
    if "size" in order:
        answer["context"] = {"key": "x" * order["size"]}
    return answer | order.get("answer", {})


def answer_plainly(event: JSON, context: Any) -> JSON:
    """Answer as a function that is behind no proxy integration: any JSON, or an exception."""
    write_down({"function": context.function_name, "event": event})
    order = event.get("order", {}) if isinstance(event, dict) else {}
    follow(order)
    return order.get("return", event)


def write_down(record: JSON) -> None:
    line = json.dumps(record).encode() + b"\n"
    descriptor = os.open(os.environ["EVENTS_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line)  # one write: functions run side by side
    finally:
        os.close(descriptor)


def follow(order: JSON) -> None:
    time.sleep(order.get("sleep", 0))
    if "exit" in order:
        os._exit(order["exit"])
    if "raise" in order:
        raise RuntimeError(order["raise"])


def order_of(event: JSON) -> JSON:
    if "headers" in event:
        return order_from(event, "x-order")
    try:
        message = json.loads(event.get("body") or "")
    except ValueError:
        return {}
    return message.get("order", {}) if isinstance(message, dict) else {}


def order_from(event: JSON, name: str) -> JSON:
    for header, value in (event.get("headers") or {}).items():
        if header.lower() == name:
            return json.loads(value)
    return {}
