"""The notifier on AWS: lists and last values in one DynamoDB table, pushes through @connections.

| item | pk | sk | holds |
|---|---|---|---|
| who listens to a device | `device#<id>` | `connection#<id>` | `parameters` (JSON); none: all |
| what a connection listens to | `connection#<id>` | `device#<id>` | |
| last known value | `device#<id>` | `value` | `document`, as JSON, and its `version` |

Values are stored as JSON text: DynamoDB has no floats. Items of connections expire by themselves
after the longest life of a connection, in case its `$disconnect` never comes.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bellwire.notify.lists import NotifyList, StoredList, notify_list_document, parse_notify_list
from bellwire.notify.reply import divide_snapshot
from bellwire.notify.unavailable import ConnectionGone, NotifierUnavailable
from bellwire.notify.values import check_change, merge, pick, to_json


log = logging.getLogger("bellwire.notify")

_CONNECTION_S = 2 * 3600 + 900
"""The longest life of a connection, and some
[https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html]."""
MESSAGE_BYTES = 128 * 1024
"""Largest message of a WebSocket API (the page named above)."""
VALUE_BYTES = 64 * 1024
"""Largest last known value of a device, as in a node; DynamoDB's items may have 400 KB."""
_ATTEMPTS = 8
_KEYS_AT_ONCE = 100
"""What one BatchGetItem takes
[https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html]."""
_POSTS_AT_ONCE = 10
"""As many as botocore keeps connections."""

Item = Mapping[str, Any]


