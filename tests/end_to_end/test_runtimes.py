"""The example of docs/functions.md: Python and Node.js functions of one API, side by side."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.end_to_end.conftest import StartNode

PAGE = Path(__file__).parent.parent.parent / "docs" / "functions.md"


def example() -> dict[str, str]:
    """Return the files of the page's example: each block begins with its file's name."""
    blocks = re.findall(r"^```\w+\n(?:#|//) (\S+)\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return dict(blocks)


@pytest.fixture
def node_js() -> None:
    if shutil.which("node") is None:
        reason = "node is not installed; to run this test: sudo apt-get install nodejs"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.mark.usefixtures("node_js")
def test_python_and_node_answer_side_by_side(start_node: StartNode) -> None:
    node = start_node(service=example())
    with node.connect() as app:
        app.send(json.dumps({"action": "python", "text": "hello"}))
        assert app.recv(timeout=15) == "Python says: hello"
        app.send(json.dumps({"action": "node", "text": "hello"}))
        assert app.recv(timeout=15) == "Node.js says: hello"
        app.send(json.dumps({"action": "post", "text": "hello"}))
        assert app.recv(timeout=15) == "posted: hello"
    node.wait_for_log("INFO\tposted to")
    assert re.search(r"node [0-9a-f]{8} \S+Z\t[0-9a-f-]{36}\tINFO\tgot hello\n", node.log_text())
