"""The certificates that TLS clients are shown, and the files that have functions trust them.

For development the node is an authority of its own. In its folder:

  ca-key.pem     the authority's key and certificate: made once and kept, to be trusted once
  ca.pem         its certificate alone: what a browser or another client is to trust
  server.pem     key and certificate of the node, for the names it has; made anew when they change
  trusted*.pem   the authorities that this machine trusts, and ours: for functions

In production the user names a certificate and its key, and none of this is made.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import NoReturn

from bellwire.definition.model import Service
from bellwire.errors import StartError
from bellwire.functions.variables import CA_BUNDLES, NODE_CA
from bellwire.settings import Settings


log = logging.getLogger("bellwire.tls")

LOOPBACK = ("localhost", "*.localhost", "127.0.0.1", "::1")
"""The names of every node. Many clients take no `*.localhost`: name those of the APIs besides."""

_VALID = timedelta(days=730)
"""Apple's systems take no more than 825 days [https://support.apple.com/en-us/103769]."""
_LEFT = timedelta(days=365)
"""How long a certificate must be valid yet at a start: as long may the node run."""
_LOOK_S = 60.0
_SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Red Hat, SUSE, and Alpine and macOS keep what they trust."""
_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----\s.+?\s-----END CERTIFICATE-----\n?", re.DOTALL
)


def open_certificates(
    settings: Settings, service: Service, environment: Mapping[str, str], *, now: datetime
) -> tuple[ssl.SSLContext, Mapping[str, str]]:
    """Return what TLS is served by, and variables that have functions trust it.

    The latter add to what is trusted in `environment`; there are none for a certificate of the
    user's, which is trusted already or is for the user to have trusted. Raises StartError.
    """
    if settings.certificate is not None:
        return production_context(*settings.certificate), {}
    folder = settings.data_dir / "tls"
    api_ids = (api.api_id for api in service.apis)
    names = server_names(settings.host, api_ids, service.host_names)
    return development_context(folder, names, now=now), trusting_variables(folder, environment)


def server_names(host: str, api_ids: Iterable[str], host_names: Iterable[str]) -> set[str]:
    """Return the names that a node on `host` has a certificate for."""
    own = () if host in ("0.0.0.0", "::") else (host,)
    return {*LOOPBACK, *own, *(f"{api_id}.localhost" for api_id in api_ids), *host_names}


def production_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what serves a certificate of the user's, with its chain, and its key; both PEM.

    Raises StartError where they cannot be used.
    """
    for file, option in ((certificate, "--tls-certificate"), (key, "--tls-key")):
        try:
            file.read_bytes()
        except OSError as error:
            raise StartError(
                f"{file} cannot be read: {error.strerror}",
                hint=f"name a PEM file that this user may read with {option}",
            ) from None
    context = _context()
    try:
        context.load_cert_chain(certificate, key, password=lambda: _refuse_to_ask(key))
    except ssl.SSLError as error:
        reason = (error.reason or "no PEM").lower().replace("_", " ")
        raise StartError(
            f"{certificate} and {key} are no certificate with its key: {reason}",
            hint="name the PEM file of the certificate and its chain with --tls-certificate, "
            "that of its private key with --tls-key",
        ) from None
    return context


async def serve_renewed(
    context: ssl.SSLContext, certificate: Path, key: Path, *, every_s: float = _LOOK_S
) -> None:
    """Have `context` serve what the user's files hold whenever they change, until cancelled.

    New connections see it. What cannot be used is told in the log, and the old one served on.
    """
    seen = _versions(certificate, key)
    while True:
        await asyncio.sleep(every_s)
        versions = _versions(certificate, key)
        if versions == seen:
            continue
        seen = versions
        try:
            production_context(certificate, key)  # a pair that does not fit must not be half taken
            context.load_cert_chain(certificate, key)
        except (StartError, OSError) as error:
            log.warning("%s; the old certificate is served on", error)
        else:
            log.info("the certificate of %s was read anew", certificate)


def development_context(folder: Path, names: Iterable[str], *, now: datetime) -> ssl.SSLContext:
    """Return what serves a certificate for `names`, of the authority in `folder`.

    Both are made where they are not there, the certificate also where it is for other names or too
    old at `now`. Raises StartError where the folder cannot be written or holds something broken.
    """
    own, certificate = folder / "ca-key.pem", folder / "server.pem"
    _make_folder(folder)
    if not own.exists():
        _write(own, _new_authority())
    authority = _authority_certificate(own)
    _write_if_new(folder / "ca.pem", authority)
    names = sorted(set(names))
    if not _is_current(certificate, names, authority, now):
        _write(certificate, _issue(own, names, authority, now))
    context = _context()
    try:
        context.load_cert_chain(certificate)
    except ssl.SSLError:
        raise StartError(
            f"{certificate} is no certificate with its key",
            hint="remove it: a new one is made at the next start",
        ) from None
    return context


