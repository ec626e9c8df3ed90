"""`bellwire dead-letters`: look at events that failed for good, try them again, or drop them."""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from bellwire.cli.address import ask_node
from bellwire.cli.log_format import readable
from bellwire.cli.options import DataDir
from bellwire.cli.table import ago, print_table, size_of, stdout_console


if TYPE_CHECKING:
    pass

_AT_ONCE = 100
"""Letters that one request may name."""
_ANSWER_S = 60.0
_ID = 8
"""Characters of a request id that are enough to tell it from others, as in the node's log."""

dead_letters = typer.Typer(
    help="Events that failed for good: look at them, try them again, or drop them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Rule = Annotated[str | None, typer.Option(help="Letters of this rule only.")]
Function = Annotated[str | None, typer.Option(help="Letters of this function only.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, for scripts.")]
Url = Annotated[str | None, typer.Option(help="As http://127.0.0.1:3001.")]
Letters = Annotated[
    list[int] | None, typer.Argument(metavar="[LETTER...]", min=1, help="As `list` numbers them.")
]
All = Annotated[bool, typer.Option("--all", help="All letters, of rules and functions.")]


@dead_letters.command("list")
def list_letters(
    rule: Rule = None,
    function: Function = None,
    count: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    before: Annotated[
        int | None, typer.Option(min=1, metavar="LETTER", help="Older than this one.")
    ] = None,
    is_json: Json = False,
    url: Url = None,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Show the newest letters first, why they failed, and how many there are."""
    named = {"rule": rule, "function": function, "count": count, "before": before}
    query = urlencode({name: value for name, value in named.items() if value is not None})
    page = ask_node(url, data_dir, "GET", f"/dead-letters?{query}")
    if is_json:
        print(json.dumps(page, indent=2))
        return
    letters = page["letters"]
    if not letters:
        print("no dead letters" if before is None else f"no dead letters before {before}")
        return
    now_ms = time.time_ns() // 1_000_000
    print_table(
        stdout_console(),
        [_row(letter, now_ms) for letter in letters],
        left={"of", "topic or request"},
        clipped="reason",
    )
    _tell_counts(page, before)


def _row(letter: Mapping[str, Any], now_ms: int) -> dict[str, str]:
    tried = str(letter["attempts"] or "-")
    return {
        "letter": str(letter["sequence"]),
        "age": ago(now_ms - letter["buried_ms"]),
        "of": _of(letter),
        "topic or request": readable(letter["topic"] or letter["request_id"][:_ID] or "-"),
        "tried": f"{tried} ({letter['retries']} again)" if letter["retries"] else tried,
        "size": size_of(letter["size"]),
        "reason": readable(_short(letter["reason"])),
    }


def _short(reason: str) -> str:
    """Return `ValueError: text` of a reason that has a function's answer in it, with its trace."""
    return _ANSWER.sub(lambda found: f"{found['type']}: {_text(found['message'])}", reason)


_ANSWER = re.compile(
    r'\{"errorMessage": "(?P<message>(?:[^"\\]|\\.)*)", "errorType": "(?P<type>[^"]*)".*'
)


def _text(escaped: str) -> str:
    return " ".join(str(json.loads(f'"{escaped}"')).split())


def _of(letter: Mapping[str, Any]) -> str:
    return f"rule {letter['rule']}" if "rule" in letter else f"function {letter['function']}"


def _tell_counts(page: Mapping[str, Any], before: int | None) -> None:
    letters = page["letters"]
    each = [f"rule {name} {number}" for name, number in page["rules"].items()]
    each += [f"function {name} {number}" for name, number in page["functions"].items()]
    total = sum((*page["rules"].values(), *page["functions"].values()))
    print(f"\n{total} in all: {', '.join(each)}", file=sys.stderr)
    if before is None and len(letters) < page["selected"]:
        print(
            f"{len(letters)} of {page['selected']} are shown, the newest; for older ones: "
            f"--before {letters[-1]['sequence']}",
            file=sys.stderr,
        )


@dead_letters.command()
def show(
    letter: Annotated[int, typer.Argument(min=1, help="As `list` numbers it.")],
    is_json: Json = False,
    url: Url = None,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Show one letter whole: where it is from, why it failed, and its payload on stdout."""
    found = ask_node(url, data_dir, "GET", f"/dead-letters/{letter}")
    if is_json:
        print(json.dumps(found, indent=2))
        return
    now_ms = time.time_ns() // 1_000_000
    told = {
        "of": _of(found),
        "topic": found["topic"],
        "published by": found.get("client_id"),
        "request": found["request_id"],
        "arrived": _moment(found["arrived_ms"]) if "rule" in found else None,
        "failed": f"{_moment(found['buried_ms'])}, {ago(now_ms - found['buried_ms'])} ago",
        "attempts": found["attempts"],
        "tried again": found["retries"],
        "reason": found["reason"],
        "payload": size_of(found["size"]) + (", as base64" if "payload_base64" in found else ""),
    }
    for name, value in told.items():
        if value:
            print(f"{name + ':':14}{readable(str(value))}", file=sys.stderr)
    payload = found.get("payload", found.get("payload_base64"))
    print(_pretty(payload) if sys.stdout.isatty() else payload)


def _pretty(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return readable(payload)


def _moment(epoch_ms: int) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch_ms / 1000))
    return f"{at}.{epoch_ms % 1000:03}"


@dead_letters.command()
def retry(
    letters: Letters = None,
    rule: Rule = None,
    function: Function = None,
    is_all: All = False,
    wait: Annotated[
        float, typer.Option(min=0, max=30, help="Seconds to wait for what becomes of them.")
    ] = 10.0,
    is_json: Json = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Give events to their rules or functions once more, oldest first.

    Exit 0 where all went well as far as is known, else 1.
    """
    selection = _selection(letters, rule, function, is_all=is_all)

    def ask(document: Mapping[str, object]) -> Any:
        return ask_node(
            url,
            data_dir,
            "POST",
            "/dead-letters/retry",
            {**document, "wait_s": wait},
            timeout_s=_ANSWER_S,
        )

    total = len(letters or ()) or _count(url, data_dir, selection)
    if is_all:
        _confirm(f"try {_letters(total)} again", total, is_sure=yes)
    counts: Counter[str] = Counter()
    refused: dict[str, str] = {}
    try:
        with _progress(total) as advance:
            for outcome in _retries(ask, letters, selection):
                done = {name: outcome[name] for name in _OUTCOMES}
                counts.update(done)
                refused |= outcome["refused"]
                advance(sum(done.values()) + len(outcome["refused"]))
    except KeyboardInterrupt:
        print("interrupted: those in hand are tried to their end", file=sys.stderr)
    _tell_retried(counts, refused, is_json=is_json)
    if refused or counts["failed_again"] or not counts.total():
        raise typer.Exit(1)


_OUTCOMES = {
    "done": "went well",
    "failed_again": "failed again: new letters",
    "running": "still being tried: letters until that is done",
    "handed_over": "given to their functions, asynchronously",
}


def _retries(
    ask: Any, letters: list[int] | None, selection: Mapping[str, object]
) -> Iterator[dict[str, Any]]:
    """Yield what became of each part of the letters."""
    if letters:
        for start in range(0, len(letters), _AT_ONCE):
            yield ask({"letters": letters[start : start + _AT_ONCE]})
        return
    up_to, after = None, 0
    while after is not None:
        # Those that fail again are newer than `up_to`, and are not tried for ever.
        bounds = {"after": after} if up_to is None else {"after": after, "up_to": up_to}
        outcome = ask({**selection, **bounds})
        up_to, after = outcome["up_to"], outcome["after"]
        yield outcome


def _tell_retried(counts: Mapping[str, int], refused: Mapping[str, str], *, is_json: bool) -> None:
    if is_json:
        print(json.dumps({**{name: counts[name] for name in _OUTCOMES}, "refused": refused}))
        return
    for name, text in _OUTCOMES.items():
        if counts[name]:
            print(f"{counts[name]} {text}")
    _tell_refused(refused, "not tried")
    if not refused and not any(counts.values()):
        print("no dead letters")


def _tell_refused(refused: Mapping[str, str], what: str) -> None:
    """Tell each reason once, with the letters that it holds for."""
    by_reason: dict[str, list[str]] = {}
    for letter, why in refused.items():
        by_reason.setdefault(why, []).append(letter)
    for why, those in by_reason.items():
        named = ", ".join(those[:_NAMED]) + (" …" if len(those) > _NAMED else "")
        print(f"{len(those)} {what}: {why} ({named})")


_NAMED = 10


@dead_letters.command()
def drop(
    letters: Letters = None,
    rule: Rule = None,
    function: Function = None,
    is_all: All = False,
    is_json: Json = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    data_dir: DataDir = Path(".bellwire"),
) -> None:
    """Remove letters for good; exit 1 where there was none."""
    selection = _selection(letters, rule, function, is_all=is_all)
    refused: dict[str, str] = {}
    dropped = 0
    if letters:
        for start in range(0, len(letters), _AT_ONCE):
            named = {"letters": letters[start : start + _AT_ONCE]}
            outcome = ask_node(url, data_dir, "POST", "/dead-letters/drop", named)
            dropped += outcome["dropped"]
            refused |= outcome["refused"]
    else:
        # What is added while somebody thinks is not dropped.
        page = _page(url, data_dir, selection)
        newest = page["letters"][0]["sequence"] if page["letters"] else 1
        what = f"drop {_letters(page['selected'])}, for good"
        _confirm(what, page["selected"], is_sure=yes)
        request = {**selection, "up_to": newest}
        outcome = ask_node(
            url, data_dir, "POST", "/dead-letters/drop", request, timeout_s=_ANSWER_S
        )
        dropped = outcome["dropped"]
    if is_json:
        print(json.dumps({"dropped": dropped, "refused": refused}))
    else:
        print(f"{dropped} dropped" if dropped or refused else "no dead letters")
        _tell_refused(refused, "not dropped")
    if refused or not dropped:
        raise typer.Exit(1)


def _selection(
    letters: list[int] | None, rule: str | None, function: str | None, *, is_all: bool
) -> dict[str, object]:
    """Return which letters are meant; exactly one way to say it may be used."""
    if sum((bool(letters), rule is not None, function is not None, is_all)) != 1:
        raise typer.BadParameter("say which: LETTER..., --rule RULE, --function FUNCTION or --all")
    named = {"rule": rule, "function": function}
    return {name: value for name, value in named.items() if value is not None}


def _page(url: str | None, data_dir: Path, selection: Mapping[str, object]) -> dict[str, Any]:
    query = urlencode({**selection, "count": 1})
    page: dict[str, Any] = ask_node(url, data_dir, "GET", f"/dead-letters?{query}")
    return page


def _count(url: str | None, data_dir: Path, selection: Mapping[str, object]) -> int:
    return int(_page(url, data_dir, selection)["selected"])


def _confirm(what: str, count: int, *, is_sure: bool) -> None:
    """Ask on a terminal; a script has to say --yes."""
    if is_sure or not count:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"to {what}, add --yes: there is no terminal to ask on")
    if not typer.confirm(f"{what[0].upper()}{what[1:]}?", err=True):
        raise typer.Exit(1)


def _letters(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count} dead letters"


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """Show how far it is, on a terminal and where it takes a while."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if total <= 1 or not console.is_terminal:
        yield lambda number: None
        return
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("trying again", total=total)
        yield lambda number: progress.advance(bar, number)
