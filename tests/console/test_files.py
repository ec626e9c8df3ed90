"""What the node serves at `/` and under `/console/`."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import bellwire.console
from bellwire.console import CONTENT_TYPES, StaticFile, files


FOLDER = Path(bellwire.console.__file__).parent


class Page(HTMLParser):
    """Collects every element of the page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.fixture
def page() -> Page:
    return Page(text_of("index.html"))


def text_of(name: str) -> str:
    return files()[name].body.decode()


def scripts() -> list[str]:
    return [name for name in files() if name.endswith(".js")]


def test_files_are_those_of_the_folder_but_for_python() -> None:
    expected = {path.name for path in FOLDER.iterdir() if path.suffix in CONTENT_TYPES}
    assert set(files()) == expected
    assert expected >= {"index.html", "console.css", "console.js", "favicon.svg"}
    assert not any(name.endswith(".py") for name in files())


def test_a_file_is_its_bytes_with_type_and_tag() -> None:
    body = (FOLDER / "favicon.svg").read_bytes()
    favicon = files()["favicon.svg"]
    assert favicon == StaticFile(body, "image/svg+xml", favicon.etag)
    assert re.fullmatch(r'"[0-9a-f]{16}"', favicon.etag)


def test_content_types() -> None:
    types = {name: files()[name].content_type for name in ("index.html", "console.css", "model.js")}
    assert types == {
        "index.html": "text/html; charset=utf-8",
        "console.css": "text/css; charset=utf-8",
        "model.js": "text/javascript; charset=utf-8",
    }


def test_each_file_has_its_own_tag() -> None:
    assert len({file.etag for file in files().values()}) == len(files())


def test_the_folder_is_read_once() -> None:
    assert files() is files()


def test_the_page_names_only_files_that_are_served(page: Page) -> None:
    named = [
        value
        for _, attributes in page.elements
        for name in ("src", "href")
        if (value := attributes.get(name)) is not None and not value.startswith("#")
    ]
    assert sorted(named) == ["console/console.css", "console/console.js", "console/favicon.svg"]
    assert {Path(name).name for name in named} <= set(files())


def test_scripts_import_only_scripts_that_are_served() -> None:
    for name in scripts():
        for imported in re.findall(r'^(?:import|\} from) .*?"(.+?)"', text_of(name), re.MULTILINE):
            assert imported.removeprefix("./") in files(), f"{name} imports {imported}"


def test_the_page_needs_nothing_that_a_strict_content_security_policy_forbids(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag != "style"
        assert tag != "script" or attributes == {"type": "module", "src": "console/console.js"}
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in text_of("console.css")
    assert "@import" not in text_of("console.css")


def test_no_script_turns_text_into_markup_or_code() -> None:
    danger = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.cssText"
    )
    for name in scripts():
        assert re.findall(danger, text_of(name)) == [], name


def test_no_file_names_an_outside_host() -> None:
    for name in files():
        hosts = set(re.findall(r"https?://[\w.-]+", text_of(name)))
        assert hosts <= {"http://www.w3.org"}, name  # the name of SVG, never fetched


def test_every_element_that_a_script_looks_up_is_on_the_page(page: Page) -> None:
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    wanted = {id for name in scripts() for id in re.findall(r'\bfind\("([\w-]+)"\)', text_of(name))}
    assert wanted
    assert wanted <= ids


def test_the_page_is_small() -> None:
    packed = sum(len(gzip.compress(file.body)) for file in files().values())
    assert packed < 20 * 1024
