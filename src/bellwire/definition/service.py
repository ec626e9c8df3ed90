"""serverless.yml → Service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from bellwire.definition.apis import Context, read_apis
from bellwire.definition.broker import broker_client_id, read_broker
from bellwire.definition.devices import read_devices
from bellwire.definition.document import read_document
from bellwire.definition.dotenv import read_dotenv
from bellwire.definition.findings import Findings
from bellwire.definition.functions import Functions, make_function, read_functions
from bellwire.definition.handlers import Handlers
from bellwire.definition.intrinsics import Intrinsics, Names
from bellwire.definition.keys import read_access_keys
from bellwire.definition.layers import Layers, layer_names, read_layers
from bellwire.definition.model import Service
from bellwire.definition.naming import make_api_id
from bellwire.definition.nodes import Entry, MappingNode, ScalarNode
from bellwire.definition.overrides import read_host_names, read_limits
from bellwire.definition.requirements import report_missing
from bellwire.definition.resources import Resources
from bellwire.definition.rule_events import compile_rules
from bellwire.definition.suggestion import clipped, described, did_you_mean, nearest
from bellwire.definition.template import Template
from bellwire.definition.topic_rules import read_rules, read_sql_functions
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
from bellwire.definition.websockets import compile_events, read_provider
from bellwire.errors import DefinitionError, UnsupportedFeatureError


FILE_NAMES = ("serverless.yml", "serverless.yaml")
"""The names a service's file may have, the first that is there counts."""

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]+")
_STAGE = re.compile(r"[a-zA-Z0-9-]+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+")
_MISPLACED = dict.fromkeys(
    ("websocketApiId", "websocketsApiId"), "write `apiGateway: {websocketApiId: …}`"
)
_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


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
    service = Fields(root, "", variables)
    if service.boolean("useDotenv"):
        stage = variables.stage()
        loaded = read_dotenv(directory, stage, env)
        variables = Variables(root, directory, options=given, env=loaded, findings=findings)
        service = Fields(root, "", variables)
        _check_stage(stage, service)
    return _read(service, directory, file, findings)


def _check_stage(stage: str, service: Fields) -> None:
    """Raise DefinitionError where a .env file changes the stage that it was chosen by."""
    found = service.variables.stage()
    if found != stage:
        raise DefinitionError(
            f"the stage is {clipped(stage)}, and another once the .env file is read",
            place=service.place("useDotenv"),
            hint="name it by --stage, or by a variable that no .env file holds",
        )


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
    stage = _stage(provider)
    read = read_functions(service, provider, f"{name}-{stage}", findings)
    access_keys = read_access_keys(service, findings)
    context = _context(service, provider, read, findings, bool(access_keys.secrets))
    layers = Layers(read_layers(service, findings), directory, context.intrinsics, findings)
    functions = {
        each.key: make_function(each, read, provider, context.intrinsics, layers)
        for each in read.entered
    }
    apis = read_apis(context)
    rules = read_rules(context, service)
    limits = read_limits(service)
    handlers = Handlers(directory)
    for each in read.entered:
        handlers.check(functions[each.key], each.handler_place)
    report_missing(directory, functions.values(), findings)
    return Service(
        name=name,
        stage=stage,
        region=_region(provider),
        account_id=ACCOUNT_ID,
        directory=directory.resolve(),
        file=file.resolve(),
        functions=functions,
        apis=apis,
        rules=rules,
        sql_functions=read_sql_functions(context, service),
        limits=limits,
        access_keys=access_keys,
        host_names=read_host_names(service),
        devices=read_devices(service, context),
        broker=read_broker(
            service, findings, client_id=broker_client_id(name, stage), directory=directory
        ),
        findings=findings.all(),
        files=service.variables.files,
    )


def _context(
    service: Fields, provider: Fields, functions: Functions, findings: Findings, can_sign: bool
) -> Context:
    """Put together what reading the APIs needs: the template and the names in it."""
    name, stage = _service_name(service), _stage(provider)
    place = provider.place("stage") if provider.get("stage") else provider.node.place
    api = read_provider(provider, name, stage, place, findings)
    events = [event for each in functions.entered for event in each.events.websockets]
    generated = compile_events(events, api, functions.names)
    generated |= compile_rules(rule for each in functions.entered for rule in each.events.rules)
    template = Template(generated, Resources(service, findings), service.variables)
    names = Names(
        service=name,
        stage=stage,
        stack=provider.text("stackName") or f"{name}-{stage}",
        region=_region(provider),
        api_id=api.given_id() or make_api_id(name),
        functions=functions.logical_ids(),
        layers=layer_names(read_layers(service, findings)),
    )
    intrinsics = Intrinsics(names, template, service.variables)
    return Context(
        template,
        intrinsics,
        service.variables,
        functions,
        findings,
        stage,
        api.reference(),
        can_sign,
    )


def _sort_keys(service: Fields, findings: Findings) -> None:
    """Name the keys without effect here, and those that do not exist."""
    known = (*SERVICE_READ, *SERVICE_SKIPPED, *SERVICE_SILENT)
    for key, entry in service.node.entries.items():
        if key in SERVICE_SKIPPED:
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
            hint = _MISPLACED.get(key) or did_you_mean(key, known)
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