def trusting_variables(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables that name files with the authority in `folder`, and those trusted so far.

    That is what `environment` names for a variable, else what the system trusts; the files are
    written anew, so that they do not grow old. A variable is left out where there is nothing to add
    to: a folder, a file that cannot be read, a machine without authorities of its own.
    """
    folder = folder.absolute()
    authority = folder / "ca.pem"
    system = next((file for file in map(Path, _SYSTEM_FILES) if file.is_file()), None)
    variables = {}
    for name, others in CA_BUNDLES.items():
        named = next((each for each in (name, *others) if environment.get(each)), None)
        source = system if named is None else Path(environment[named])
        if name == NODE_CA and named is None:
            variables[name] = str(authority)  # Node.js adds it to its own
        elif source is not None:
            suffix = "" if named is None else f"-{named.lower()}"
            target = folder / f"trusted{suffix}.pem"
            if _join(source, authority, target):
                variables[name] = str(target)
    return variables


def _versions(*files: Path) -> list[tuple[int, int] | None]:
    """Return what changes when a file does; None for one that is not there at the moment."""
    versions: list[tuple[int, int] | None] = []
    for file in files:
        try:
            found = file.stat()
        except OSError:
            versions.append(None)
        else:
            versions.append((found.st_mtime_ns, found.st_ino))
    return versions


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _refuse_to_ask(key: Path) -> NoReturn:
    raise StartError(
        f"the key {key} is encrypted, and nobody is asked for a password here",
        hint="decrypt it: openssl pkey -in KEY -out FILE",
    )


def _new_authority() -> bytes:
    from trustme import CA  # 0.1 s, and seldom needed

    authority = CA(
        path_length=0,
        organization_name="Bellwire",
        organization_unit_name=f"Development authority {token_hex(4)}",
    )
    return authority.private_key_pem.bytes() + authority.cert_pem.bytes()


def _authority_certificate(own: Path) -> bytes:
    with _reporting(own, "read"):
        found = _CERTIFICATE.search(own.read_bytes())
    if found is None:
        raise _broken(own)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found[0].decode())
    except (ssl.SSLError, ValueError):
        raise _broken(own) from None
    return found[0]


def _broken(own: Path) -> StartError:
    return StartError(
        f"{own} does not hold the key and the certificate of an authority",
        hint="remove it: a new authority is made at the next start, to be trusted anew",
    )


def _issue(own: Path, names: list[str], authority: bytes, now: datetime) -> bytes:
    """Return a certificate and its key as PEM, under a line that says what it is for."""
    from trustme import CA

    with _reporting(own, "read"):
        pem = own.read_bytes()
    try:
        issuer = CA.from_pem(pem, pem)
    except ValueError:
        raise _broken(own) from None
    end = now + _VALID
    try:
        certificate = issuer.issue_cert(
            *names,
            organization_name="Bellwire",
            organization_unit_name="Development",
            not_before=now - timedelta(days=1),  # the clocks of others may be behind
            not_after=end,
        )
    except ValueError as error:
        raise StartError(
            f"no certificate can be made for {', '.join(names)}: {error}",
            hint="correct --host or custom.bellwire.hostNames",
        ) from None
    heading = {"names": names, "end": end.timestamp(), "authority": sha256(authority).hexdigest()}
    return json.dumps(heading).encode() + b"\n" + certificate.private_key_and_cert_chain_pem.bytes()


def _is_current(certificate: Path, names: list[str], authority: bytes, now: datetime) -> bool:
    """Tell whether what the first line says is what is wanted; reading it costs no import."""
    if not certificate.exists():
        return False
    with _reporting(certificate, "read"):
        line = certificate.read_bytes().partition(b"\n")[0]
    try:
        heading = json.loads(line)
        return bool(
            heading["names"] == names
            and heading["authority"] == sha256(authority).hexdigest()
            and heading["end"] >= (now + _LEFT).timestamp()
        )
    except (ValueError, KeyError, TypeError):
        return False


def _join(source: Path, authority: Path, target: Path) -> bool:
    """Write a file with what `source` holds and our authority; False where it cannot be read."""
    try:
        trusted = source.read_bytes()
    except OSError:
        return False
    _write_if_new(target, trusted.rstrip() + b"\n" + authority.read_bytes())
    return True


def _make_folder(folder: Path) -> None:
    with _reporting(folder, "written"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)


def _write_if_new(path: Path, content: bytes) -> None:
    with _reporting(path, "read"):
        if path.exists() and path.read_bytes() == content:
            return
    _write(path, content)


def _write(path: Path, content: bytes) -> None:
    """Write a file that only this user may read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with _reporting(path, "written"):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)


@contextmanager
def _reporting(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(
            f"{path} cannot be {verb}: {error.strerror}",
            hint="remove it, or choose another data folder with --data-dir",
        ) from None
