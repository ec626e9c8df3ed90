"""Rules that certainly feed one another: each republishes to a topic that the next one takes.

Certain is what holds for every message: a rule with a WHERE may let a message end, and where a
template stands in a topic, only what is before it is known.
docs.aws.amazon.com/iot/latest/developerguide/iot-create-rule.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bellwire.definition.model import RepublishAction
from bellwire.iot.rules import Rule
from bellwire.iot.topics import TopicFilter


def find_cycles(rules: Iterable[Rule]) -> tuple[tuple[str, ...], ...]:
    """Return the cycles, each as the names of its rules, in the order of the file.

    Of cycles that share a rule, one may stand for the others.
    """
    endless = [rule for rule in rules if rule.enabled and not rule.is_filtered]
    fed = {rule.name: [each.name for each in endless if _feeds(rule, each)] for rule in endless}
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for rule in endless:
        cycle = _cycle_from(rule.name, fed)
        if cycle:
            found.setdefault(frozenset(cycle), cycle)
    return tuple(found.values())


def _cycle_from(start: str, fed: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Return a shortest way from a rule back to itself; empty where there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = set()
    for way in ways:  # it grows meanwhile
        for name in fed[way[-1]]:
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()


def _feeds(rule: Rule, other: Rule) -> bool:
    return any(_certainly_takes(other, topic, itself=rule is other) for topic in _topics(rule))


def _topics(rule: Rule) -> Iterator[str]:
    for action in rule.actions:
        if isinstance(action.definition, RepublishAction):
            yield action.definition.topic.text


def _certainly_takes(rule: Rule, topic: str, *, itself: bool) -> bool:
    taken = rule.topic_filter
    if taken is None:
        return False
    topic = topic[1:] if topic.startswith("$$") else topic
    if itself and topic == "${topic()}":
        return True
    fixed, template, _ = topic.partition("${")
    return _begins(taken, fixed) if template else taken.matches(topic)


def _begins(taken: TopicFilter, fixed: str) -> bool:
    """Tell whether a filter takes every topic that begins so."""
    levels = fixed.split("/")[:-1]  # the last one goes on in the template
    return (
        bool(fixed)  # else it may begin with a dollar
        and taken.levels[-1] == "#"
        and len(levels) >= len(taken.levels) - 1
        and taken.matches("/".join((*levels, "x")))
    )
