"""POSTs per second to @connections, by boto3 and by raw HTTP. Beside serverless-offline.

boto3 is one client that waits for each answer: what it costs itself is most of that. The raw
senders are eight sockets kept alive, each with one POST on its way to a connection of its own.
"""

from __future__ import annotations

import time
from urllib.parse import quote, urlsplit

import boto3

from bench.holder import held
from bench.posts import SECONDS, WARM_UP_S, make_request, post
from bench.processes import in_process
from bench.servers import lacks_serverless_offline, running_node, running_serverless_offline


SENDERS = 8
DATA = b'{"event":"parameters","device_id":"thermostat-1","value":{"temperature":21.5}}'
_WHOAMI = b'{"action":"whoami"}'


def run() -> dict[tuple[str, str], float]:
    """Run once; returns figures by (name, unit)."""
    with running_node(service="echo") as node:
        ours = _measure("bellwire", node.websocket_url, node.management_url)
    missing = lacks_serverless_offline()
    if missing is not None:
        print(f"  no peer: {missing}")
        return ours
    with running_serverless_offline("echo") as address:
        url = f"http://{address.websocket}"
        theirs = _measure("serverless-offline", f"ws://{address.websocket}", url)
    ratios = {
        (f"ratio of POSTs by {how}, bellwire to serverless-offline", "×"): (
            ours[f"bellwire: POST @connections, {how}", "per s"]
            / theirs[f"serverless-offline: POST @connections, {how}", "per s"]
        )
        for how in ("boto3", "raw HTTP")
    }
    return {**ours, **theirs, **ratios}


def _measure(name: str, websocket_url: str, management_url: str) -> dict[tuple[str, str], float]:
    with held(websocket_url, SENDERS, message=_WHOAMI) as replies:
        ids = [reply.decode() for reply in replies]
        if len(set(ids)) != SENDERS:
            raise SystemExit(f"{name}: {SENDERS} connections have the ids {sorted(set(ids))}")
        by_boto3 = _post_by_boto3(management_url, ids[0])
        raw = in_process(post, management_url, [_request(management_url, one) for one in ids])
    return {
        (f"{name}: POST @connections, boto3", "per s"): by_boto3,
        (f"{name}: POST @connections, raw HTTP", "per s"): raw,
    }


def _post_by_boto3(management_url: str, connection_id: str) -> float:
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=management_url,
        region_name="eu-west-1",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
    )

    def post_for(seconds: float) -> float:
        count, started = 0, time.monotonic()
        while time.monotonic() < started + seconds:
            client.post_to_connection(ConnectionId=connection_id, Data=DATA)
            count += 1
        return count / (time.monotonic() - started)

    post_for(WARM_UP_S)
    return post_for(SECONDS)


def _request(management_url: str, connection_id: str) -> bytes:
    path = f"{urlsplit(management_url).path}/@connections/{quote(connection_id, safe='')}"
    return make_request(management_url, path, DATA)
