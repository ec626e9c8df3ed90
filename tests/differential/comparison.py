"""The two sides of a case: how they are run, and what of their outcomes is compared."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from bellwire.definition.model import Function
from bellwire.errors import Place
from bellwire.functions.pool import Functions, LogLine, RuntimeSettings
from bellwire.limits import Limits
from tests.differential import plain
from tests.differential.cases import FILES, SERVICE, Case
from tests.differential.telemetry import decode_messages


REQUEST_ID = "6c14aac6-b810-49ce-9c6c-50104412d524"
TIMEOUT_S = 2.0
TASK_ROOT = "/var/task"
"""Where Lambda has a function's files: shown in place of the temporary folder."""
_LOG_FILE = "DIFFERENTIAL_LOG"
_REPORT = re.compile(
    r"(INIT_)?(START|REPORT) |END RequestId|\{\"time\".*\"platform\.|\[bellwire\] python3"
)
"""What Bellwire writes by itself, not the runtime."""

BOOTSTRAP = f"""#!/bin/sh
exec 3>>"${_LOG_FILE}" 1>&3 2>&3
unset {_LOG_FILE} PWD
export _LAMBDA_TELEMETRY_LOG_FD=3 AWS_EXECUTION_ENV="$EXECUTION_ENV"
unset EXECUTION_ENV
exec "{sys.executable}" -m awslambdaric "$_HANDLER"
"""
"""Runs the real client as Lambda does: with a descriptor for its log."""


class Outcome(NamedTuple):
    """What an invocation came to: the payload as text, whether it failed, what was logged."""

    payload: str
    failed: bool
    messages: tuple[str, ...]


class Comparison(NamedTuple):
    """One case under both."""

    case: Case
    ours: Outcome
    theirs: Outcome

    @property
    def differing(self) -> frozenset[str]:
        """The aspects in which the two differ: `result`, `log`."""
        ours, theirs = self.ours, self.theirs
        aspects = {
            "result": (ours.payload, ours.failed) != (theirs.payload, theirs.failed),
            "log": ours.messages != theirs.messages,
        }
        return frozenset(name for name, differs in aspects.items() if differs)


async def compare(cases: Sequence[Case], folder: Path) -> list[Comparison]:
    """Run every case under our worker and under awslambdaric, in `folder`."""
    shutil.copytree(SERVICE, folder, dirs_exist_ok=True)
    for name, source in FILES.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)
    (folder / "bootstrap").write_text(BOOTSTRAP)
    (folder / "bootstrap").chmod(0o755)
    found: dict[str, Comparison] = {}
    by_setting = sorted(cases, key=lambda case: case.setting)
    for _, group in groupby(by_setting, key=lambda case: case.setting):
        for comparison in await _compare_group(list(group), folder):
            found[comparison.case.name] = comparison
    return [found[case.name] for case in cases]


async def _compare_group(cases: list[Case], folder: Path) -> list[Comparison]:
    sides = [_Side(cases[0], folder, real=real) for real in (False, True)]
    lines: list[LogLine] = []
    functions = Functions(
        [side.function for side in sides],
        runtime=RuntimeSettings(
            directory=folder,
            region="eu-west-1",
            account_id="123456789012",
            stage="dev",
            http_url="http://127.0.0.1:9",
            environment={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        ),
        limits=Limits(),
        log=lambda entry: lines.append(entry) if isinstance(entry, LogLine) else None,
    )
    found = []
    await functions.start()
    for side in sides:
        side.collect(lines)
    for case in cases:
        lines.clear()
        ours, theirs = await asyncio.gather(*(side.run(functions, case, lines) for side in sides))
        found.append(Comparison(case, ours, theirs))
    await functions.stop(grace_s=0)
    return found


class _Side:
    """One of the two: a function, and where its log is."""

    def __init__(self, case: Case, folder: Path, *, real: bool) -> None:
        name = "theirs" if real else "ours"
        variables = {"MINE": "1", **case.variables}
        self._log = folder / f"{case.name}.log" if real else None
        self._folder = str(folder)
        self._offset = 0
        self._written: list[str] = []
        if real:
            execution = f"AWS_Lambda_{case.runtime}"
            variables |= {_LOG_FILE: str(self._log), "EXECUTION_ENV": execution}
        self.function = Function(
            key=name,
            name="app-dev-f",
            handler=case.handler,
            runtime="provided.al2023" if real else case.runtime,
            timeout_s=TIMEOUT_S,
            memory_mb=128,
            environment=variables,
            reserved_concurrency=1,
            place=Place("serverless.yml", 1, 1),
        )

    async def run(self, functions: Functions, case: Case, lines: list[LogLine]) -> Outcome:
        """Invoke the function and say what it came to."""
        key = self.function.key
        result = await functions.invoke(
            key, case.event, request_id=REQUEST_ID, client_context=case.client_context
        )
        while (now := functions.statistics()[key]).busy or now.starting:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        self.collect(lines)
        written, self._written = self._written, []
        payload = result.payload.decode("utf-8", "backslashreplace")
        return Outcome(
            plain.document(payload.replace(self._folder, TASK_ROOT)),
            result.error is not None,
            tuple(plain.messages(text.replace(self._folder, TASK_ROOT) for text in written)),
        )

    def collect(self, lines: list[LogLine]) -> None:
        """Take what the process wrote up to here, and what Bellwire said of it."""
        if self._log is not None:
            self._written += self._read(self._log)
        self._written += [
            line.text
            for line in lines
            if line.function == self.function.key and not _REPORT.match(line.text)
        ]

    def _read(self, log: Path) -> list[str]:
        if not log.exists():
            return []
        data = log.read_bytes()[self._offset :]
        self._offset += len(data)
        return decode_messages(data)