class AwsBackend:
    """The notifier's verbs on a DynamoDB table and the @connections API."""

    def __init__(self, table: Any, connections: Any, *, clock: Callable[[], float]) -> None:
        """Take boto3's Table and ApiGatewayManagementApi client; `clock` gives epoch seconds."""
        self._table = table
        self._connections = connections
        self._clock = clock

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> AwsBackend:
        """Use the table `NOTIFIER_TABLE` and the API at `NOTIFIER_ENDPOINT`.

        Raises NotifierUnavailable where one of them is not set.
        """
        table, endpoint = environment.get("NOTIFIER_TABLE"), environment.get("NOTIFIER_ENDPOINT")
        if not table or not endpoint:
            raise NotifierUnavailable(
                "this is no process of a Bellwire node, and NOTIFIER_TABLE and NOTIFIER_ENDPOINT "
                "are not both set: name a DynamoDB table, and the API as "
                "https://{api}.execute-api.{region}.amazonaws.com/{stage}"
            )
        import boto3

        return cls(
            boto3.resource("dynamodb").Table(table),
            boto3.client("apigatewaymanagementapi", endpoint_url=endpoint),
            clock=time.time,
        )

    def set_notify_list(self, connection_id: str, notify_list: object) -> StoredList:
        """Replace a connection's list; new entries are written before old ones are removed."""
        entries = parse_notify_list(notify_list)
        before = self._devices_of(connection_id)
        expires_at = int(self._clock()) + _CONNECTION_S
        with self._table.batch_writer() as batch:
            for device_id, names in entries.items():
                for item in _listening(connection_id, device_id, names, expires_at):
                    batch.put_item(Item=item)
        self._remove(connection_id, before - entries.keys())
        stored = notify_list_document(entries)
        # Read after the entries are written: a change in between is pushed, or read, or both.
        portion = divide_snapshot(
            self._snapshot(entries),
            size=lambda known: len(_frame(known)),
            list_bytes=len(to_json(stored)),
            message_bytes=MESSAGE_BYTES,
        )
        for known in portion.left_out:
            if self._post(connection_id, _frame(known)) is None:
                self.forget(connection_id)
                raise ConnectionGone(f"connection {connection_id} is not open")
        return {"notify_list": stored, "snapshot": portion.snapshot}

    def forget(self, connection_id: str) -> None:
        """Remove a connection's list."""
        self._remove(connection_id, self._devices_of(connection_id))

    def notify(self, device_id: str, value: Mapping[str, object], timestamp: int | None) -> int:
        """Push an update to those who listen; return how many connections took it."""
        check_change(device_id, value, timestamp)
        at = int(self._clock() * 1000) if timestamp is None else timestamp
        whole = _frame({"device_id": device_id, "value": value, "timestamp": at})
        self._remember(device_id, value, at)
        posts = []
        frames: dict[tuple[str, ...], bytes] = {}  # those who get the same share one
        for connection_id, names in self._listeners_of(device_id):
            if names is None:
                posts.append((connection_id, whole))
            elif carried := pick(value, sorted(names)):
                same = tuple(carried)
                if same not in frames:
                    update = {"device_id": device_id, "value": carried, "timestamp": at}
                    frames[same] = _frame(update)
                posts.append((connection_id, frames[same]))
        return self._push(posts)

    # Pushes

    def _push(self, posts: Collection[tuple[str, bytes]]) -> int:
        """Post each frame to its connection, several at once; return how many were taken."""
        if not posts:
            return 0
        with ThreadPoolExecutor(min(len(posts), _POSTS_AT_ONCE)) as pool:
            taken = list(pool.map(self._post, *zip(*posts, strict=True)))
        for (connection_id, _), was_taken in zip(posts, taken, strict=True):
            if was_taken is None:
                self.forget(connection_id)
        return sum(was_taken is True for was_taken in taken)

    def _post(self, connection_id: str, frame: bytes) -> bool | None:
        """Tell whether a connection took a frame; None where there is no such connection.

        One that cannot take it does not keep the others from it. Whatever concerns them all, such
        as a missing permission, is raised.
        """
        refused = self._connections.exceptions
        try:
            self._connections.post_to_connection(ConnectionId=connection_id, Data=frame)
        except refused.GoneException:
            return None
        except (refused.LimitExceededException, refused.PayloadTooLargeException) as error:
            log.warning("connection %s did not get %d bytes: %s", connection_id, len(frame), error)
            return False
        return True

    # Lists

    def _devices_of(self, connection_id: str) -> set[str]:
        items = self._query(f"connection#{connection_id}", "device#")
        return {item["sk"].removeprefix("device#") for item in items}

    def _listeners_of(self, device_id: str) -> Iterator[tuple[str, list[str] | None]]:
        now = self._clock()
        for item in self._query(f"device#{device_id}", "connection#"):
            if item["expires_at"] > now:  # DynamoDB removes what has expired within days
                names = item.get("parameters")
                connection_id = item["sk"].removeprefix("connection#")
                yield connection_id, None if names is None else json.loads(names)

    def _remove(self, connection_id: str, device_ids: Iterable[str]) -> None:
        with self._table.batch_writer() as batch:
            for device_id in device_ids:
                for key in _keys(connection_id, device_id):
                    batch.delete_item(Key=key)

    def _query(self, pk: str, sk_prefix: str) -> Iterator[Item]:
        from boto3.dynamodb.conditions import Key

        condition = Key("pk").eq(pk) & Key("sk").begins_with(sk_prefix)
        arguments: dict[str, Any] = {"KeyConditionExpression": condition, "ConsistentRead": True}
        while True:
            page = self._table.query(**arguments)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    # Last known values

    def _snapshot(self, entries: NotifyList) -> Iterator[dict[str, object]]:
        known = self._documents(entries)
        for device_id, names in entries.items():
            if device_id not in known:
                continue
            document = json.loads(known[device_id])
            value = document["value"] if names is None else pick(document["value"], names)
            if value:
                timestamp = document["timestamp"]
                yield {"device_id": device_id, "value": value, "timestamp": timestamp}

    def _documents(self, device_ids: Iterable[str]) -> dict[str, str]:
        """Read the last known values of many devices, those that there are."""
        found: dict[str, str] = {}
        waiting = [_value_key(device_id) for device_id in device_ids]
        attempt = 0
        while waiting:
            now, waiting = waiting[:_KEYS_AT_ONCE], waiting[_KEYS_AT_ONCE:]
            # The client of a table takes and gives plain Python values, as the table does.
            answer = self._table.meta.client.batch_get_item(
                RequestItems={self._table.name: {"Keys": now, "ConsistentRead": True}}
            )
            for item in answer["Responses"].get(self._table.name, ()):
                found[item["pk"].removeprefix("device#")] = item["document"]
            left = answer["UnprocessedKeys"].get(self._table.name, {}).get("Keys", [])
            waiting += left
            attempt = attempt + 1 if len(left) == len(now) else 0
            if attempt == _ATTEMPTS:
                raise NotifierUnavailable("DynamoDB hands out no more last values: throttled?")
            if left:
                _back_off(attempt)
        return found

    def _known(self, device_id: str) -> Item | None:
        answer = self._table.get_item(Key=_value_key(device_id), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    def _remember(self, device_id: str, value: Mapping[str, object], at: int) -> None:
        """Merge an update into the last known value; of two writers the slower tries again."""
        for attempt in range(_ATTEMPTS):
            known = self._known(device_id)
            before = None if known is None else json.loads(known["document"])
            if self._replace(device_id, known, _merged(before, value, at)):
                return
            _back_off(attempt)
        raise NotifierUnavailable(f"too many writers at once for the last value of {device_id}")

    def _replace(self, device_id: str, known: Item | None, document: dict[str, object]) -> bool:
        from boto3.dynamodb.conditions import Attr

        version = 0 if known is None else int(known["version"])
        unchanged = Attr("pk").not_exists() if known is None else Attr("version").eq(version)
        try:
            self._table.put_item(
                Item={
                    **_value_key(device_id),
                    "document": to_json(document).decode(),
                    "version": version + 1,
                },
                ConditionExpression=unchanged,
            )
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _keys(connection_id: str, device_id: str) -> tuple[dict[str, str], dict[str, str]]:
    device, connection = f"device#{device_id}", f"connection#{connection_id}"
    return {"pk": device, "sk": connection}, {"pk": connection, "sk": device}


def _listening(
    connection_id: str, device_id: str, names: tuple[str, ...] | None, expires_at: int
) -> Iterator[dict[str, object]]:
    listener, entry = _keys(connection_id, device_id)
    parameters = {} if names is None else {"parameters": to_json(names).decode()}
    yield {**listener, **parameters, "expires_at": expires_at}
    yield {**entry, "expires_at": expires_at}


def _value_key(device_id: str) -> dict[str, str]:
    return {"pk": f"device#{device_id}", "sk": "value"}


def _merged(
    before: dict[str, Any] | None, value: Mapping[str, object], at: int
) -> dict[str, object]:
    """Return the document of a device after an update; one that outgrows its bound starts anew."""
    if before is None:
        return {"value": value, "timestamp": at}
    timestamp = max(at, before["timestamp"])
    merged = merge(before["value"], value)
    if len(to_json(merged)) > VALUE_BYTES:
        return {"value": value, "timestamp": timestamp}
    return {"value": merged, "timestamp": timestamp}


def _frame(update: Mapping[str, object]) -> bytes:
    return to_json({"event": "parameters", **update})


def _back_off(attempt: int) -> None:
    """Wait a while that grows, and is not the same for two that met."""
    time.sleep(random.uniform(0, 0.02) * 2**attempt)
