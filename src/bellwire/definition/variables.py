"""`${…}` variables, resolved when a value is asked for and not before.

So a variable that leads nowhere in a part of the file that nobody reads (iam, plugins) harms
nothing. A value that is one variable becomes what the variable stands for, a map or a number too;
a variable inside a text becomes text. What a variable leads to may hold variables again
[www.serverless.com/framework/docs/guides/variables].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from bellwire.definition.document import read_document
from bellwire.definition.findings import Findings
from bellwire.definition.nodes import (
    MappingNode,
    Node,
    Piece,
    ScalarNode,
    SequenceNode,
    Value,
    value_text,
)
from bellwire.definition.source_text import place_of
from bellwire.definition.suggestion import clipped, described, did_you_mean, nearest
from bellwire.definition.variable_syntax import (
    Literal,
    Reference,
    SyntaxFault,
    Template,
    Variable,
    parse_template,
)
from bellwire.errors import (
    DefinitionError,
    Place,
    UnresolvedVariableError,
    UnsupportedFeatureError,
)
from bellwire.limits import DEFINITION_BYTES, VARIABLE_DEPTH


ACCOUNT_ID = "000000000000"
"""The account of everything that runs here."""

DEFAULT_STAGE = "dev"
DEFAULT_REGION = "us-east-1"

_REMOTE = {
    "cf": "the outputs of a deployed stack",
    "s3": "an object in S3",
    "ssm": "AWS's Parameter Store",
    "git": "the git repository",
    "doppler": "Doppler",
    "terraform": "Terraform's state",
    "vault": "Vault",
}
"""Sources of the framework that lie outside of the service's files."""
_TEMPLATE_HINT = r"a substitution template of AWS IoT is written \${…}, so that it is no variable"

_SCRIPTS = {".js", ".cjs", ".mjs", ".ts", ".mts"}


class Missing(NamedTuple):
    """A source without a value: why, and what to do about it. `remote`: it was not even asked."""

    why: str
    hint: str | None = None
    remote: bool = False


class _Site(NamedTuple):
    """A place in a text that holds variables."""

    node: ScalarNode
    offset: int

    def place(self) -> Place:
        return place_of(self.node, self.offset)


