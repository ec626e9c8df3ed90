"""Mapping templates: what an integration, or a client, gets in place of a body as it came.

`airspeed` reads and renders them; here is what they can name. A template is as trusted as the
handlers beside it, and its loops are its author's: what is bounded is the text that it writes. A
message is data and nothing else, whatever stands in it. A reference that leads nowhere is an empty
text, and a text, also an empty one, counts as true in `#if`, as on API Gateway.
docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from io import StringIO
from typing import Any, NamedTuple, NoReturn, TypeAlias
from urllib.parse import quote_plus, unquote_plus

import orjson

from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError
from bellwire.gateway.json_path import compile_path, follow, is_definite, parse_body
from bellwire.limits import TEMPLATE_BYTES, TEMPLATE_TEXT


_JSON: TypeAlias = Any  # a map or a list

# airspeed takes `#break` for text; the others reach out of the template, or evaluate data as one.
_REFUSED = re.compile(r"(?<!\\)#\{?(break|evaluate|include|parse|return)\b", re.I)
# A range whose size a message chooses, and names of Python's own.
_UNSAFE = re.compile(r"\[[^\[\]]*\.\.\s*-?\s*\$|\[\s*-?\s*\$[^\[\]]*\.\.|\.\s*__")
_MATCHED_CHARACTERS = 4096
"""Longest text that a regular expression is tried on: its cost may grow with the square."""


class TemplateError(Exception):
    """A template failed while it was rendered: the sentence says why."""


class TemplateInput(NamedTuple):
    """What a template can name.

    `context` is `$context`, nested; `body` is `$input.body`; `parameters` is `$input.params()`,
    with the members `path`, `querystring` and `header`; `stage_variables` is `$stageVariables`.
    """

    context: Mapping[str, object]
    body: str
    parameters: Mapping[str, Mapping[str, str]]
    stage_variables: Mapping[str, str]


class Template:
    """A mapping template, ready to render."""

    __slots__ = ("_merge", "_text")

    def __init__(self, text: str, merge: Callable[[_Names, StringIO], None] | None = None) -> None:
        self._text = text
        self._merge = merge

    def render(self, given: TemplateInput) -> str:
        """Return the text it makes. Raises TemplateError where it fails, or writes too much."""
        if self._merge is None:
            return self._text
        names = _Names(
            context=_View(dict(given.context)),
            input=_input(given),
            stageVariables=_View(dict(given.stage_variables)),
            util=_View(dict(_UTIL)),
        )
        output = _Output()
        try:
            self._merge(names, output)
        except Exception as error:  # whatever a template does wrong, only its message fails
            raise TemplateError(_reason(error)) from None
        return output.getvalue()


def compile_template(text: str, place: Place | None = None) -> Template:
    """Compile a mapping template.

    Raises DefinitionError where it does not parse or is over 300 KB, and UnsupportedFeatureError
    for a directive that is not rendered, or where the library for templates is not installed.
    """
    size = len(text.encode("utf-8", "replace"))
    if size > TEMPLATE_BYTES:
        raise DefinitionError(
            f"a mapping template of {size} bytes is larger than {TEMPLATE_BYTES}",
            place=place,
            hint="do in the integration what needs so much of a template",
        )
    if "$" not in text and "#" not in text:
        return Template(text)
    if word := _REFUSED.search(text):
        raise UnsupportedFeatureError(
            f"'{word[0]}' is not rendered in a mapping template",
            place=place,
            hint="#set, #if, #foreach, #macro, #define and #stop are",
        )
    if part := _UNSAFE.search(text):
        raise UnsupportedFeatureError(
            f"'{part[0]}' is not rendered in a mapping template",
            place=place,
            hint="a range is written with numbers: [1..10]",
        )
    return Template(text, _compile(text, place))


def _compile(text: str, place: Place | None) -> Callable[[_Names, StringIO], None]:
    try:
        import airspeed
    except ImportError:
        raise UnsupportedFeatureError(
            "mapping templates need a library that is not installed",
            place=place,
            hint="pip install 'bellwire[integrations]'",
        ) from None
    for kind, methods in _METHODS.items():  # those of Java, for what a template makes itself
        airspeed.operators.__additional_methods__[kind].update(methods)
    template = airspeed.Template(text)
    try:
        template.ensure_compiled()
    except Exception as error:  # it tells of mistakes with many kinds of them
        raise DefinitionError(
            f"the mapping template does not parse: {_reason(error)}",
            place=place,
            hint="velocity.apache.org/engine/1.7/user-guide.html says how a template is written",
        ) from None
    merge: Callable[[_Names, StringIO], None] = template.merge_to
    return merge


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error  # airspeed wraps what happens while it renders
    if isinstance(cause, RecursionError):
        return "it is nested too deeply, or calls itself without end"
    return str(cause)[:200] or type(cause).__name__


class _Output(StringIO):
    """Where airspeed writes to; it sets `stop` at `#stop`."""

    stop = False
    left = TEMPLATE_TEXT

    def write(self, text: str) -> int:
        if self.stop:
            return 0
        self.left -= len(text) + 100
        if self.left < 0:
            _too_much()
        return super().write(text)


# What a template can name. airspeed asks a value for `value[name]` before it looks for an attribute
# of Python's, and these always have an answer: a message without `items` has no `items`.


class _Names(dict[str, object]):
    """What a reference starts with."""

    def __missing__(self, name: str) -> object:
        if name.startswith("#"):
            raise KeyError(name)  # a macro
        return _NOTHING


class _Text(str):
    """A text as Java has them, and safe from Python's operators: those could fill the memory."""

    def __getitem__(self, name: object) -> str:
        return _method(str(self), name)

    def __bool__(self) -> bool:
        return True

    def __add__(self, other: object) -> str:
        return f"{self!s}{_spelled(other)}"

    def __mul__(self, other: object) -> NoReturn:
        raise TemplateError("it calculates with a text")

    __mod__ = __rmul__ = __mul__


