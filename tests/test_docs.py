"""What the pages show works: every serverless.yml in docs/ loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bellwire import loading
from bellwire.settings import Settings


DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
HEAD = "service: shown\nprovider: {name: aws, runtime: python3.11}\n"
HANDLER = "def connect(event, context): ...\nguard = connect\n"
FUNCTIONS = """\
functions:
  connect: {handler: handler.connect, events: [{websocket: $connect}]}
"""
SECRETS = {
    "DEVELOPER_SECRET": "s3cret",
    "BELLWIRE_SECRET": "s3cret",
    "THERMOSTAT_PASSWORD": "a",
    "FLEET_TOKEN": "b",
    "PUMP_PASSWORD": "c",
    "APP_KEY": "a-key-of-twenty-characters",
}


def blocks() -> list[tuple[str, str]]:
    return [
        (page.stem, block)
        for page in sorted(DOCS.glob("*.md"))
        for block in BLOCK.findall(page.read_text())
    ]


def whole(block: str) -> str:
    """Return a file that holds the block, with the parts that it leaves out."""
    head = HEAD
    if "\nprovider:" in f"\n{block}":
        head, block = (
            "service: shown\n",
            block.replace("provider:", "provider:\n  name: aws\n  runtime: python3.11"),
        )
    return head + block + ("" if "functions:" in block else FUNCTIONS)


@pytest.mark.parametrize(("page", "block"), blocks())
def test_a_serverless_yml_of_the_docs_loads(tmp_path: Path, page: str, block: str) -> None:
    (tmp_path / "serverless.yml").write_text(whole(block))
    (tmp_path / "handler.py").write_text(HANDLER)
    loaded = loading.load(Settings(directory=tmp_path), SECRETS)
    assert loaded.apis
    unexpected = [
        finding.message
        for finding in loaded.findings
        if "unknown" in finding.message or "did you mean" in str(finding.hint)
    ]
    assert unexpected == [], page