class Variables:
    """Resolves the variables of one service.

    `options` are command line options by name, `env` the process's environment variables.
    """

    def __init__(
        self,
        root: MappingNode,
        directory: Path,
        *,
        options: Mapping[str, str],
        env: Mapping[str, str],
        findings: Findings,
    ) -> None:
        self._root = root
        self._directory = directory
        self._options = options
        self._env = env
        self._findings = findings
        self._known: dict[ScalarNode, Node] = {}
        self._open: list[ScalarNode] = []
        self._depth = 0
        self._files: dict[str, Node | Missing] = {}
        self._sources: dict[str, Callable[[Reference, str, _Site], Node | Missing]] = {
            "self": self._self,
            "opt": self._opt,
            "env": self._env_variable,
            "sls": self._sls,
            "param": self._param,
            "aws": self._aws,
            "file": self._file,
            "strToBool": self._str_to_bool,
        }

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were asked for so far, whether they are there or not."""
        names = [name for name in self._files if "\0" not in name]
        return tuple((self._directory / name).resolve() for name in names)

    def resolve(self, node: Node) -> Node:
        """Return what a value stands for, itself if it holds no variable.

        Only this value: the entries of a map and the items of a list are resolved when they are
        asked for in turn. Raises UnresolvedVariableError, UnsupportedFeatureError.
        """
        if not isinstance(node, ScalarNode) or node.final or not isinstance(node.value, str):
            return node
        if "${" not in node.value:
            return node
        if node not in self._known:
            self._known[node] = self._enter(node, node.value)
        return self._known[node]

    def get(self, mapping: MappingNode, key: str) -> Node | None:
        """Return the resolved value of a key; None if there is none, or if it is null."""
        node = mapping.get(key)
        resolved = self.resolve(node) if node else None
        return None if isinstance(resolved, ScalarNode) and resolved.value is None else resolved

    def stage(self) -> str:
        """Return the stage: --stage, else provider.stage, else dev."""
        return self._option_or_provider("stage") or DEFAULT_STAGE

    def region(self) -> str:
        """Return the region: --region, else provider.region, else us-east-1."""
        return self._option_or_provider("region") or DEFAULT_REGION

    def _option_or_provider(self, key: str) -> str | None:
        if self._options.get(key):
            return self._options[key]
        node = self._follow(self._root, ["provider", key])
        if isinstance(node, Missing):
            return None
        if not isinstance(node, ScalarNode):
            raise DefinitionError(
                f"provider.{key} must be a text, not {described(node)}", place=node.place
            )
        return value_text(node.value)

    def _enter(self, node: ScalarNode, text: str) -> Node:
        if node in self._open:
            circle = [*self._open[self._open.index(node) :], node]
            chain = " → ".join(clipped(str(each.value)) for each in circle)
            raise UnresolvedVariableError(f"variables in a circle: {chain}", place=node.place)
        self._open.append(node)
        try:
            return self._expand(node, parse_template(text))
        except SyntaxFault as fault:
            place = _Site(node, fault.offset).place()
            raise DefinitionError(fault.message, place=place, hint=fault.hint) from None
        finally:
            self._open.pop()

    def _expand(self, node: ScalarNode, template: Template) -> Node:
        if len(template) == 1 and isinstance(template[0], Variable):
            return self._variable(template[0], node)
        pieces: list[Piece] = []
        texts = self._texts(template, node)
        for part, text in zip(template, texts, strict=True):
            replaced = isinstance(part, Variable)
            pieces.append(Piece(len(text), part.start, replaced))
        return ScalarNode("".join(texts), node.place, node.written, tuple(pieces), final=True)

    def _texts(self, template: Template, node: ScalarNode) -> list[str]:
        texts: list[str] = []
        for part in template:
            if isinstance(part, Variable):
                value = self._variable(part, node)
                texts.append(self._embedded(value, _Site(node, part.start)))
            else:
                texts.append(part.text)
        if sum(map(len, texts)) > DEFINITION_BYTES:
            raise DefinitionError(
                f"variables make this text longer than {DEFINITION_BYTES // 1024} KiB",
                place=node.place,
            )
        return texts

    def _embedded(self, value: Node, site: _Site) -> str:
        """Return a variable's value as part of a text; a list as JavaScript joins it."""
        if isinstance(value, ScalarNode) and value.value is not None:
            return value_text(value.value)
        if isinstance(value, SequenceNode):
            items = [self.resolve(item) for item in value.items]
            if all(isinstance(item, ScalarNode) for item in items):
                return ",".join(value_text(i.value) for i in items if isinstance(i, ScalarNode))
        raise UnresolvedVariableError(
            f"a variable inside a text must be a text, not {described(value)}", place=site.place()
        )

    def _variable(self, variable: Variable, node: ScalarNode) -> Node:
        if self._depth >= VARIABLE_DEPTH:
            raise UnresolvedVariableError(
                f"more than {VARIABLE_DEPTH} variables lead from one to the next",
                place=_Site(node, variable.start).place(),
            )
        self._depth += 1
        try:
            return self._first_value(variable, node)
        finally:
            self._depth -= 1

    def _first_value(self, variable: Variable, node: ScalarNode) -> Node:
        missing: Missing | None = None
        for source in variable.sources:
            if isinstance(source, Literal):
                found: Node | Missing = _scalar(source.value, node.place)
            else:
                found = self._ask(source, node)
            if not isinstance(found, Missing):
                if missing and missing.remote:
                    place = _Site(node, variable.start).place()
                    self._findings.notice(f"{missing.why}: its fallback is used", place)
                return found
            missing = missing if missing and missing.remote else found
        assert missing, "a variable has at least one source"
        error = UnsupportedFeatureError if missing.remote else UnresolvedVariableError
        place = _Site(node, variable.start).place()
        raise error(missing.why, place=place, hint=missing.hint)

    def _ask(self, reference: Reference, node: ScalarNode) -> Node | Missing:
        site = _Site(node, reference.start)
        address = "".join(self._texts(reference.address, node))
        kind = reference.type.partition(".")[0]
        if kind in _REMOTE:
            return Missing(
                f"`{kind}:` variables read {_REMOTE[kind]}, which is not done here",
                f"give it a fallback: ${{{kind}:…, 'local value'}}",
                remote=True,
            )
        source = self._sources.get(reference.type)
        if not source:
            raise UnresolvedVariableError(
                f"unknown type of variable {clipped(reference.type)}",
                place=site.place(),
                hint=did_you_mean(reference.type, ("file",)) or _TEMPLATE_HINT
                if reference.params
                else did_you_mean(reference.type, {*self._sources, *_REMOTE}),
            )
        return source(reference, address, site)

    def _self(self, reference: Reference, address: str, site: _Site) -> Node | Missing:
        path = address.split(".") if address else []
        service = self._root.get("service")
        if path == ["service"] and isinstance(service, MappingNode):
            path = ["service", "name"]  # as version 1 and 2 of the framework
        elif path == ["service", "name"] and isinstance(service, ScalarNode):
            path = ["service"]
        return self._follow(self._root, path, "self")

    def _follow(self, start: Node, path: list[str], source: str = "self") -> Node | Missing:
        node = self.resolve(start)
        for depth, key in enumerate(path):
            child = _child(node, key)
            if child is None:
                return _dead_end(source, path, depth, node)
            node = self.resolve(child)
        if isinstance(node, ScalarNode) and node.value is None:
            return Missing(f"{clipped(f'{source}:' + '.'.join(path))} is null")
        return node

    def _opt(self, reference: Reference, address: str, site: _Site) -> Node | Missing:
        if address in self._options:
            return _scalar(self._options[address], site.node.place)
        return Missing(
            f"the option `--{address}` is not set",
            did_you_mean(address, self._options) or f"give it a fallback: ${{opt:{address}, '…'}}",
        )

    def _env_variable(self, reference: Reference, address: str, site: _Site) -> Node | Missing:
        if address in self._env:
            return _scalar(self._env[address], site.node.place)
        return Missing(
            f"the environment variable {clipped(address)} is not set",
            did_you_mean(address, self._env) or f"give it a fallback: ${{env:{address}, '…'}}",
        )

    def _sls(self, reference: Reference, address: str, site: _Site) -> Node | Missing:
        if address == "stage":
            return _scalar(self.stage(), site.node.place)
        if address == "instanceId":
            return Missing("`sls:instanceId` names one run of the framework", remote=True)
        return Missing(f"`sls:{address}` does not exist", "there is ${sls:stage}")

    def _param(self, reference: Reference, address: str, site: _Site) -> Node | Missing:
        found = self._follow(self._root, ["params", self.stage(), address])
        if isinstance(found, Missing):
            found = self._follow(self._root, ["params", "default", address])
        if isinstance(found, Missing):
            return found._replace(
                why=f"no parameter {clipped(address)} for stage `{self.stage()}` under `params`"
            )
        return found

    def _aws(self, reference: Reference, address: str, site: _Site) -> Node | Missing:
        if address == "accountId":
            return _scalar(ACCOUNT_ID, site.node.place)
        if address == "region":
            return _scalar(self.region(), site.node.place)
        return Missing(
            f"`aws:{address}` does not exist", "there are ${aws:accountId} and ${aws:region}"
        )

    def _str_to_bool(self, reference: Reference, address: str, site: _Site) -> Node | Missing:
        text = "".join(self._texts(reference.params[0], site.node)) if reference.params else ""
        known = {"true": True, "1": True, "false": False, "0": False}
        if text.strip().lower() not in known:
            return Missing(f"strToBool takes true, false, 1 or 0, not {clipped(text)}")
        return _scalar(known[text.strip().lower()], site.node.place)

    def _file(self, reference: Reference, address: str, site: _Site) -> Node | Missing:
        name = "".join(self._texts(reference.params[0], site.node)) if reference.params else ""
        if not name:
            return Missing("`file` names no file", "write ${file(path.yml):key}")
        if Path(name).suffix in _SCRIPTS:
            raise UnsupportedFeatureError(
                f"{clipped(name)} is JavaScript, which is not run here",
                place=site.place(),
                hint="move the values into a .yml or .json file",
            )
        content = self._files.get(name)
        if content is None:
            content = self._files[name] = self._read(name, site)
        if isinstance(content, Missing):
            return content
        return self._follow(content, address.split(".") if address else [], f"file({name})")

    def _read(self, name: str, site: _Site) -> Node | Missing:
        path = self._directory / name
        try:
            if path.is_file():
                return read_document(path, str(path))
        except (OSError, ValueError):
            # ValueError: a null character in the name.
            return Missing(f"{clipped(name)} is no file name")
        except DefinitionError as error:
            error.place = error.place or site.place()
            raise
        return Missing(
            f"there is no file {clipped(name)} in {self._directory}", _nearest_file(path)
        )


