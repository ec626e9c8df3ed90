"""serverless.yml → Service."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from bellwire.definition.document import read_document
from bellwire.definition.findings import Findings
from bellwire.definition.functions import make_function, read_functions
from bellwire.definition.handlers import Handlers
from bellwire.definition.intrinsics import Intrinsics, Names
from bellwire.definition.model import Route, Service, Stage, TopicRule, WebSocketApi
from bellwire.definition.nodes import Entry, MappingNode, ScalarNode
from bellwire.definition.overrides import read_limits
from bellwire.definition.resources import Resources
from bellwire.definition.suggestion import clipped, described, did_you_mean, nearest
from bellwire.definition.values import Fields
from bellwire.definition.variables import ACCOUNT_ID, Variables
from bellwire.definition.vocabulary import (
    PROVIDER_READ,
    PROVIDER_SILENT,
    PROVIDER_SKIPPED,
    SERVICE_READ,
    SERVICE_SILENT,
    SERVICE_SKIPPED,
)
from bellwire.errors import DefinitionError, UnsupportedFeatureError


FILE_NAMES = ("serverless.yml", "serverless.yaml")
"""The names a service's file may have, the first that is there counts."""

_DEFAULT_SELECTION = "$request.body.action"
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]+")
_STAGE = re.compile(r"[a-zA-Z0-9-]+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+")
_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
_ID_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 10


def load_service(
    directory: Path,
    *,
    stage: str | None = None,
    options: Mapping[str, str] = _NO_OPTIONS,
    env: Mapping[str, str],
) -> Service:
    """Read and check the service in a folder.

    `stage` is `--stage`, `options` are further command line options that `${opt:…}` may ask for,
    `env` the environment variables for `${env:…}`. Raises DefinitionError, with the place and what
    to do, for whatever AWS or the Serverless Framework would refuse and for what is not built here.
    """
    file = _find(directory)
    root = read_document(file, str(file))
    if not isinstance(root, MappingNode):
        raise DefinitionError(f"the file must hold a map, not {described(root)}", place=root.place)
    findings = Findings()
    given = {**options, "stage": stage} if stage else options
    variables = Variables(root, directory, options=given, env=env, findings=findings)
    return _read(Fields(root, "", variables), directory, file, findings)


def _find(directory: Path) -> Path:
    others = [f"serverless.{suffix}" for suffix in ("json", "ts", "js")]
    try:
        there = [name for name in (*FILE_NAMES, *others) if (directory / name).is_file()]
    except OSError as error:
        raise DefinitionError(f"{directory} cannot be read: {error.strerror}") from None
    if there and there[0] in FILE_NAMES:
        return directory / there[0]
    hint = "`bellwire run` in a folder without one starts the bundled application"
    if there:
        hint = f"{there[0]} is not read; write it as serverless.yml"
    raise DefinitionError(f"there is no serverless.yml in {directory}", hint=hint)


def _read(service: Fields, directory: Path, file: Path, findings: Findings) -> Service:
    _sort_keys(service, findings)
    provider = _provider(service, findings)
    name = _service_name(service)
    stage, region = _stage(provider), _region(provider)
    read = read_functions(service, provider, f"{name}-{stage}", findings)
    entered = read.entered
    rules = tuple(rule for each in entered for rule in each.events.rules)
    _check_rules(rules)
    routes = tuple(route for each in entered for route in each.events.routes)
    _check_routes(routes)
    api = _api(provider, name, stage, routes)
    stack = provider.text("stackName") or f"{name}-{stage}"
    names = Names(name, stage, stack, region, api.api_id, read.logical_ids(), read.rule_ids())
    intrinsics = Intrinsics(names, Resources(service), service.variables)
    functions = {each.key: make_function(each, provider, intrinsics) for each in entered}
    limits = read_limits(service)
    handlers = Handlers(directory)
    for each in entered:
        handlers.check(each.handler, each.handler_place)
    return Service(
        name=name,
        stage=stage,
        region=region,
        account_id=ACCOUNT_ID,
        directory=directory.resolve(),
        file=file.resolve(),
        functions=functions,
        apis=(api,),
        rules=rules,
        limits=limits,
        findings=findings.all(),
    )


