"""Logins, certificates and refusals, by a real mosquitto and a real nats-server (MQTT 3.1.1)."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from bellwire.bus.embedded import find_binary, free_port
from bellwire.bus.mqtt_connection import MqttConnection, Received
from bellwire.bus.outside import OutsideBroker
from bellwire.definition.model import Broker
from bellwire.errors import BusError
from bellwire.limits import Limits


if TYPE_CHECKING:
    from tests.bus.conftest import StartBroker
    from tests.conftest import Mosquitto

StartMosquitto = Callable[..., "Mosquitto"]
LIMITS = Limits(broker_timeout_s=2.0)


def nothing(received: Received) -> None:
    """Nobody listens."""


async def refusal(broker: Broker) -> BusError:
    """Return what a login ends with."""
    connection = MqttConnection(
        broker, is_new=True, on_message=nothing, limits=LIMITS, packet_bytes=100_000
    )
    with pytest.raises(BusError) as caught:
        await connection.open()
    connection.close()
    return caught.value


class Authority:
    """An authority, and files of certificates that it has issued."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.pem = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.pem)

    def issue(self, name: str, host: str = "127.0.0.1", *, expired: bool = False) -> Path:
        """Write NAME.pem and NAME.key."""
        until = datetime.now(UTC) - timedelta(days=1) if expired else None
        issued = self._authority.issue_cert(host, not_after=until)
        issued.private_key_pem.write_to_path(self._folder / f"{name}.key")
        path = self._folder / f"{name}.pem"
        path.write_bytes(issued.cert_chain_pems[0].bytes())
        return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def start_tls(start_mosquitto: StartMosquitto, authority: Authority) -> Callable[..., Mosquitto]:
    def start(certificate: Path) -> Mosquitto:
        return start_mosquitto(
            f"cafile {authority.pem}\ncertfile {certificate}\n"
            f"keyfile {certificate.with_suffix('.key')}\nrequire_certificate true\n"
            "allow_anonymous true\n"
        )

    return start


def tls_broker(port: int, **more: Any) -> Broker:
    return Broker("127.0.0.1", port, tls=True, client_id="c", **more)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_certificates_that_do_not_fit_are_told_with_their_remedy(
    start_tls: Callable[..., Mosquitto], authority: Authority, tmp_path: Path
) -> None:
    port = start_tls(authority.issue("broker")).port
    stranger = Authority(tmp_path)
    expired = authority.issue("expired", "node", expired=True)
    foreign = stranger.issue("foreign", "node")

    async def main() -> None:
        unknown = await refusal(tls_broker(port))
        assert "its certificate is not trusted" in unknown.message
        assert unknown.hint == "name the PEM file of its authority: custom.bellwire.broker.ca"
        missing = await refusal(tls_broker(port, ca=authority.pem))
        assert "it wants a certificate of this node" in missing.message
        for path, said in ((expired, "has expired"), (foreign, "authority of this node's")):
            key = path.with_suffix(".key")
            refused = await refusal(tls_broker(port, ca=authority.pem, certificate=path, key=key))
            assert said in refused.message
        unfit = await refusal(
            tls_broker(port, ca=authority.pem, certificate=expired, key=authority.pem)
        )
        assert "cannot be used" in unfit.message
        for error in (unknown, missing, unfit):
            assert not error.retryable

    asyncio.run(main())


# paho leaves a socket whose handshake has failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("host", "is_expired", "said"),
    [("127.0.0.1", True, "expired"), ("other.example", False, "mismatch|match")],
)
def test_a_broker_with_a_wrong_certificate_is_not_trusted(
    start_tls: Callable[..., Mosquitto],
    authority: Authority,
    host: str,
    is_expired: bool,
    said: str,
) -> None:
    certificate = authority.issue(f"wrong-{is_expired}", host, expired=is_expired)
    broker = start_tls(certificate)
    error = asyncio.run(refusal(tls_broker(broker.port, ca=authority.pem)))
    assert "its certificate is not trusted" in error.message
    assert any(word in error.message for word in said.split("|"))
    assert not error.retryable


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_no_broker_is_told(start_mosquitto: StartMosquitto) -> None:
    plain = start_mosquitto().port
    with socket.create_server(("127.0.0.1", 0)) as silent:
        quiet = silent.getsockname()[1]

        async def main() -> None:
            no_tls = await refusal(tls_broker(plain))
            assert "does it speak TLS on this port?" in str(no_tls.hint)
            mute = await refusal(Broker("127.0.0.1", quiet, tls=False, client_id="c"))
            assert (
                mute.message == f"the MQTT broker mqtt://127.0.0.1:{quiet} did not answer "
                "within 2 s"
            )
            nobody = await refusal(
                Broker("127.0.0.1", free_port("127.0.0.1"), tls=False, client_id="c")
            )
            assert "nothing listens there" in nobody.message
            nameless = await refusal(Broker("no-such-host.invalid", 1883, tls=False, client_id="c"))
            assert "its name has no address" in nameless.message
            for error in (mute, nobody, nameless):
                assert error.retryable

        asyncio.run(main())


# MQTT 3.1.1: nats-server speaks nothing newer, and refuses subscriptions


@pytest.fixture
def old_broker(tmp_path: Path) -> Iterator[int]:
    """Start a broker of MQTT 3.1.1 that lets nobody subscribe to `secret/#`; return its port."""
    nats, port = free_port("127.0.0.1"), free_port("127.0.0.1")
    configuration = tmp_path / "old.conf"
    configuration.write_text(
        f'server_name: old\nlisten: "127.0.0.1:{nats}"\njetstream {{store_dir: "{tmp_path}/old"}}\n'
        f'mqtt {{listen: "127.0.0.1:{port}"}}\n'
        "accounts { A { jetstream: enabled, users: [{user: u, password: p, permissions: {\n"
        '  publish: {allow: [">"]}, subscribe: {deny: ["secret.>"]} }}] } }\nno_auth_user: u\n'
    )
    server = subprocess.Popen(
        [find_binary(None), "-c", str(configuration)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield port
    finally:
        server.kill()
        server.wait()


def test_a_broker_of_mqtt_3_1_1_serves_too_and_a_refused_filter_is_told(
    start_broker: StartBroker,
    make_inbox: Callable[..., Any],
    old_broker: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        broker = Broker("127.0.0.1", old_broker, tls=False, client_id="node")
        async with start_broker() as nats, nats.bus() as bus:
            outside = OutsideBroker(bus, broker, limits=LIMITS)
            inbox = make_inbox()
            try:
                await outside.open()
                await bus.listen([inbox.source("rule", "a/+")])
                await outside.follow({"a/+": "rule one", "secret/#": "rule two"})
                figures = outside.statistics()
                assert figures.protocol == "MQTT 3.1.1"
                assert figures.refused == ("secret/#",)
                await outside.publish("a/1", b"0", 0)
                await outside.publish("a/1", b"1", 1)
                await inbox.wait_for(b"0", b"1")
                await outside.follow({"b/+": "rule one"})
                await outside.publish("a/1", b"2", 1)
                await outside.publish("b/1", b"3", 1)
                assert outside.statistics().subscriptions == 1
            finally:
                await outside.close()

    asyncio.run(main())
    said = " ".join(record.getMessage() for record in caplog.records)
    assert f"mqtt://127.0.0.1:{old_broker} speaks no MQTT 5: using 3.1.1" in said
    assert "refused the subscription to secret/#" in said
    assert "rule two gets nothing" in said
