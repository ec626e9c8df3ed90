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
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bellwire.notify.lists import NotifyList, StoredList, notify_list_document, parse_notify_list
from bellwire.notify.unavailable import NotifierUnavailable
from bellwire.notify.values import merge, pick


_CONNECTION_S = 2 * 3600 + 900
"""The longest life of a connection, and some
[https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html]."""
_ATTEMPTS = 8

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
        return {
            "notify_list": notify_list_document(entries),
            "snapshot": list(self._snapshot(entries)),
        }

    def forget(self, connection_id: str) -> None:
        """Remove a connection's list."""
        self._remove(connection_id, self._devices_of(connection_id))

    def notify(self, device_id: str, value: Mapping[str, object], timestamp: int | None) -> int:
        """Push an update to those who listen; return how many connections took it."""
        at = int(self._clock() * 1000) if timestamp is None else timestamp
        self._remember(device_id, value, at)
        pushed = 0
        for connection_id, names in self._listeners_of(device_id):
            content = value if names is None else pick(value, names)
            if content or names is None:
                pushed += self._push(connection_id, _frame(device_id, content, at))
        return pushed

    def _push(self, connection_id: str, frame: bytes) -> bool:
        try:
            self._connections.post_to_connection(ConnectionId=connection_id, Data=frame)
        except self._connections.exceptions.GoneException:
            self.forget(connection_id)
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
        for device_id, names in entries.items():
            known = self._known(device_id)
            if known is None:
                continue
            document = json.loads(known["document"])
            value = document["value"] if names is None else pick(document["value"], names)
            if value:
                yield {
                    "device_id": device_id,
                    "value": value,
                    "timestamp": document["timestamp"],
                }

    def _known(self, device_id: str) -> Item | None:
        key = {"pk": f"device#{device_id}", "sk": "value"}
        item: Item | None = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        return item

    def _remember(self, device_id: str, value: Mapping[str, object], at: int) -> None:
        """Merge an update into the last known value; of two writers the slower tries again."""
        for _ in range(_ATTEMPTS):
            known = self._known(device_id)
            document = {"value": value, "timestamp": at}
            if known is not None:
                before = json.loads(known["document"])
                document = {
                    "value": merge(before["value"], value),
                    "timestamp": max(at, before["timestamp"]),
                }
            if self._replace(device_id, known, document):
                return
        raise NotifierUnavailable(f"too many writers at once for the last value of {device_id}")

    def _replace(self, device_id: str, known: Item | None, document: dict[str, object]) -> bool:
        from boto3.dynamodb.conditions import Attr

        version = 0 if known is None else int(known["version"])
        unchanged = Attr("pk").not_exists() if known is None else Attr("version").eq(version)
        try:
            self._table.put_item(
                Item={
                    "pk": f"device#{device_id}",
                    "sk": "value",
                    "document": json.dumps(document, ensure_ascii=False),
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
    parameters = {} if names is None else {"parameters": json.dumps(names)}
    yield {**listener, **parameters, "expires_at": expires_at}
    yield {**entry, "expires_at": expires_at}


def _frame(device_id: str, value: Mapping[str, object], at: int) -> bytes:
    frame = {"event": "parameters", "device_id": device_id, "value": value, "timestamp": at}
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()
