"""A `/tmp` of its own for each environment, seen by real processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bellwire.errors import StartError


if TYPE_CHECKING:
    from tests.functions.conftest import Harness

WRITES = """
import os, tempfile, time

def f(event, context):
    name = os.path.join(tempfile.gettempdir(), "of-a-test-of-bellwire")
    seen = os.path.exists(name)
    with open(name, "w") as file:
        file.write("x")
    time.sleep(0.05)
    return [seen, name, os.getpid()]
"""


def is_mountable() -> bool:
    """Tell whether this user may mount in a namespace of its own."""
    code = "import ctypes, os; os._exit(ctypes.CDLL(None).unshare(0x10020000) != 0)"
    status = os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code])
    return sys.platform == "linux" and status == 0 and not sys.prefix.startswith("/tmp/")


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that is not in /tmp."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_each_environment_has_a_folder_which_goes_with_it(harness: Harness, tmp_path: Path) -> None:
    harness.write(WRITES)
    temporary = tmp_path / "tmp"

    async def main() -> None:
        function = harness.function(concurrency=2, provisioned=2)
        async with harness.running(function, temporary=temporary) as pools:
            while pools.statistics()["f"].idle < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            one, other = await asyncio.gather(harness.value(pools), harness.value(pools))
            assert one[0] is other[0] is False
            assert len({one[1], other[1]}) == 2
            assert all(Path(each[1]).parent.parent == temporary for each in (one, other))
            assert temporary.stat().st_mode & 0o777 == 0o700
            again = await harness.value(pools)
            assert again[0] is True  # it is kept between invocations
        assert list(temporary.iterdir()) == []

    asyncio.run(main())


def test_what_a_killed_node_left_goes(harness: Harness, tmp_path: Path) -> None:
    harness.write(WRITES)
    left = tmp_path / "tmp" / "f-old" / "file"
    left.parent.mkdir(parents=True)
    left.write_text("x")

    async def main() -> None:
        async with harness.running(harness.function(), temporary=tmp_path / "tmp"):
            assert not left.exists()

    asyncio.run(main())


@pytest.mark.skipif(not is_mountable(), reason="no mount over /tmp here")
@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_tmp_itself_is_its_own(harness: Harness, elsewhere: Path, runtime: str, node: str) -> None:
    harness.folder = elsewhere / "service"
    harness.write(WRITES)
    harness.write(
        """
        const fs = require("fs");
        exports.f = async () => {
          const name = "/tmp/of-a-test-of-bellwire";
          const seen = fs.existsSync(name);
          fs.writeFileSync(name, "x");
          return [seen, name, process.pid];
        };
        """,
        "h.js",
    )

    async def main() -> None:
        function = harness.function(concurrency=2, runtime=runtime, provisioned=2)
        async with harness.running(function, temporary=elsewhere / "tmp") as pools:
            while pools.statistics()["f"].idle < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            seen = await asyncio.gather(*(harness.value(pools) for _ in range(2)))
            assert [each[:2] for each in seen] == [[False, "/tmp/of-a-test-of-bellwire"]] * 2
            assert len(list((elsewhere / "tmp").glob("f-*/of-a-test-of-bellwire"))) == 2

    asyncio.run(main())
    assert not Path("/tmp/of-a-test-of-bellwire").exists()


def test_no_folder_leaves_the_machines(harness: Harness) -> None:
    harness.write("import tempfile\ndef f(event, context):\n    return tempfile.gettempdir()\n")

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            assert await harness.value(pools) == "/tmp"

    asyncio.run(main())


def test_a_place_that_cannot_be_removed_is_used(harness: Harness, tmp_path: Path) -> None:
    harness.write(WRITES)
    (tmp_path / "disk").mkdir()
    (tmp_path / "tmp").symlink_to(tmp_path / "disk")

    async def main() -> None:
        function = harness.function("f" * 250, handler="h.f")
        async with harness.running(function, temporary=tmp_path / "tmp") as pools:
            seen, name, _ = await harness.value(pools, function.key)
            assert seen is False
            assert name.startswith(str(tmp_path / "tmp" / "ffff"))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("needed", "variables"),
    [(["/tmp"], {}), (["/tmp/x"], {}), ([], {"HOME": "/tmp/x"}), ([], {"SSL_CERT_FILE": "/tmp/x"})],
)
def test_what_is_needed_is_not_hidden(
    elsewhere: Path, needed: list[str], variables: dict[str, str]
) -> None:
    code = (
        "import os, sys\n"
        "from bellwire.functions.private_tmp import use_private_tmp\n"
        "use_private_tmp(sys.argv[1], needed=sys.argv[2:])\n"
        "print(os.environ.get('TMPDIR'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(elsewhere), *needed],
        env={"PATH": "/usr/bin", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{elsewhere}\n"


def test_no_place_for_folders_is_told(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "tmp").write_text("")

    async def main() -> None:
        with pytest.raises(
            StartError, match=r"no folders for the /tmp of functions: .*File exists"
        ):
            async with harness.running(harness.function(), temporary=tmp_path / "tmp"):
                pass

    asyncio.run(main())
