"""A service read and found good as a whole: serverless.yml, its statements, its expressions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bellwire.bus.subjects import subject_of
from bellwire.definition import (
    Finding,
    RepublishAction,
    Service,
    TopicRule,
    load_service,
    sql_position,
)
from bellwire.definition.broker import broker_client_id, broker_of_run
from bellwire.definition.debugging import debugged
from bellwire.errors import BadRequestError, SqlSyntaxError, UnsupportedFeatureError
from bellwire.gateway.api import Api, apis_of
from bellwire.iot.cycles import find_cycles
from bellwire.iot.policies import check_policy
from bellwire.iot.republished import INGEST
from bellwire.iot.rules import Rule, compile_rule
from bellwire.iot.sql.questions import ANSWERED
from bellwire.limits import REPUBLISH_DEPTH
from bellwire.settings import Settings


BUNDLED = Path(__file__).parent / "templates" / "parameter_notifier"
"""The application that runs where the folder has none."""

_OF_MQTT_5 = ("get_mqtt_property", "get_user_properties")
"""Functions of IoT SQL that a broker of MQTT 5 has an answer for."""


class Loaded(NamedTuple):
    """A service that was read and found good: its model, its rules, its APIs, and remarks."""

    service: Service
    rules: tuple[Rule, ...]
    apis: tuple[Api, ...]
    findings: tuple[Finding, ...]


def with_service(settings: Settings, *, is_default_folder: bool) -> Settings:
    """Return the settings with the folder to run: the one asked for, else the bundled one.

    The bundled application runs only where no folder was named and the current one holds no
    service.
    """
    names = ("serverless.yml", "serverless.yaml")
    has_service = any((settings.directory / name).exists() for name in names)
    if is_default_folder and not has_service:
        return replace(settings, directory=BUNDLED)
    return settings


def load(settings: Settings, environment: Mapping[str, str]) -> Loaded:
    """Read and check a whole service; DefinitionError where anything in it is wrong."""
    service = load_service(settings.directory, stage=settings.stage, env=environment)
    if settings.debug is not None:
        service = debugged(service, settings.debug)
    for policy in service.devices.policies.values() if service.devices else ():
        check_policy(policy)
    broker = broker_of_run(
        settings.broker,
        service.broker,
        client_id=broker_client_id(service.name, service.stage),
        environment=environment,
    )
    service = replace(service, broker=broker)
    external = {*ANSWERED, *service.sql_functions}
    rules = tuple(_compile(rule, external) for rule in service.rules)
    findings = [*service.findings, *_loops(service, rules)]
    for definition, rule in zip(service.rules, rules, strict=True):
        texts = [f"rule {rule.name}: {warning}" for warning in rule.warnings]
        texts += [
            f"rule {rule.name} uses {function}: the NATS broker does not tell who published or "
            f"how, so it is always {'n/a' if function == 'clientid()' else 'Undefined'} here"
            for function in rule.broker_functions
            if broker is None or not function.startswith(_OF_MQTT_5)
        ]
        texts += _remarks(definition, rule, is_embedded=broker is None)
        findings += [Finding(text, definition.sql_place) for text in texts]
    return Loaded(service, rules, apis_of(service), tuple(findings))


def with_apis_of(loaded: Loaded, service: Service) -> Loaded:
    """Return the same with another model of the service, and its APIs."""
    return loaded._replace(service=service, apis=apis_of(service))


def _loops(service: Service, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """Name rules that feed one another. AWS takes them, too."""
    places = {rule.name: rule.sql_place for rule in service.rules}
    for first, *others in find_cycles(rules):
        way = " → ".join((first, *others, first))
        yield Finding(
            f"a message goes round for ever, by republishing: {way}",
            places[first],
            f"give one of them a WHERE that ends it; here it ends after {REPUBLISH_DEPTH} times",
        )


def _remarks(definition: TopicRule, rule: Rule, *, is_embedded: bool) -> Iterator[str]:
    """Say what of a rule may not be as it looks."""
    if rule.topic_filter is None:
        yield (
            f"rule {rule.name} has no FROM: it takes only what is published to "
            f"{INGEST}{rule.name}/…"
        )
    elif rule.topic_filter.text.startswith(INGEST):
        yield f"rule {rule.name}: below {INGEST} messages go to the rule that is named there alone"
    if not rule.actions:
        yield f"rule {rule.name} has no action"
    for action in (*definition.actions, definition.error_action):
        has_headers = isinstance(action, RepublishAction) and action.headers is not None
        if has_headers and is_embedded:
            yield (
                f"rule {rule.name}: the headers of what it republishes are MQTT 5, which the "
                "embedded broker does not speak: nobody gets them"
            )


def _compile(definition: TopicRule, external: Collection[str]) -> Rule:
    try:
        rule = compile_rule(definition, external)
        if rule.topic_filter is not None:
            subject_of(rule.topic_filter.text)
    except SqlSyntaxError as error:
        if error.place is not None:  # it is in an action
            raise
        raise error.at(sql_position(definition, error.position)) from None
    except BadRequestError as error:
        raise UnsupportedFeatureError(
            f"rule {definition.name}: {error.message}", place=definition.sql_place
        ) from None
    return rule
