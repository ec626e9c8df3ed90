"""nats-server's messages about its clients, as it sends them."""

from __future__ import annotations

import json
from typing import Any

from bellwire.bus.advisories import Advisory, advisory_of


CLIENT = {
    "start": "2026-11-24T19:46:02.119742609Z",
    "host": "127.0.0.1",
    "id": 42,
    "acc": "BELLWIRE",
    "user": "pump",
    "kind": "Client",
    "client_type": "mqtt",
    "client_id": "pump-7",
}


def advisory(client: dict[str, Any], **more: Any) -> Advisory | None:
    document = {"server": {"id": "NSERVER"}, "client": client, **more}
    return advisory_of(json.dumps(document).encode())


def test_one_connection_has_one_session() -> None:
    came = advisory(CLIENT)
    went = advisory({**CLIENT, "stop": "2026-11-24T19:46:03.225020829Z"}, reason="Client Closed")
    assert came is not None
    assert went is not None
    assert came == Advisory("pump-7", came.session_id, "pump", "127.0.0.1", 1795549562119, None)
    assert went == (*came[:4], 1795549563225, "Client Closed")
    another = advisory({**CLIENT, "id": 43})
    assert another is not None
    assert another.session_id != came.session_id


def test_what_is_no_mqtt_client_is_passed_over() -> None:
    assert advisory({**CLIENT, "client_type": "nats"}) is None
    assert advisory({key: value for key, value in CLIENT.items() if key != "client_id"}) is None
