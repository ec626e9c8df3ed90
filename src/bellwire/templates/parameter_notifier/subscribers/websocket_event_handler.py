"""The four handlers of the parameter notifier: the same here and on AWS Lambda."""

from __future__ import annotations

import json
import logging
from typing import Any

from bellwire.notify import ConnectionGone, InvalidChange, InvalidNotifyList, Notifier


Document = dict[str, Any]

LATEST_TIME_MS = 8.64e15  # the latest a JavaScript Date can hold

logger = logging.getLogger()
notifier = Notifier()


def connect(event: Document, context: object) -> Document:
    """`$connect`: let every app in; this is the place to ask who it is."""
    return {"statusCode": 200}


def disconnect(event: Document, context: object) -> Document:
    """`$disconnect`: forget what the app listened to."""
    notifier.forget(event["requestContext"]["connectionId"])
    return {"statusCode": 200}


def set_notify_list(event: Document, context: object) -> Document:
    """Route `set_notify_list`: store what the app listens to, reply with the last known values."""
    message = _message(event.get("body"))
    try:
        stored = notifier.set_notify_list(
            event["requestContext"]["connectionId"], message.get("notify_list")
        )
        reply: Document = {"event": "notify_list", **stored}
    except InvalidNotifyList as error:
        reply = {"event": "error", "code": "InvalidNotifyList", "message": str(error)}
    except ConnectionGone:
        return {"statusCode": 410}  # the app left before its list was read
    if "request_id" in message:
        reply["request_id"] = message["request_id"]
    return {"statusCode": 200, "body": _json(reply)}


def notify_parameter(event: Document, context: object) -> int:
    """The topic rule: push a device's update to those who listen; return how many they are."""
    device_id = event["device_id"]
    payload = event.get("payload")  # none where the message is no JSON
    if not isinstance(payload, dict) or not isinstance(payload.get("value"), dict):
        # Trying again cannot help: say so, and be done with the event.
        logger.warning(
            'device %s: expected {"value": {"name": …}}, got %.200s', device_id, json.dumps(payload)
        )
        return 0
    try:
        return notifier.notify(device_id, payload["value"], _timestamp(payload.get("timestamp")))
    except InvalidChange as error:
        logger.warning("device %s: %s", device_id, error)
        return 0


def _message(body: object) -> Document:
    """Return the app's message; one that is no JSON object asks for nothing."""
    try:
        message = json.loads(body) if isinstance(body, str) else None
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _json(document: Document) -> str:
    """Write JSON without spaces, in UTF-8 but for half characters, which stay escaped."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace").decode()


def _timestamp(given: object) -> int | None:
    """Return the device's own time, epoch milliseconds, if it sent one that can be a time."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return int(given) if abs(given) <= LATEST_TIME_MS else None
