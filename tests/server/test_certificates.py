from __future__ import annotations

import asyncio
import logging
import re
import ssl
import stat
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from bellwire.errors import StartError
from bellwire.server.certificates import (
    LOOPBACK,
    development_context,
    production_context,
    serve_renewed,
    server_names,
    trusting_variables,
)


NOW = datetime.now(UTC)
SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")


def made(folder: Path, names: Iterable[str] = LOOPBACK, now: datetime = NOW) -> ssl.SSLContext:
    return development_context(folder, names, now=now)


def shown(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str:
    """Return the serial number of what `client` is shown and trusts for `name`; else SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    certificate = theirs.getpeercert()
    assert certificate is not None
    return str(certificate["serialNumber"])


def trust(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "ca.pem")


# Development


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_it_is_trusted_for_the_names_of_loopback(tmp_path: Path, name: str) -> None:
    assert shown(made(tmp_path), trust(tmp_path), name)


def test_it_is_trusted_for_no_other(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shown(made(tmp_path), trust(tmp_path), "example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shown(made(tmp_path), ssl.create_default_context(), "localhost")


def test_names_of_a_node() -> None:
    assert server_names("127.0.0.1", ["abc"], ["live.example.com"]) == {
        *LOOPBACK,
        "abc.localhost",
        "live.example.com",
    }
    assert server_names("192.168.1.5", [], []) == {*LOOPBACK, "192.168.1.5"}
    for everywhere in ("0.0.0.0", "::"):
        assert server_names(everywhere, [], []) == set(LOOPBACK)


def test_all_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "tls"
    serial = shown(made(folder), trust(folder), "localhost")
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert set(before) == {"ca-key.pem", "ca.pem", "server.pem"}
    assert shown(made(folder), trust(folder), "localhost") == serial
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_what_holds_a_key_is_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    folder.mkdir(mode=0o755)
    made(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("ca-key.pem", "server.pem"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert b"PRIVATE" not in (folder / "ca.pem").read_bytes()


def test_other_names_make_another_certificate_of_the_same_authority(tmp_path: Path) -> None:
    first = shown(made(tmp_path), trust(tmp_path), "localhost")
    client = trust(tmp_path)
    server = made(tmp_path, [*LOOPBACK, "live.example.com", "10.1.2.3"])
    assert shown(server, client, "live.example.com") != first
    assert shown(server, client, "10.1.2.3")


@pytest.mark.parametrize(("days", "is_new"), [(300, False), (366, True), (3000, True)])
def test_one_that_will_soon_be_too_old_is_made_anew(
    tmp_path: Path, days: int, is_new: bool
) -> None:
    made(tmp_path)
    before = (tmp_path / "server.pem").read_bytes()
    made(tmp_path, now=NOW + timedelta(days=days))
    assert ((tmp_path / "server.pem").read_bytes() != before) is is_new


def test_another_authority_makes_another_certificate(tmp_path: Path) -> None:
    made(tmp_path)
    old = trust(tmp_path)
    (tmp_path / "ca-key.pem").unlink()
    server = made(tmp_path)
    assert shown(server, trust(tmp_path), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(server, old, "localhost")


@pytest.mark.parametrize("heading", [b"", b"[]\n", b"{}\n", b'{"names": 1}\n', b"\xff\n"])
def test_a_certificate_that_does_not_say_what_it_is_for_is_made_anew(
    tmp_path: Path, heading: bytes
) -> None:
    made(tmp_path)
    (tmp_path / "server.pem").write_bytes(heading)
    assert shown(made(tmp_path), trust(tmp_path), "localhost")


def test_a_server_refuses_what_is_old(tmp_path: Path) -> None:
    server = made(tmp_path)
    assert server.minimum_version is ssl.TLSVersion.TLSv1_2
    assert server.options & ssl.OP_NO_RENEGOTIATION


# Development, broken


def refusal(folder: Path, names: Iterable[str] = LOOPBACK) -> tuple[str, str]:
    with pytest.raises(StartError) as raised:
        made(folder, names)
    return raised.value.message, str(raised.value.hint)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"broken",
        b"-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----\n",
    ],
)
def test_a_broken_authority_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca-key.pem").write_bytes(content)
    message, hint = refusal(tmp_path)
    assert message == (
        f"{tmp_path / 'ca-key.pem'} does not hold the key and the certificate of an authority"
    )
    assert hint.startswith("remove it: a new authority is made")


def test_an_authority_without_its_key_is_named(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "ca-key.pem").write_bytes((tmp_path / "ca.pem").read_bytes())
    made(tmp_path)  # it is needed for a new certificate only
    message, _ = refusal(tmp_path, ["other.localhost"])
    assert str(tmp_path / "ca-key.pem") in message


def test_a_broken_certificate_is_named(tmp_path: Path) -> None:
    made(tmp_path)
    file = tmp_path / "server.pem"
    file.write_bytes(file.read_bytes().partition(b"\n")[0] + b"\nbroken\n")
    assert refusal(tmp_path) == (
        f"{file} is no certificate with its key",
        "remove it: a new one is made at the next start",
    )


@pytest.mark.parametrize("name", ["ca-key.pem", "server.pem", "ca.pem"])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    made(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    message, hint = refusal(tmp_path)
    assert message == f"{tmp_path / name} cannot be read: Is a directory"
    assert "--data-dir" in hint


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    message, _ = refusal(tmp_path / "file" / "tls")
    assert message == f"{tmp_path / 'file' / 'tls'} cannot be written: Not a directory"


def test_a_name_that_no_certificate_can_have_is_told(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, ["a..b"])
    assert message.startswith("no certificate can be made for a..b: ")
    assert "hostNames" in hint


# What functions are given


def names_of(file: str) -> set[str]:
    """Return the organisations of the authorities in a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    texts = [str(each["subject"]) for each in context.get_ca_certs()]
    return {
        name for text in texts for name in re.findall(r"\(\('organizationName', '([^']*)'\)", text)
    }


@pytest.mark.skipif(not SYSTEM.exists(), reason="this machine keeps its authorities elsewhere")
def test_functions_trust_the_system_and_the_node(tmp_path: Path) -> None:
    server = made(tmp_path)
    variables = trusting_variables(tmp_path, {})
    assert variables == {
        "NODE_EXTRA_CA_CERTS": str(tmp_path / "ca.pem"),
        **dict.fromkeys(
            ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"),
            str(tmp_path / "trusted.pem"),
        ),
    }
    assert names_of(variables["SSL_CERT_FILE"]) >= {"Bellwire", "Amazon"}
    assert names_of(variables["NODE_EXTRA_CA_CERTS"]) == {"Bellwire"}
    client = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    assert shown(server, client, "localhost")


def test_what_the_user_named_is_added_to(tmp_path: Path) -> None:
    made(tmp_path / "tls")
    corporate = tmp_path / "corporate.pem"
    corporate.write_bytes(trustme.CA(organization_name="Corporate").cert_pem.bytes().rstrip())
    for name, changed in {
        "NODE_EXTRA_CA_CERTS": {"NODE_EXTRA_CA_CERTS"},
        "SSL_CERT_FILE": {"SSL_CERT_FILE", "CURL_CA_BUNDLE"},
        "CURL_CA_BUNDLE": {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"},
        "REQUESTS_CA_BUNDLE": {"REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"},
        "AWS_CA_BUNDLE": {"AWS_CA_BUNDLE"},
    }.items():
        variables = trusting_variables(tmp_path / "tls", {name: str(corporate)})
        for each in changed:
            assert names_of(variables[each]) == {"Corporate", "Bellwire"}, (name, each)
        for each in variables.keys() - changed:
            assert "Corporate" not in names_of(variables[each]), (name, each)


@pytest.mark.parametrize("named", [".", "not-there.pem"])
def test_what_cannot_be_added_to_is_left_alone(tmp_path: Path, named: str) -> None:
    made(tmp_path)
    environment = {"REQUESTS_CA_BUNDLE": str(tmp_path / named)}
    variables = trusting_variables(tmp_path, environment)
    assert variables.keys().isdisjoint({"REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"})
    assert "NODE_EXTRA_CA_CERTS" in variables


def test_what_the_system_no_longer_trusts_is_gone_at_the_next_start(tmp_path: Path) -> None:
    made(tmp_path)
    corporate = tmp_path / "corporate.pem"
    for name in ("First", "Second"):
        corporate.write_bytes(trustme.CA(organization_name=name).cert_pem.bytes())
        variables = trusting_variables(tmp_path, {"SSL_CERT_FILE": str(corporate)})
        assert names_of(variables["SSL_CERT_FILE"]) == {name, "Bellwire"}


# Production


class Outside:
    """An authority outside, and the files that its customer has."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.certificate, self.key = folder / "fullchain.pem", folder / "privkey.pem"
        self.client = ssl.create_default_context(cadata=self._authority.cert_pem.bytes().decode())

    def issue(self) -> None:
        leaf = self._authority.create_child_ca().issue_cert("ws.example.com")
        self.certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        self.key.write_bytes(leaf.private_key_pem.bytes())


def test_a_certificate_of_the_users_is_served_with_its_chain(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    outside.issue()
    assert shown(
        production_context(outside.certificate, outside.key), outside.client, "ws.example.com"
    )


def test_files_that_cannot_be_served_are_named(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    outside.issue()
    other = tmp_path / "other.pem"
    other.write_bytes(trustme.CA().issue_cert("a").private_key_pem.bytes())
    missing = tmp_path / "missing.pem"
    for certificate, key, sentence, hint in (
        (missing, other, f"{missing} cannot be read: No such file", "--tls-certificate"),
        (other, missing, f"{missing} cannot be read: No such file", "--tls-key"),
        (tmp_path, other, f"{tmp_path} cannot be read: Is a directory", "--tls-certificate"),
        (outside.certificate, other, "no certificate with its key: key values mismatch", "PEM"),
        (outside.certificate, outside.certificate, "no certificate with its key", "PEM"),
    ):
        with pytest.raises(StartError) as raised:
            production_context(certificate, key)
        assert sentence in raised.value.message
        assert hint in str(raised.value.hint)


def test_nobody_is_asked_for_the_password_of_a_key(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    outside = Outside(tmp_path)
    outside.issue()
    key = load_pem_private_key(outside.key.read_bytes(), None)
    outside.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    with pytest.raises(StartError, match="is encrypted") as raised:
        production_context(outside.certificate, outside.key)
    assert "openssl pkey" in str(raised.value.hint)


def test_renewed_files_are_served_without_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outside = Outside(tmp_path)
    outside.issue()
    server = production_context(outside.certificate, outside.key)

    def serial() -> str:
        return shown(server, outside.client, "ws.example.com")

    async def told(text: str) -> None:
        async with asyncio.timeout(5):
            while text not in caplog.text:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.01)

    async def main() -> None:
        files = (outside.certificate, outside.key)
        renewing = asyncio.create_task(serve_renewed(server, *files, every_s=0.02))
        await asyncio.sleep(0.05)
        first = serial()
        outside.key.write_bytes(b"half written")
        await told("the old certificate is served on")
        assert serial() == first
        outside.issue()
        await told("was read anew")
        assert serial() != first
        renewing.cancel()

    caplog.set_level(logging.INFO, "bellwire.tls")
    asyncio.run(main())
