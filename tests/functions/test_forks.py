"""Fork servers: real ones, which fork, die, hang and are asked anew."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bellwire.functions.forks import ForkedChild, ForkServer, ForkServers
from bellwire.functions.process import Ends, open_ends, wait_exit


@pytest.fixture
def server(tmp_path: Path) -> ForkServer:
    return ForkServer(Path(sys.executable), {"PATH": os.environ["PATH"]}, tmp_path, answer_s=2.0)


async def fork(server: ForkServer) -> tuple[ForkedChild, Ends]:
    with open_ends(channels=0) as ends:
        child = await server.fork(ends.theirs)
    return child, ends


def close(ends: Ends) -> None:
    ends.control.close()
    for descriptor in ends.outputs.values():
        os.close(descriptor)


def test_a_worker_whose_socket_is_closed_ends(server: ForkServer) -> None:
    async def main() -> None:
        child, ends = await fork(server)
        assert child.poll() is None
        close(ends)
        assert await wait_exit(child, 5.0) == 0
        await server.stop()

    asyncio.run(main())


def test_a_worker_that_is_killed_has_its_signal(server: ForkServer) -> None:
    async def main() -> None:
        child, ends = await fork(server)
        os.kill(child.pid, signal.SIGKILL)
        assert await wait_exit(child, 5.0) == -signal.SIGKILL
        close(ends)
        await server.stop()

    asyncio.run(main())


def test_many_at_once(server: ForkServer) -> None:
    async def main() -> None:
        workers = await asyncio.gather(*(fork(server) for _ in range(20)))
        assert len({child.pid for child, _ in workers}) == 20
        for child, ends in workers:
            close(ends)
            assert await wait_exit(child, 5.0) == 0
        await server.stop()

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_server_that_is_killed_takes_its_workers_along_and_is_replaced(
    server: ForkServer,
) -> None:
    async def main() -> None:
        child, ends = await fork(server)
        os.kill(parent_of(child.pid), signal.SIGKILL)
        assert await wait_exit(child, 5.0) == -signal.SIGKILL
        close(ends)
        other, ends = await fork(server)
        assert other.poll() is None
        close(ends)
        await server.stop()

    asyncio.run(main())


def test_a_server_that_hangs_is_an_error_and_is_replaced(server: ForkServer) -> None:
    async def main() -> None:
        child, ends = await fork(server)
        os.kill(parent_of(child.pid), signal.SIGSTOP)
        with pytest.raises(OSError, match="does not answer"):
            await fork(server)
        close(ends)
        other, ends = await fork(server)
        assert other.poll() is None
        assert await wait_exit(child, 5.0) == -signal.SIGKILL
        close(ends)
        await server.stop()

    asyncio.run(main())


def test_a_python_that_is_none_is_an_error(tmp_path: Path) -> None:
    async def main() -> None:
        server = ForkServer(Path("/bin/false"), {}, tmp_path)
        with pytest.raises(OSError, match=r"does not start workers|Broken pipe"):
            await fork(server)
        with pytest.raises(OSError, match="No such file"):
            await fork(ForkServer(tmp_path / "python", {}, tmp_path))
        await server.stop()

    asyncio.run(main())


def test_functions_share_a_server_where_their_python_starts_alike(tmp_path: Path) -> None:
    servers = ForkServers(tmp_path)
    python = Path(sys.executable)
    one = servers.of(python, {"PATH": "/bin", "MODE": "fast"})
    assert servers.of(python, {"PATH": "/bin", "MODE": "slow"}) is one
    assert servers.of(python, {"PATH": "/bin", "PYTHONPATH": "/layer"}) is not one
    assert servers.of(tmp_path / "python", {"PATH": "/bin"}) is not one


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_one_that_died_unseen_is_replaced_by_the_one_who_asks(server: ForkServer) -> None:
    async def main() -> None:
        _, first = await fork(server)
        assert server._popen is not None
        os.kill(server._popen.pid, signal.SIGKILL)
        server._popen.wait()  # the loop has not run: nobody has been told
        child, second = await fork(server)
        assert child.poll() is None
        close(first)
        close(second)
        await server.stop()

    asyncio.run(main())


def test_what_else_the_server_started_is_none_of_its_workers(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, subprocess, sys\n"
        "print('said at its start')\n"
        "subprocess.Popen(['sleep', '0.2'])\n"
    )
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    server = ForkServer(Path(sys.executable), variables, tmp_path)

    async def main() -> None:
        child, ends = await fork(server)
        await asyncio.sleep(0.5)
        assert child.poll() is None
        ends.control.close()
        assert await wait_exit(child, 5.0) == 0
        assert os.read(ends.outputs["stdout"], 100) == b""
        for descriptor in ends.outputs.values():
            os.close(descriptor)
        await server.stop()

    asyncio.run(main())


def test_servers_that_nobody_uses_any_more_end(tmp_path: Path) -> None:
    python, path = Path(sys.executable), {"PATH": os.environ["PATH"]}

    async def main() -> None:
        servers = ForkServers(tmp_path)
        used, ends = await fork(servers.of(python, path))
        for number in range(3):
            child, other_ends = await fork(servers.of(python, {**path, "PYTHONX": str(number)}))
            close(other_ends)
            assert await wait_exit(child, 5.0) == 0
        last = servers.of(python, {**path, "PYTHONX": "2"})
        assert last.is_idle
        assert used.poll() is None
        assert servers.of(python, path) is not last
        assert len(servers._servers) == 2
        child, other_ends = await fork(servers.of(python, {**path, "PYTHONX": "0"}))
        for each in (ends, other_ends):
            close(each)
        await servers.stop()
        assert not last.is_idle

    asyncio.run(main())
