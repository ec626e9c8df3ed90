"""`custom.bellwire.devices`: who may log in to the MQTT broker, and what each may do there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bellwire.definition.access import DeviceLogin, Devices, LoginKind, Policy
from bellwire.definition.apis import Context
from bellwire.definition.device_policies import read_policy
from bellwire.definition.nodes import MappingNode, Node, SequenceNode
from bellwire.definition.overrides import read_section
from bellwire.definition.suggestion import did_you_mean
from bellwire.definition.values import Fields, items_of, text_of
from bellwire.errors import DefinitionError, Place


_POLICY = "AWS::IoT::Policy"
_KEYS = ("users", "tokens", "policies")
_DEFAULT = "default"
"""The policy of a login that names none."""
_SECRET_KEYS: dict[LoginKind, str] = {"user": "password", "token": "token"}
RESERVED = "bellwire"
"""No login starts with it: those are the node's own."""


def read_devices(service: Fields, context: Context) -> Devices | None:
    """Return who may connect; None where the file does not say, and so everybody may.

    A policy is one of `policies` or an `AWS::IoT::Policy` of `resources`, by its logical id or by
    its name. Raises DefinitionError.
    """
    section = read_section(service)
    fields = section.fields("devices") if section else None
    if fields is None:
        return None
    fields.check_keys(_KEYS)
    policies = dict(_own_policies(fields))
    policies.update(_resource_policies(context, policies))
    logins = tuple(_Logins(fields, policies).read())
    if not logins:
        raise DefinitionError(
            f"`{fields.name}` names nobody who may log in",
            place=fields.node.place,
            hint="add `users` or `tokens`",
        )
    return Devices(logins, policies)


class _Logins:
    """Reads logins, whose policies must be there."""

    def __init__(self, fields: Fields, policies: dict[str, Policy]) -> None:
        self._fields = fields
        self._policies = policies

    def read(self) -> Iterator[DeviceLogin]:
        """Yield users and tokens by name."""
        for kind, section in (("user", "users"), ("token", "tokens")):
            logins = self._fields.fields(section)
            for name, entry in logins.node.entries.items() if logins else ():
                assert logins is not None
                yield self._login(kind, name, logins, entry.place)  # type: ignore[arg-type]  # the two kinds above

    def _login(self, kind: LoginKind, name: str, logins: Fields, place: Place) -> DeviceLogin:
        if name.startswith(RESERVED):
            raise DefinitionError(
                f"the name {name} is not free: those of the node start with {RESERVED}", place=place
            )
        secret_key = _SECRET_KEYS[kind]
        node = logins.get(name)
        if node is not None and not isinstance(node, MappingNode):
            secret = text_of(node, logins.path(name))  # `thermostat-1: ${env:PASSWORD}`
            if not secret:
                raise _no_secret(logins.path(name), secret_key, place)
            return DeviceLogin(name, kind, self._default(place), (name,), secret)
        fields = logins.fields(name)
        secret = (fields.text(secret_key) or "") if fields else ""
        if fields is None or not secret:
            raise _no_secret(logins.path(name), secret_key, place)
        fields.check_keys((secret_key, "policies", "things"))
        things = fields.get("things")
        return DeviceLogin(
            name,
            kind,
            self._policies_of(fields, place),
            tuple(_texts(fields, things, "things")) if things else (name,),
            secret,
        )

    def _policies_of(self, fields: Fields, place: Place) -> tuple[str, ...]:
        node = fields.get("policies")
        if node is None:
            return self._default(place)
        names = tuple(_texts(fields, node, "policies"))
        for name in names:
            if name not in self._policies:
                raise DefinitionError(
                    f"there is no policy {name}",
                    place=node.place,
                    hint=did_you_mean(name, self._policies)
                    or f"declare it under {self._fields.path('policies')}",
                )
        return names

    def _default(self, place: Place) -> tuple[str, ...]:
        if _DEFAULT not in self._policies:
            raise DefinitionError(
                "nothing says what this login may do",
                place=place,
                hint=f"name its policies, or declare {self._fields.path('policies')}.{_DEFAULT}",
            )
        return (_DEFAULT,)


def _own_policies(fields: Fields) -> Iterator[tuple[str, Policy]]:
    section = fields.fields("policies")
    for name in section.node.entries if section else ():
        assert section is not None
        policy = section.fields(name)
        if policy is None:
            raise DefinitionError(f"`{section.path(name)}` is empty", place=section.node.place)
        yield name, read_policy(name, policy)


def _resource_policies(context: Context, taken: Iterable[str]) -> Iterator[tuple[str, Policy]]:
    """Yield the policies under `resources` by their logical ids and names."""
    for record in context.template.records():
        if record.type != _POLICY:
            continue
        node = context.variables.get(record.node, "Properties")
        fields = Fields(node or record.node, f"{record.logical_id}.Properties", context.variables)
        document = fields.fields("PolicyDocument")
        if document is None:
            raise DefinitionError(
                f"`{fields.path('PolicyDocument')}` is missing", place=record.place
            )

        def text(node: Node, path: str) -> str:
            return context.intrinsics.text(node, path) or ""

        policy = read_policy(record.logical_id, document, text)
        named = fields.get("PolicyName")
        names = {record.logical_id, text(named, fields.path("PolicyName")) if named else ""}
        yield from ((name, policy) for name in names - {"", *taken})


def _texts(fields: Fields, node: Node, key: str) -> Iterator[str]:
    path = fields.path(key)
    items = items_of(node, path) if isinstance(node, SequenceNode) else (node,)
    return (text_of(fields.variables.resolve(item), path) for item in items)


def _no_secret(path: str, key: str, place: Place) -> DefinitionError:
    return DefinitionError(
        f"`{path}` has no {key}", place=place, hint=f"write `{key}: ${{env:NAME_OF_A_VARIABLE}}`"
    )
