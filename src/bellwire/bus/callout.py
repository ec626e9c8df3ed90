"""Logins of devices: nats-server asks who connects, and is told what that one may do.

For each MQTT CONNECT the server publishes a request on a subject of its system account, and waits
for an answer that is signed with the key whose public half is in its configuration
[docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_callout]. Requests and answers
are NATS's form of JSON Web Tokens: Ed25519, keys in base32 with a letter in front.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import crc_hqx
from collections.abc import Awaitable, Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from bellwire.bus.login import Grant, LoginRequest


log = logging.getLogger("bellwire.bus")

AUTH_SUBJECT = "$SYS.REQ.USER.AUTH"
_ACCOUNT_PREFIX = b"\x00"
"""The byte that becomes the letter A of an account's key."""
_HEADER = '{"typ":"JWT","alg":"ed25519-nkey"}'


Decide = Callable[[LoginRequest], Awaitable[Grant | None]]
"""Answers a request; None refuses it."""


class Callout:
    """Answers nats-server's requests with what `decide` says, signed with a key of this start."""

    def __init__(self, decide: Decide, *, account: str) -> None:
        self._decide = decide
        self._account = account
        self._key = Ed25519PrivateKey.generate()
        self.issuer = public_key(self._key)
        """The public key, for the server's configuration."""
        self._answers: set[asyncio.Task[None]] = set()

    async def serve(self, client: Client) -> None:
        """Answer from now on; `client` is of the system account."""

        async def take(message: Msg) -> None:
            task = asyncio.create_task(self._answer(client, message))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

        await client.subscribe(AUTH_SUBJECT, cb=take)
        await client.flush()

    async def _answer(self, client: Client, message: Msg) -> None:
        asked = claims_of(message.data)["nats"]
        try:
            grant = await self._decide(_request(asked))
        except Exception:
            log.exception("a login ended in a bug: it is refused")
            grant = None
        try:
            await client.publish(message.reply, self._reply(asked, grant))
        except NatsError as error:
            log.warning("a login could not be answered, the device will try again: %s", error)

    def _reply(self, asked: dict[str, Any], grant: Grant | None) -> bytes:
        answer = {"type": "authorization_response", "version": 2}
        if grant is None:
            answer["error"] = "refused"
        else:
            answer["jwt"] = self._sign(
                {
                    "sub": asked["user_nkey"],
                    "aud": self._account,
                    "name": grant.name,
                    "nats": _user_claims(grant),
                }
            )
        claims = {"sub": asked["user_nkey"], "aud": asked["server_id"]["id"], "nats": answer}
        return self._sign(claims).encode()

    def _sign(self, claims: dict[str, Any]) -> str:
        whole = {"iss": self.issuer, "iat": int(time.time()), **claims}
        text = f"{_encoded(_HEADER.encode())}.{_encoded(json.dumps(whole).encode())}"
        return f"{text}.{_encoded(self._key.sign(text.encode()))}"


def claims_of(token: bytes) -> dict[str, Any]:
    """Return the claims of a token of nats-server, which is trusted: only it may publish there."""
    body = token.split(b".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
    return claims


def public_key(key: Ed25519PrivateKey) -> str:
    """Return the public half of an account's key as NATS writes it."""
    raw = _ACCOUNT_PREFIX + key.public_key().public_bytes_raw()
    return b32encode(raw + crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")


def _request(asked: dict[str, Any]) -> LoginRequest:
    client, options = asked["client_info"], asked["connect_opts"]
    return LoginRequest(
        client_id=client.get("mqtt_id", ""),
        user=options.get("user", ""),
        password=options.get("pass", ""),
        host=client.get("host", ""),
    )


def _user_claims(grant: Grant) -> dict[str, Any]:
    return {
        "pub": _permission(grant.publish, grant.publish_denied),
        "sub": _permission(grant.subscribe, grant.subscribe_denied),
        "subs": -1,
        "data": -1,
        "payload": -1,
        "allowed_connection_types": ["MQTT"],
        "type": "user",
        "version": 2,
    }


def _permission(allowed: tuple[str, ...], denied: tuple[str, ...]) -> dict[str, list[str]]:
    # An empty list of what is allowed would allow everything.
    return {"allow": list(allowed), "deny": list(denied) if allowed else [">"]}


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
