"""Who may log in: secrets compared, policies looked up, and the answer for the broker."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from hashlib import scrypt

from bellwire.bus.embedded import ANNOUNCED, UNHEARD, UNWRITTEN
from bellwire.bus.login import Grant, LoginRequest
from bellwire.bus.subjects import subject_of
from bellwire.definition.access import DeviceLogin, Devices
from bellwire.errors import BadRequestError
from bellwire.iot.policies import Identity, permissions_of


log = logging.getLogger("bellwire.devices")

_OWN_CLIENT_IDS = "bellwire-"
_FOR_MQTT = ("$MQTT.sub.>", "$MQTT.deliver.>")
"""What nats-server subscribes to in the name of a device."""
_TOO_DEEP = ".".join(["*"] * 11 + [">"])
"""Topics that no policy of AWS can be about: more than eight levels behind those of Basic Ingest
[docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]."""
_CLIENT_ID_BYTES = 128
"""[docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]"""
_SHOWN = 128
_HASH = "scrypt"
_COST = 2**14
_CHECKS = 50
"""Hashes that may wait to be computed, at about 50 ms each: a device tries again. Ours."""
_SALT_BYTES = 16


class Logins:
    """Decides who may connect; says in the log why somebody may not, but not a thousand times."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._pepper = secrets.token_bytes(32)
        self._users = _by_name(devices.logins, "user")
        self._tokens = {
            self._digest(each.secret): each for each in devices.logins if each.kind == "token"
        }
        self._known: dict[str, bytes] = {}
        self._hashing = asyncio.Lock()
        self._checks = 0
        self._refused = 0

    async def decide(self, request: LoginRequest) -> Grant | None:
        """Return what a client may do; None where it may not connect."""
        try:
            return await self._grant(request)
        except BadRequestError as error:
            self._note_refusal(request, error.message)
            return None

    async def _grant(self, request: LoginRequest) -> Grant:
        if len(request.client_id.encode()) > _CLIENT_ID_BYTES:
            raise BadRequestError(f"its client id has more than {_CLIENT_ID_BYTES} bytes")
        if request.client_id.startswith(_OWN_CLIENT_IDS):
            raise BadRequestError("its client id is one of the node's")
        login = await self._login(request)
        identity = Identity(
            device=login.name,
            client_id=request.client_id,
            things=login.things,
            source_ip=request.host,
        )
        allowed = permissions_of(
            (self._devices.policies[name] for name in login.policies), identity
        )
        return Grant(
            name=login.name,
            publish=_subjects(allowed.publish),
            publish_denied=(*UNWRITTEN, ANNOUNCED, _TOO_DEEP, *_subjects(allowed.publish_denied)),
            subscribe=(*_FOR_MQTT, *_subjects(allowed.subscribe)),
            subscribe_denied=(*UNHEARD, *_subjects(allowed.subscribe_denied)),
        )

    async def _login(self, request: LoginRequest) -> DeviceLogin:
        token = self._tokens.get(self._digest(request.password or request.user))
        if token is not None:
            return token
        user = self._users.get(request.user)
        if user is None or not await self._is_password(user, request.password):
            raise BadRequestError("unknown user, or wrong password or token")
        return user

    async def _is_password(self, user: DeviceLogin, password: str) -> bool:
        digest = self._digest(password)
        if not user.secret.startswith(f"{_HASH}$"):
            return hmac.compare_digest(digest, self._digest(user.secret))
        known = self._known.get(user.name)
        if known is not None and hmac.compare_digest(digest, known):
            return True
        if self._checks >= _CHECKS:
            raise BadRequestError("too many passwords are being looked at")
        self._checks += 1
        async with self._hashing:  # a core at most, whoever tries how many passwords
            is_right = await asyncio.to_thread(is_hash_of, user.secret, password)
        self._checks -= 1
        if is_right:
            self._known[user.name] = digest
        return is_right

    def _digest(self, secret: str) -> bytes:
        return hmac.digest(self._pepper, secret.encode(), "sha256")

    def _note_refusal(self, request: LoginRequest, reason: str) -> None:
        self._refused += 1
        if self._refused & (self._refused - 1) == 0:  # 1, 2, 4 …: a flood must not flood the log
            log.warning(
                "%d logins refused so far, the last of client %r, user %r, from %s: %s",
                self._refused,
                request.client_id[:_SHOWN],
                request.user[:_SHOWN] if request.user in self._users else "(unknown)",
                request.host,
                reason,
            )


def password_hash(password: str) -> str:
    """Return what stands in serverless.yml for a password that shall not be read there."""
    salt = secrets.token_bytes(_SALT_BYTES)
    key = scrypt(password.encode(), salt=salt, n=_COST, r=8, p=1, dklen=32)
    return f"{_HASH}${b64encode(salt).decode()}${b64encode(key).decode()}"


def is_hash_of(written: str, password: str) -> bool:
    """Tell if a hash of `password_hash` is that of a password."""
    try:
        _, salt, key = (part.encode() for part in written.split("$"))
        wanted = b64decode(key, validate=True)
        found = scrypt(password.encode(), salt=b64decode(salt), n=_COST, r=8, p=1, dklen=32)
    except (ValueError, Base64Error):
        return False
    return hmac.compare_digest(wanted, found)


def _by_name(logins: Iterable[DeviceLogin], kind: str) -> dict[str, DeviceLogin]:
    return {login.name: login for login in logins if login.kind == kind}


def _subjects(filters: Iterable[str]) -> tuple[str, ...]:
    return tuple(subject_of(each) for each in filters)
