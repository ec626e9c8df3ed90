"""The imports say what ARCHITECTURE.md says: one direction, one folder per foreign library."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


SOURCE = Path(__file__).parent.parent / "src" / "bellwire"

FOUNDATION = {"errors", "histogram", "limits", "origin", "settings"}
MIDDLE = {"gateway", "functions", "iot", "notify", "bus"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "histogram": set(),
    "limits": set(),
    "origin": set(),
    "settings": FOUNDATION,
    "__main__": {"cli"},
    "simulation": set(),
    "console": set(),
    "definition": FOUNDATION,
    **dict.fromkeys(MIDDLE, FOUNDATION | {"definition"}),
    "client": FOUNDATION,
    "testing": FOUNDATION | MIDDLE | {"definition"},
    "server": FOUNDATION | MIDDLE | {"definition", "console"},
    "loading": FOUNDATION | {"definition", "gateway", "iot", "bus"},
    "rules": FOUNDATION | {"iot", "bus"},
    "http_destinations": FOUNDATION | {"iot", "bus"},
    "effects": FOUNDATION | MIDDLE | {"definition", "server", "http_destinations"},
    "shadows": FOUNDATION | {"iot", "bus"},
    "devices": FOUNDATION | {"definition", "bus", "logins", "presence", "simulation"},
    "logins": FOUNDATION | {"definition", "iot", "bus"},
    "presence": FOUNDATION | {"iot", "bus"},
    "node_files": FOUNDATION,
    "node": FOUNDATION
    | MIDDLE
    | {"definition", "console", "server", "loading"}
    | {"devices", "effects", "http_destinations", "node_files", "rules", "shadows"},
    "reload": FOUNDATION | {"definition", "loading", "node"},
    "cli": FOUNDATION
    | MIDDLE
    | {"definition", "server", "node", "client", "simulation", "loading", "logins", "reload"},
    "templates": {"notify"},
}
"""Which parts a part may import, besides itself."""

FOREIGN: dict[str, set[str]] = {
    "nats": {"bus"},
    "aiomqtt": {"bus"},
    "cryptography": {"bus"},
    "paho": {"bus"},
    # functions: the Runtime API is HTTP, and a server of our own would be one more to get right.
    "aiohttp": {"server", "functions"},
    "websockets": {"server", "client"},
    "yaml": {"definition"},
    "typer": {"cli"},
    "rich": {"cli"},
    "uvloop": {"cli"},
    "watchfiles": {"reload"},
    "boto3": {"notify", "templates"},
    "botocore": {"notify", "functions"},
    "debugpy": {"functions"},  # the user's, where it is there
    # functions: the log store, not what runs in a function's process.
    "orjson": {"functions", "gateway", "iot", "notify", "server", "simulation", "definition"},
    "airspeed": {"gateway"},
    "re2": {"iot"},
    "jsonschema_rs": {"gateway"},
    "prometheus_client": {"server"},
    "trustme": {"server"},
}
"""Which parts may import a foreign library. Those not named here may not be imported at all."""

SHELLS = {
    "functions/backlog.py",
    "functions/log_files.py",
    "functions/log_store.py",
    "functions/pool.py",
    "functions/environment.py",
    "functions/environments.py",
    "functions/fork_server.py",
    "functions/forks.py",
    "functions/launcher.py",
    "functions/private_tmp.py",
    "functions/process.py",
    "functions/programs.py",
    "functions/python_environment.py",
    "functions/runtime_api.py",
    "functions/runtime_environment.py",
    "functions/temporary.py",
    "functions/worker.py",
    "iot/delivery.py",
    "iot/performers.py",
    "notify/aws.py",
    "notify/channel.py",
    "notify/sdk.py",
}
"""Modules of the middle that do IO; every other module of gateway, iot, notify and functions is
core, and so are definition's but for reading files."""

IMPURE = {"asyncio", "socket", "os", "time", "random", "subprocess", "threading", "selectors"}
CORE_PARTS = FOUNDATION | {"definition", "gateway", "iot", "notify", "functions"}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def part_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each imported module's dotted name and line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            name = node.module or ""
            if name == "bellwire":
                yield from ((f"bellwire.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield name, node.lineno


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_its_part_may(path: Path) -> None:
    part = part_of(path)
    for name, line in imports(path):
        top, _, rest = name.partition(".")
        place = f"{path}:{line}"
        if top == "bellwire":
            other = rest.partition(".")[0]
            if other in ("", "__version__") or other == part:
                continue
            assert part in MAY_IMPORT, f"{place}: {part} is a part nobody described"
            assert other in MAY_IMPORT[part], f"{place}: {part} may not import {other}"
        elif top not in sys.stdlib_module_names:
            assert part in FOREIGN.get(top, set()), f"{place}: {part} may not import {top}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_core_module_touches_neither_clock_nor_chance_nor_network(path: Path) -> None:
    if part_of(path) not in CORE_PARTS or str(path.relative_to(SOURCE)) in SHELLS:
        return
    for name, line in imports(path):
        assert name.partition(".")[0] not in IMPURE, f"{path}:{line}: {name} in a core module"


def test_every_shell_named_here_exists() -> None:
    assert {name for name in SHELLS if not (SOURCE / name).exists()} == set()
