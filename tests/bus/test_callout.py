"""What nats-server asks, and the signed answers; end to end in tests/end_to_end/test_devices.py."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bellwire.bus.callout import Callout, claims_of, public_key
from bellwire.bus.login import Grant, LoginRequest


ASKED = {
    "server_id": {"id": "NSERVER"},
    "user_nkey": "UUSER",
    "client_info": {"id": 7, "host": "192.0.2.7", "mqtt_id": "pump-7", "type": "mqtt"},
    "connect_opts": {"user": "pump", "pass": "s"},
}
GRANT = Grant("pump", ("a.>",), ("a.b",), ("c.*",), ())


class Wire:
    """The part of a NATS client that is used: what was published stays."""

    def __init__(self) -> None:
        self.take: Any = None
        self.answers: list[tuple[str, bytes]] = []
        self.answered = asyncio.Event()

    async def subscribe(self, subject: str, *, cb: Any) -> None:
        assert subject == "$SYS.REQ.USER.AUTH"
        self.take = cb

    async def flush(self) -> None: ...

    async def publish(self, subject: str, payload: bytes) -> None:
        self.answers.append((subject, payload))
        self.answered.set()


def answer_of(grant: Grant | Exception | None) -> tuple[dict[str, Any], LoginRequest, Callout]:
    seen: list[LoginRequest] = []

    async def decide(request: LoginRequest) -> Grant | None:
        seen.append(request)
        if isinstance(grant, Exception):
            raise grant
        return grant

    async def ask() -> tuple[dict[str, Any], LoginRequest, Callout]:
        wire = Wire()
        callout = Callout(decide, account="BELLWIRE")
        await callout.serve(wire)  # type: ignore[arg-type]  # what is used of it
        body = urlsafe_b64encode(orjson.dumps({"nats": ASKED})).rstrip(b"=")
        await wire.take(SimpleNamespace(data=b"x." + body + b".y", reply="_INBOX.1"))
        await asyncio.wait_for(wire.answered.wait(), 5)
        [(subject, token)] = wire.answers
        assert subject == "_INBOX.1"
        return claims_of(token), seen[0], callout

    return asyncio.run(ask())


def test_a_public_key_as_nats_writes_it() -> None:
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    text = public_key(key)
    assert text.startswith("A")
    assert len(text) == 56
    assert text == public_key(key)


def test_a_login_that_is_granted() -> None:
    claims, request, callout = answer_of(GRANT)
    assert request == LoginRequest("pump-7", "pump", "s", "192.0.2.7")
    assert (claims["iss"], claims["sub"], claims["aud"]) == (callout.issuer, "UUSER", "NSERVER")
    user = claims_of(claims["nats"]["jwt"].encode())
    assert (user["sub"], user["aud"], user["name"]) == ("UUSER", "BELLWIRE", "pump")
    assert user["nats"]["pub"] == {"allow": ["a.>"], "deny": ["a.b"]}
    assert user["nats"]["sub"] == {"allow": ["c.*"], "deny": []}
    assert user["nats"]["allowed_connection_types"] == ["MQTT"]


def test_nothing_allowed_is_everything_denied() -> None:
    claims, _, _ = answer_of(GRANT._replace(publish=()))
    user = claims_of(claims["nats"]["jwt"].encode())
    assert user["nats"]["pub"] == {"allow": [], "deny": [">"]}


@pytest.mark.parametrize("outcome", [None, ValueError("a bug")])
def test_a_login_that_is_refused_and_one_that_ends_in_a_bug(outcome: Exception | None) -> None:
    claims, _, _ = answer_of(outcome)
    assert claims["nats"]["error"] == "refused"
    assert "jwt" not in claims["nats"]


def test_claims_are_read_whatever_their_padding() -> None:
    for length in range(1, 5):
        body = urlsafe_b64encode(orjson.dumps({"a": "x" * length})).rstrip(b"=")
        assert urlsafe_b64decode(body + b"=" * (-len(body) % 4))
        assert claims_of(b"h." + body + b".s") == {"a": "x" * length}
