"""Who may call what: roles from a client certificate, and what every method declares in its descriptor.

Model: the certificate's Organization fields name roles, as in `O=os:admin`; a method names the least role that it needs. TLS
has verified the certificate before anything here runs, so only its subject is read (RFC 2253 text, as gRPC hands it over).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

from api.generated import (
    config_pb2,
    etcd_pb2,
    hardware_pb2,
    inspect_pb2,
    install_pb2,
    lifecycle_pb2,
    machine_pb2,
    meta_pb2,
    options_pb2,
    reset_pb2,
    state_pb2,
)

FILES: tuple[FileDescriptor, ...] = (
    machine_pb2.DESCRIPTOR,
    state_pb2.DESCRIPTOR,
    config_pb2.DESCRIPTOR,
    etcd_pb2.DESCRIPTOR,
    inspect_pb2.DESCRIPTOR,
    meta_pb2.DESCRIPTOR,
    install_pb2.DESCRIPTOR,
    lifecycle_pb2.DESCRIPTOR,
    reset_pb2.DESCRIPTOR,
    hardware_pb2.DESCRIPTOR,
)
"""Every file that declares a service."""


class Role(StrEnum):
    """What a certificate may say."""

    ADMIN = "os:admin"
    OPERATOR = "os:operator"
    READER = "os:reader"
    ETCD_BACKUP = "os:etcd:backup"


IMPLIED: Mapping[Role, frozenset[Role]] = {
    Role.ADMIN: frozenset(Role),
    Role.OPERATOR: frozenset({Role.OPERATOR, Role.READER, Role.ETCD_BACKUP}),
    Role.READER: frozenset({Role.READER}),
    Role.ETCD_BACKUP: frozenset({Role.ETCD_BACKUP}),
}
"""What each role may do besides its own."""


class Rule(NamedTuple):
    """What a method asks of its caller. `role` None: any caller that TLS let in."""

    role: Role | None
    maintenance: bool


FOREIGN: Mapping[str, Rule] = {
    "/grpc.health.v1.Health/Check": Rule(None, maintenance=True),
    "/grpc.health.v1.Health/Watch": Rule(None, maintenance=False),
    "/grpc.health.v1.Health/List": Rule(None, maintenance=False),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Rule(Role.READER, maintenance=False),
}
"""The same for services that are not described in `api/proto`."""


def methods() -> Iterator[MethodDescriptor]:
    """Yield every method of every service of Ophite."""
    for file in FILES:
        for service in file.services_by_name.values():
            yield from service.methods


def path_of(method: MethodDescriptor) -> str:
    """Return the HTTP/2 path of a method: `/ophite.v1.MachineService/Version`."""
    return f"/{method.containing_service.full_name}/{method.name}"


def make_rules() -> dict[str, Rule]:
    """Return the rule of every method by its path. Raises `ValueError` for a method that declares no known role."""
    rules = dict(FOREIGN)
    for method in methods():
        declared, maintenance = read_options(method)
        try:
            role = Role(declared)
        except ValueError:
            raise ValueError(f"{method.full_name} declares no known role: {declared!r}") from None
        rules[path_of(method)] = Rule(role, maintenance)
    return rules


def read_options(method: MethodDescriptor) -> tuple[str, bool]:
    """Return what a method declares: its role, empty if it declares none, and whether it answers in maintenance mode."""
    extensions: Any = method.GetOptions().Extensions  # typeshed's type of custom options does not fit the generated ones
    return str(extensions[options_pb2.role]), bool(extensions[options_pb2.maintenance])


def may(roles: Iterable[Role], needed: Role) -> bool:
    """Return whether somebody with `roles` may do what `needed` may."""
    return any(needed in IMPLIED[role] for role in roles)


def parse_organizations(subject: str) -> list[str]:
    """Return the Organization values of a subject in RFC 2253 form: `O=os:admin,CN=me` gives `os:admin`.

    A comma or plus sign inside a value is escaped there, so it cannot smuggle in another attribute.
    """
    attributes = re.findall(r"(?:[^\\,+]|\\.)+", subject)
    return [_unescape(value) for key, _, value in (text.partition("=") for text in attributes) if key.strip() == "O"]


def parse_roles(subject: str) -> frozenset[Role]:
    """Return the roles that a subject names; Organizations that are no role are passed over."""
    known = {role.value for role in Role}
    return frozenset(Role(name) for name in parse_organizations(subject) if name in known)


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value)
