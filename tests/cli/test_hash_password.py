"""`bellwire hash-password`."""

from __future__ import annotations

import io

import pytest

from bellwire.cli.application import run_command
from bellwire.logins import is_hash_of


def test_a_password_from_stdin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret\nmore"))
    assert run_command(["hash-password"]) == 0
    printed = capsys.readouterr().out.strip()
    assert is_hash_of(printed, "s3cret")
    assert not is_hash_of(printed, "s3cret\n")


def test_an_empty_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run_command(["hash-password"]) != 0
    assert "empty password" in capsys.readouterr().err
