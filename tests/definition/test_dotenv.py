"""The expected values are what dotenv 17 and dotenv-expand 13 of Node.js make of the texts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition import Service
from bellwire.definition.dotenv import parse_dotenv, read_dotenv
from bellwire.errors import DefinitionError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("A=1", {"A": "1"}),
        ("A=1\r\nB=2\rC=3\n", {"A": "1", "B": "2", "C": "3"}),
        ("  A = 1 2  ", {"A": "1 2"}),
        ("export A=1", {"A": "1"}),
        ("A: 1\nB:2", {"A": "1"}),
        ("A=\nB=2", {"A": "", "B": "2"}),
        ("# A=1\nno assignment\n=1\nB", {}),
        ("A=1 # why\nB=a#b\nC='a#b' # why", {"A": "1", "B": "a", "C": "a#b"}),
        ("A='1 '\nB=\" 2\"\nC=` 3`", {"A": "1 ", "B": " 2", "C": " 3"}),
        ("A='a\nb'\nB=2", {"A": "a\nb", "B": "2"}),
        ('A="a\nB=1\nb"', {"A": "a\nB=1\nb"}),
        ("A=\"a\\nb\\r\"\nB='a\\nb'\nC=a\\nb", {"A": "a\nb\r", "B": "a\\nb", "C": "a\\nb"}),
        ('A="say \\"hi\\""', {"A": 'say \\"hi\\"'}),
        ("A='it's'\nB=`'\"`", {"A": "it's", "B": "'\""}),
        ('A="open\nB=2', {"A": '"open', "B": "2"}),
        ("A='a' b", {"A": "'a' b"}),
        ("A=1\nA=2", {"A": "2"}),
        ("a.b-c=1\nÄ=2", {"a.b-c": "1"}),
        ("A=a=b==", {"A": "a=b=="}),
    ],
)
def test_what_a_file_says(text: str, values: dict[str, str]) -> None:
    assert parse_dotenv(text) == values


@pytest.mark.parametrize(
    ("text", "env", "values"),
    [
        ("A=1\nB=$A-${A}", {}, {"A": "1", "B": "1-1"}),
        ("B=$A\nA=$C\nC=3", {}, {"A": "3", "B": "3", "C": "3"}),
        ("A='$HOST'\nB=x\\$HOST", {"HOST": "h"}, {"HOST": "h", "A": "h", "B": "x$HOST"}),
        ("A=${B:-b}${C-c}${D:+d}${E+e}", {"D": "1"}, {"D": "1", "A": "bcd"}),
        ("A=${B:-${C:-${D}}}", {"D": "1"}, {"D": "1", "A": "1"}),
        ("A=$B$1 $", {}, {"A": "$1 $"}),
        ("A=$A:/x", {}, {"A": ":/x"}),
        ("A=$B\nB=$A", {}, {"A": "", "B": ""}),
        ("A=file", {"A": "shell"}, {"A": "shell"}),
        ("A=file\nB=$A", {"A": ""}, {"A": "file", "B": ""}),
        ("B=$A", {"A": "$C", "C": "3"}, {"A": "$C", "B": "3", "C": "3"}),
    ],
)
def test_variables_within_a_file(
    tmp_path: Path, text: str, env: dict[str, str], values: dict[str, str]
) -> None:
    (tmp_path / ".env").write_text(text)
    assert read_dotenv(tmp_path, "dev", env) == values


def test_the_file_of_the_stage_is_read_instead_of_the_other(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path, "dev", {"A": "1"}) == {"A": "1"}
    (tmp_path / ".env").write_text("\ufeffB=default\nC=default\n")
    assert read_dotenv(tmp_path, "dev", {}) == {"B": "default", "C": "default"}
    (tmp_path / ".env.dev").write_text("B=dev\n")
    assert read_dotenv(tmp_path, "dev", {}) == {"B": "dev"}
    assert read_dotenv(tmp_path, "prod", {})["B"] == "default"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\n".join(f"A{n}=$A{n + 1}" for n in range(50)), "leads over too many others"),
        ("\n".join(f"A{n}=$A{n + 1}$A{n + 1}" for n in range(30)) + "\nA30=xx", "is too long"),
        ("A0=" + "${B:-" * 50 + "}" * 50, "is nested too deeply"),
    ],
)
def test_what_grows_without_end_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / ".env").write_text(text)
    with pytest.raises(DefinitionError) as caught:
        read_dotenv(tmp_path, "dev", {})
    assert str(caught.value) == f"{tmp_path / '.env'}:1:1: the variable `A0` {why}"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.mkdir()
    with pytest.raises(DefinitionError, match=r"\.env cannot be read: Is a directory"):
        read_dotenv(tmp_path, "dev", {})
    file.rmdir()
    file.write_bytes(b"A=" + b"x" * (1 << 20))
    with pytest.raises(DefinitionError, match=r"\.env is larger than 1024 KiB"):
        read_dotenv(tmp_path, "dev", {})


FUNCTION = "functions: {f: {handler: h.f, environment: {A: '${env:A}'}}}\n"


def test_a_service_reads_it_where_it_is_asked_to(load: Load, refuse: Refuse, head: str) -> None:
    Path(".env").write_text("A=file\nB=secret\n")
    for asked in ("", "useDotenv: false\n"):
        assert "the environment variable `A` is not set" in refuse(head + asked + FUNCTION)[1]
    assert load(head + "useDotenv: true\n" + FUNCTION).functions["f"].environment == {"A": "file"}
    assert "B" not in os.environ


def test_the_stage_says_which_file_is_read(load: Load, head: str) -> None:
    Path(".env.prod").write_text("A=prod\n")
    Path(".env").write_text("A=other\n")
    for stage, value in (("prod", "prod"), ("dev", "other")):
        service = load(head + "useDotenv: true\n" + FUNCTION, stage=stage)
        assert service.functions["f"].environment == {"A": value}


def test_the_file_may_not_say_the_stage_it_was_read_for(refuse: Refuse) -> None:
    Path(".env").write_text("STAGE=secret\n")
    text = (
        "service: demo\n"
        "provider: {name: aws, runtime: python3.11, stage: '${env:STAGE, \"dev\"}'}\n"
        "useDotenv: true\n" + FUNCTION
    )
    assert refuse(text, env={"A": "1"})[1:] == (
        "serverless.yml:3:12: the stage is `dev`, and another once the .env file is read",
        "name it by --stage, or by a variable that no .env file holds",
    )