class _Method(_Text):
    """A method of a value. Its name alone, without a call, leads nowhere."""

    call: Callable[..., object]

    def __new__(cls, call: Callable[..., object]) -> _Method:
        method = super().__new__(cls)
        method.call = call
        return method

    def __call__(self, *given: object) -> object:
        return _value(self.call(*map(_plain, given)))


class _View:
    """A map or a list of the message: what is set here is also in `$input.json`."""

    def __init__(self, data: _JSON) -> None:
        self.data = data

    def __getitem__(self, key: object) -> object:
        found = _get(self.data, key)
        return _method(self.data, key) if found is None else _value(found)

    def __setitem__(self, key: object, value: object) -> None:
        self.data[_spelled(key) if isinstance(self.data, dict) else key] = _plain(value)

    def __iter__(self) -> Iterator[object]:
        items = self.data.values() if isinstance(self.data, dict) else self.data
        return iter([_value(item) for item in items])

    def __len__(self) -> int:
        return len(self.data)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return _spelled(self.data)


def _value(value: object) -> object:
    if isinstance(value, dict | list):
        return _View(value)
    if isinstance(value, str) and not isinstance(value, _Text):
        return _Text(value)
    return _NOTHING if value is None else value


def _plain(value: object) -> object:
    return value.data if isinstance(value, _View) else value


def _get(items: _JSON, key: object) -> object:
    if isinstance(items, dict):
        return items.get(_spelled(key))
    return items[key] if isinstance(key, int) and 0 <= key < len(items) else None


def _method(of: object, name: object) -> _Method:
    call = _METHODS[type(of)].get(_spelled(name))
    return _NOTHING if call is None else _Method(partial(call, of))


