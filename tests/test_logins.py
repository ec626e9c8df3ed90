"""Who may log in: secrets, certificates, and what the log says."""

from __future__ import annotations

import asyncio
import logging

import pytest

from bellwire.bus.login import Grant, LoginRequest
from bellwire.definition.access import DeviceLogin, Devices, Policy, Resource, Statement
from bellwire.errors import Place
from bellwire.logins import Logins, is_hash_of, password_hash


PLACE = Place("serverless.yml", 1, 1)
POLICY = Policy(
    "default",
    (
        Statement(True, frozenset(["Connect"]), (Resource("client", "${device}", PLACE),)),
        Statement(True, frozenset(["Publish"]), (Resource("filter", "d/${device}/#", PLACE),)),
    ),
    PLACE,
)


def login(name: str, kind: str, secret: str = "") -> DeviceLogin:
    return DeviceLogin(name, kind, ("default",), (name,), secret)  # type: ignore[arg-type]  # one of the kinds


def logins(*entries: DeviceLogin) -> Logins:
    return Logins(Devices(entries, {"default": POLICY}))


def asked(client_id: str, user: str = "", password: str = "") -> LoginRequest:
    return LoginRequest(client_id, user, password, "192.0.2.7")


def decide(who: Logins, request: LoginRequest) -> Grant | None:
    return asyncio.run(who.decide(request))


def test_a_grant_holds_what_the_device_may_and_never_what_is_the_nodes() -> None:
    grant = decide(logins(login("a.b", "user", "s")), asked("a.b", "a.b", "s"))
    assert grant is not None
    assert grant.name == "a.b"
    assert grant.publish == ("d.a//b.>", "d.a//b")
    assert {"$JS.>", "$SYS.>", "$KV.>", "bellwire.>", "$aws.events.>"} <= set(grant.publish_denied)
    assert {"$JS.>", "$SYS.>", "$KV.>", "bellwire.>"} <= set(grant.subscribe_denied)
    assert set(grant.subscribe) == {"$MQTT.sub.>", "$MQTT.deliver.>"}


@pytest.mark.parametrize("stored", ["right", password_hash("right")], ids=["plain", "hash"])
def test_passwords(stored: str) -> None:
    who = logins(login("a", "user", stored))
    for _ in range(2):
        assert decide(who, asked("a", "a", "right")) is not None
        assert decide(who, asked("a", "a", "wrong")) is None
        assert decide(who, asked("a", "a", stored + "x")) is None
        assert decide(who, asked("a", "b", "right")) is None
        assert decide(who, asked("a")) is None


def test_a_hash_is_no_password() -> None:
    stored = password_hash("right")
    assert decide(logins(login("a", "user", stored)), asked("a", "a", stored)) is None
    assert stored != password_hash("right")
    assert not is_hash_of("scrypt$x$y", "right")


def test_a_token_is_a_password_of_whomever_or_a_user() -> None:
    who = logins(login("a", "token", "the-token"))
    assert decide(who, asked("a", "whoever", "the-token")) is not None
    assert decide(who, asked("a", "the-token")) is not None
    assert decide(who, asked("a", "whoever", "")) is None


@pytest.mark.parametrize("client_id", ["bellwire-1", "x" * 129])
def test_client_ids_that_no_device_may_have(client_id: str) -> None:
    assert decide(logins(login("a", "user", "s")), asked(client_id, "a", "s")) is None


def test_a_flood_of_refusals_is_a_handful_of_lines_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    who = logins(login("a", "user", "s3cret"))
    with caplog.at_level(logging.WARNING):
        for number in range(1000):
            decide(who, asked("x\n" * 500, f"my-password-{number}", "gu3ss"))
    assert len(caplog.records) == 10
    assert max(len(record.getMessage()) for record in caplog.records) < 500
    assert all("\n" not in record.getMessage() for record in caplog.records)
    assert "gu3ss" not in caplog.text
    assert "my-password" not in caplog.text
    assert "s3cret" not in caplog.text
