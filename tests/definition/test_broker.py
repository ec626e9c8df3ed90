from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition import load_service
from bellwire.definition.broker import broker_at, broker_of_run
from bellwire.definition.model import Broker
from bellwire.errors import DefinitionError


AWS = "a1b2-ats.iot.eu-west-1.amazonaws.com"
HEAD = "service: home\nprovider: {name: aws, runtime: python3.12, stage: test}\n"
Read = Callable[[str], Broker]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read the settings of a broker in a folder that holds the files of its certificates."""
    for name in ("ca.pem", "node.pem", "node.key"):
        (tmp_path / name).write_text("")

    def read(settings: str) -> Broker:
        text = f"{HEAD}custom: {{bellwire: {{broker: {settings}}}}}\n"
        (tmp_path / "serverless.yml").write_text(text)
        broker = load_service(tmp_path, env={"SECRET": "s3cret"}).broker
        assert broker is not None
        return broker

    return read


@pytest.mark.parametrize(
    ("url", "shown", "username"),
    [
        ("mqtt://host", "mqtt://host:1883", None),
        ("mqtts://host", "mqtts://host:8883", None),
        ("mqtts://ann%40x@host:443/", "mqtts://host:443", "ann@x"),
        ("mqtt://[::1]:2883", "mqtt://[::1]:2883", None),
    ],
)
def test_an_address_is_read(url: str, shown: str, username: str | None) -> None:
    broker = broker_at(url, client_id="c")
    assert (broker.url, broker.username) == (shown, username)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("host:1883", "is no address of one"),
        ("http://host", "is no address of one"),
        ("mqtt://", "is no address of one"),
        ("mqtt://host:0", "is no address of one"),
        ("mqtt://host/topic", "is no address of one"),
        ("mqtt://host:many", "is no address"),
        ("wss://host", "MQTT over WebSocket is not built"),
        ("mqtt://ann:s3cret@host", "has a password in its address"),
    ],
)
def test_what_is_no_address_is_refused_without_its_secret(url: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as caught:
        broker_at(url, client_id="c")
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


def test_settings_are_read_and_the_secret_is_not_shown(read: Read, tmp_path: Path) -> None:
    broker = read(
        "{url: mqtts://host, username: ann, password: '${env:SECRET}', ca: ca.pem,"
        " certificate: node.pem, key: node.key}"
    )
    assert broker.client_id == "bellwire-home-test"
    assert broker.password == "s3cret"
    assert broker.ca == tmp_path / "ca.pem"
    assert (broker.certificate, broker.key) == (tmp_path / "node.pem", tmp_path / "node.key")
    assert broker.shadows
    assert "s3cret" not in repr(broker)
    assert read("{url: mqtt://host, clientId: mine, shadows: false}").client_id == "mine"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{username: ann}", "`custom.bellwire.broker.url` is missing"),
        ("{url: mqtts://host, certificate: node.pem}", "is given without `key`"),
        ("{url: mqtts://host, key: node.key}", "is given without `certificate`"),
        ("{url: mqtts://host, ca: none.pem}", "there is no file `none.pem`"),
        ("{url: mqtt://host, ca: ca.pem}", "is of no use with mqtt://host:1883"),
        ("{url: mqtt://host, port: 1}", "unknown key `custom.bellwire.broker.port`"),
        ("{url: 'mqtt://a:b@host'}", "has a password in its address"),
    ],
)
def test_wrong_settings_are_refused_at_their_place(read: Read, settings: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as caught:
        read(settings)
    assert caught.value.place is not None


@pytest.mark.parametrize(
    ("password", "url", "said"),
    [
        ("written", "mqtts://host", "stands in the file itself"),
        ("${env:SECRET}", "mqtt://host", "goes over the network unencrypted"),
        ("${env:SECRET}", "mqtt://127.0.0.1", None),
    ],
)
def test_a_password_that_others_may_see_is_told(
    read: Read, tmp_path: Path, password: str, url: str, said: str | None
) -> None:
    read(f"{{url: '{url}', username: ann, password: '{password}'}}")
    findings = [str(each) for each in load_service(tmp_path, env={"SECRET": "x"}).findings]
    told = [each for each in findings if "password" in each]
    assert len(told) == (said is not None)
    assert said is None or said in told[0]


def test_the_command_line_names_another_address_for_the_same_login() -> None:
    given = Broker("a", 1883, tls=False, client_id="mine", username="ann", password="p")
    broker = broker_of_run("mqtts://b", given, client_id="other", environment={})
    assert broker == Broker("b", 8883, tls=True, client_id="mine", username="ann", password="p")
    assert broker_of_run(None, given, client_id="other", environment={}) == given
    assert broker_of_run(None, None, client_id="other", environment={}) is None


def test_a_password_may_come_from_the_environment_alone() -> None:
    environment = {"BELLWIRE_BROKER_PASSWORD": "p"}
    named = broker_of_run("mqtt://ann@b", None, client_id="c", environment=environment)
    assert named == Broker("b", 1883, tls=False, client_id="c", username="ann", password="p")
    nobody = broker_of_run("mqtt://b", None, client_id="c", environment=environment)
    assert nobody is not None
    assert nobody.password is None


def test_aws_serves_shadows_itself_and_is_told_from_https_by_alpn() -> None:
    broker = broker_at(f"mqtts://{AWS}:443", client_id="c")
    assert broker.is_aws
    assert not broker.shadows
    assert broker.alpn == "mqtt"
    mutual = Broker(AWS, 443, tls=True, client_id="c", certificate=Path("c"), key=Path("k"))
    assert mutual.alpn == "x-amzn-mqtt-ca"
    assert broker_at(f"mqtts://{AWS}", client_id="c").alpn is None
    assert not broker_at("mqtts://iot.example.com:443", client_id="c").is_aws