def _spelled(value: object) -> str:
    """Return a value as text: a map as Java prints it, all else as JSON."""
    value = _plain(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={_spelled(item)}' for key, item in value.items())}}}"
    return str(value) if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    try:
        return orjson.dumps(value, default=_plain).decode()
    except orjson.JSONEncodeError:  # nested deeper than orjson writes
        return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


# Java's methods


def _replace_all(text: str, pattern: str, by: str) -> str:
    r"""Replace as Java does: in `by`, `$1` is a group and `\` takes what follows as it is."""
    most = TEMPLATE_TEXT // (len(by) + by.count("$") * len(text) + 1)
    made, count = re.subn(pattern, _GROUP.sub(_in_python, by), _matched(text), count=most + 1)
    return made if count <= most else _too_much()


def _matched(text: str) -> str:
    if len(text) > _MATCHED_CHARACTERS:
        raise TemplateError(f"a regular expression is tried on more than {_MATCHED_CHARACTERS}")
    return text


def _in_python(found: re.Match[str]) -> str:
    return f"\\g<{found[2]}>" if found[2] else found[1].replace("\\", r"\\")


def _replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if text.count(old) * len(new) < TEMPLATE_TEXT else _too_much()


def _too_much() -> NoReturn:
    raise TemplateError(f"it writes more than {TEMPLATE_TEXT} characters")


_GROUP = re.compile(r"\\(.)|\$(\d)", re.S)
_ESCAPED = re.compile("['/]")  # beside what JSON escapes
_NOTHING = _Method(lambda *_: None)
_METHODS: Mapping[type, Mapping[str, Callable[..., object]]] = {
    str: {
        "contains": lambda text, part: part in text,
        "endsWith": str.endswith,
        "equals": lambda text, other: text == other,
        "equalsIgnoreCase": lambda text, other: text.lower() == other.lower(),
        "indexOf": str.find,
        "isEmpty": lambda text: len(text) == 0,
        "length": len,
        "matches": lambda text, pattern: re.fullmatch(pattern, _matched(text)) is not None,
        "replace": _replace,
        "replaceAll": _replace_all,
        "split": lambda text, pattern: re.split(pattern, _matched(text)),
        "startsWith": str.startswith,
        "substring": lambda text, start, end=None: text[start:end],
        "toLowerCase": str.lower,
        "toString": str,
        "toUpperCase": str.upper,
        "trim": str.strip,
    },
    list: {
        "add": lambda items, item: items.append(item) is None,  # true, as in Java
        "contains": lambda items, item: item in items,
        "get": _get,
        "isEmpty": lambda items: not items,
        "size": len,
    },
    dict: {
        "containsKey": lambda items, key: key in items,
        "entrySet": lambda items: [{"key": key, "value": items[key]} for key in items],
        "get": _get,
        "isEmpty": lambda items: not items,
        "keySet": list,
        "put": lambda items, key, item: items.update({_spelled(key): item}),
        "remove": lambda items, key: items.pop(key, None),
        "size": len,
        "values": lambda items: list(items.values()),
    },
}
_UTIL = {
    name: _Method(lambda value, call=call: call(_spelled(value)))
    for name, call in {
        "escapeJavaScript": lambda text: _ESCAPED.sub(r"\\\g<0>", json.dumps(text)[1:-1]),
        "parseJson": lambda text: orjson.loads(text.encode()),
        "urlEncode": lambda text: quote_plus(text, safe="*").replace("~", "%7E"),
        "urlDecode": unquote_plus,
        "base64Encode": lambda text: b64encode(text.encode()).decode(),
        "base64Decode": lambda text: b64decode(text, validate=True).decode(),
    }.items()
}


def _input(given: TemplateInput) -> _View:
    document = cache(partial(parse_body, given.body))

    def find(path: str) -> list[object]:
        steps = compile_path(path.removeprefix("$"))
        found = follow(document(), steps)
        return found if is_definite(steps) else [found]

    def parameters(name: str | None = None) -> object:
        if name is None:
            return dict(given.parameters)
        groups = [given.parameters[group] for group in ("path", "querystring", "header")]
        return next((group[name] for group in groups if name in group), None)

    return _View(
        {
            "body": given.body,
            "json": _Method(lambda path: _json((*find(path), "")[0])),
            "path": _Method(lambda path: (*find(path), None)[0]),
            "params": _Method(parameters),
        }
    )