def _sort_keys(service: Fields, findings: Findings) -> None:
    """Name the keys without effect here, and those that do not exist."""
    known = (*SERVICE_READ, *SERVICE_SKIPPED, *SERVICE_SILENT)
    for key, entry in service.node.entries.items():
        if key == "resources":
            findings.notice(
                "`resources` are not created here",
                entry.place,
                "create what the functions use; AWS_ENDPOINT_URL_DYNAMODB and the like name it",
            )
        elif key in SERVICE_SKIPPED:
            findings.skip_key("", key, entry.place)
        elif key not in known:
            hint = did_you_mean(key, known)
            findings.notice(f"unknown key {clipped(key)}: ignored", entry.place, hint)


def _provider(service: Fields, findings: Findings) -> Fields:
    node = service.get("provider")
    if node is None:
        raise _absent("provider", service)
    if isinstance(node, ScalarNode):  # `provider: aws`
        node = MappingNode({"name": Entry(node.place, node)}, node.place)
    provider = Fields(node, "provider", service.variables)
    name = provider.text("name")
    if name is None:
        raise DefinitionError("`provider` has no name", place=node.place, hint="write `name: aws`")
    if name != "aws":
        raise UnsupportedFeatureError(
            f"the provider is {clipped(name)}; Bellwire runs services of aws",
            place=provider.place("name"),
        )
    known = (*PROVIDER_READ, *PROVIDER_SKIPPED, *PROVIDER_SILENT)
    for key, entry in provider.node.entries.items():
        if key in PROVIDER_SKIPPED:
            findings.skip_key("provider", key, entry.place)
        elif key not in known:
            hint = did_you_mean(key, known)
            findings.notice(f"unknown key `provider.{key}`: ignored", entry.place, hint)
    return provider


def _absent(key: str, service: Fields) -> DefinitionError:
    known = (*SERVICE_READ, *SERVICE_SKIPPED, *SERVICE_SILENT)
    unknown = [name for name in service.node.entries if name not in known]
    meant = nearest(key, unknown)
    hint = "is it a part that another serverless.yml includes with ${file(…)}?"
    return DefinitionError(
        f"the file has no `{key}`",
        place=service.node.entries[meant].place if meant else service.node.place,
        hint=f"is `{meant}` misspelt?" if meant else hint,
    )


def _service_name(service: Fields) -> str:
    node = service.get("service")
    name = None
    if isinstance(node, MappingNode):
        name = Fields(node, "service", service.variables).text("name")
    elif node is not None:
        name = service.text("service")
    if node is None or name is None:
        raise _absent("service", service)
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            f"{clipped(name)} is no name for a service: a letter, then letters, digits and `-`",
            place=service.place("service"),
        )
    return name


def _stage(provider: Fields) -> str:
    stage = provider.variables.stage()
    if not _STAGE.fullmatch(stage):
        raise DefinitionError(
            f"{clipped(stage)} is no stage: letters, digits and `-`",
            place=provider.place("stage") if provider.get("stage") else None,
        )
    return stage


def _region(provider: Fields) -> str:
    region = provider.variables.region()
    if not _REGION.fullmatch(region):
        raise DefinitionError(
            f"{clipped(region)} is no AWS region",
            place=provider.place("region") if provider.get("region") else None,
            hint="one is us-east-1",
        )
    return region


def _api(provider: Fields, name: str, stage: str, routes: tuple[Route, ...]) -> WebSocketApi:
    key = "websocketsApiRouteSelectionExpression"
    expression = provider.text(key)
    return WebSocketApi(
        api_id=_api_id(name),
        name=provider.text("websocketsApiName") or f"{stage}-{name}-websockets",
        route_selection_expression=expression or _DEFAULT_SELECTION,
        route_selection_place=provider.place(key) if expression else None,
        stages=(Stage(stage, routes),),
    )


def _api_id(service: str) -> str:
    number = int.from_bytes(hashlib.sha256(service.encode()).digest())
    digits: list[str] = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_ID_DIGITS))
        digits.append(_ID_DIGITS[digit])
    return "".join(digits)


def _check_routes(routes: Iterable[Route]) -> None:
    seen: dict[str, Route] = {}
    for route in routes:
        first = seen.setdefault(route.route_key, route)
        if first is not route:
            functions = [each.integration and each.integration.function for each in (first, route)]
            raise DefinitionError(
                f"the route {clipped(route.route_key)} is there twice, for `{functions[0]}` and "
                f"for `{functions[1]}`; the first is at {first.place}",
                place=route.place,
            )


def _check_rules(rules: Iterable[TopicRule]) -> None:
    seen: dict[str, TopicRule] = {}
    for rule in rules:
        first = seen.setdefault(rule.name, rule)
        if first is not rule:
            raise DefinitionError(
                f"two rules have the name {rule.name}; the first is at {first.sql_place}",
                place=rule.sql_place,
            )
