"""`custom.bellwire.broker`: the MQTT broker of somebody else that devices publish to.

Secrets stand in no message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bellwire.definition.findings import Findings
from bellwire.definition.model import Broker
from bellwire.definition.nodes import ScalarNode
from bellwire.definition.overrides import read_section
from bellwire.definition.suggestion import clipped
from bellwire.definition.values import Fields
from bellwire.errors import DefinitionError


PASSWORD_VARIABLE = "BELLWIRE_BROKER_PASSWORD"
"""The environment variable with the password where serverless.yml has none."""

_KEYS = ("url", "clientId", "username", "password", "ca", "certificate", "key", "shadows")
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def broker_client_id(service: str, stage: str) -> str:
    """Return the client id of a service and stage: the same at each start, so that the broker keeps
    its session."""
    return f"bellwire-{service}-{stage}"


def read_broker(
    service: Fields, findings: Findings, *, client_id: str, directory: Path
) -> Broker | None:
    """Return `custom.bellwire.broker`, None where there is none. Raises DefinitionError.

    `client_id` is the one to use where the file names none; paths are relative to `directory`.
    """
    section = read_section(service)
    fields = section.fields("broker") if section else None
    if not fields:
        return None
    fields.check_keys(_KEYS)
    url = fields.text("url")
    if url is None:
        raise DefinitionError(
            f"`{fields.path('url')}` is missing",
            place=fields.node.place,
            hint="write `url: mqtts://broker.example.com`, or --broker URL",
        )
    try:
        broker = broker_at(url, client_id=fields.text("clientId") or client_id)
    except DefinitionError as error:
        raise DefinitionError(error.message, place=fields.place("url"), hint=error.hint) from None
    _tell_open_secret(fields, findings)
    shadows = fields.boolean("shadows")
    broker = replace(
        broker,
        username=fields.text("username") or broker.username,
        password=fields.text("password"),
        ca=_file(fields, "ca", directory),
        certificate=_file(fields, "certificate", directory),
        key=_file(fields, "key", directory),
        shadows=broker.shadows if shadows is None else shadows,
    )
    _check_pair(broker, fields)
    if broker.password and not broker.tls and broker.host not in _LOOPBACK:
        findings.notice(
            f"the password for {broker.url} goes over the network unencrypted",
            fields.place("url"),
            "write mqtts://, where the broker speaks TLS",
        )
    return broker


def broker_at(url: str, *, client_id: str) -> Broker:
    """Return the broker of a URL `mqtt[s]://[user@]host[:port]`. Raises DefinitionError."""
    shown = clipped(re.sub(r"//.*@", "//…@", url))
    hint = "write mqtt://HOST, or mqtts://USER@HOST:8883"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise DefinitionError(f"the broker {shown} is no address", hint=hint) from None
    if parts.scheme in ("ws", "wss"):
        raise DefinitionError(
            f"the broker {shown}: MQTT over WebSocket is not built here",
            hint="use the broker's mqtts:// port; AWS IoT Core has one on 443, too",
        )
    is_whole = parts.scheme in _PORTS and parts.hostname and port != 0
    if not is_whole or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise DefinitionError(f"the broker {shown} is no address of one", hint=hint)
    if parts.password is not None:
        raise DefinitionError(
            f"the broker {shown} has a password in its address, where others can read it",
            hint=f"take it from the environment: {PASSWORD_VARIABLE}, or "
            "custom.bellwire.broker.password: ${env:…}",
        )
    broker = Broker(
        host=parts.hostname or "",
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        client_id=client_id,
        username=unquote(parts.username) if parts.username else None,
    )
    return replace(broker, shadows=not broker.is_aws)


def broker_of_run(
    url: str | None, given: Broker | None, *, client_id: str, environment: Mapping[str, str]
) -> Broker | None:
    """Return the broker to use: the one of the file, at the address of the command line.

    Raises DefinitionError where the address is none.
    """
    broker = given
    if url is not None:
        named = broker_at(url, client_id=given.client_id if given else client_id)
        broker = named
        if given is not None:
            broker = replace(
                given,
                host=named.host,
                port=named.port,
                tls=named.tls,
                username=named.username or given.username,
                shadows=given.shadows and named.shadows,
            )
    if broker is not None and broker.username and broker.password is None:
        broker = replace(broker, password=environment.get(PASSWORD_VARIABLE))
    return broker


def _file(fields: Fields, key: str, directory: Path) -> Path | None:
    name = fields.text(key)
    if name is None:
        return None
    path = (directory / name).resolve()
    if not path.is_file():
        raise DefinitionError(
            f"`{fields.path(key)}`: there is no file {clipped(name)}",
            place=fields.place(key),
            hint=f"it is looked for as {path}",
        )
    return path


def _check_pair(broker: Broker, fields: Fields) -> None:
    if (broker.certificate is None) != (broker.key is None):
        given, missing = ("certificate", "key")[:: -1 if broker.certificate is None else 1]
        raise DefinitionError(
            f"`{fields.path(given)}` is given without `{missing}`", place=fields.place(given)
        )
    for key in ("ca", "certificate"):
        if not broker.tls and getattr(broker, key) is not None:
            raise DefinitionError(
                f"`{fields.path(key)}` is of no use with {broker.url}",
                place=fields.place(key),
                hint="write mqtts://",
            )


def _tell_open_secret(fields: Fields, findings: Findings) -> None:
    node = fields.get("password")
    entry = fields.node.entries.get("password")
    written = node.written if isinstance(node, ScalarNode) else None
    if entry and written and written.source.file == entry.place.file:
        findings.notice(
            "the password of the broker stands in the file itself",
            entry.place,
            "take it from the environment: ${env:…}",
        )