def _scalar(value: Value, place: Place) -> ScalarNode:
    return ScalarNode(value, place, final=True)


def _child(node: Node, key: str) -> Node | None:
    if isinstance(node, MappingNode):
        return node.get(key)
    if isinstance(node, SequenceNode) and key in map(str, range(len(node.items))):
        return node.items[int(key)]
    return None


def _dead_end(source: str, path: list[str], depth: int, node: Node) -> Missing:
    known = node.entries if isinstance(node, MappingNode) else ()
    parent = f"`{'.'.join(path[:depth])}`" if depth else "the file"
    return Missing(
        f"{clipped(f'{source}:' + '.'.join(path))} leads nowhere: "
        f"{parent} has no {clipped(path[depth])}",
        did_you_mean(path[depth], known) or _stage_hint(path),
    )


def _stage_hint(path: list[str]) -> str | None:
    # The framework's default stage is no part of the file, so `self:` does not find it.
    if path == ["provider", "stage"]:
        return "write ${sls:stage}, or give it a fallback: ${self:provider.stage, 'dev'}"
    return None


def _nearest_file(path: Path) -> str | None:
    try:
        near = nearest(path.name, (each.name for each in path.parent.iterdir()))
    except OSError:
        return None
    return f"did you mean `{near}`?" if near else None
