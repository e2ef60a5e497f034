"""Roles: declared by every method, read from certificates."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from api.server import roles
from api.server.roles import Role, make_rules, may, parse_organizations, parse_roles


def test_every_method_declares_a_known_role() -> None:
    declared = {method.full_name: roles.read_options(method)[0] for method in roles.methods()}
    assert declared
    assert set(declared.values()) <= set(Role)


def test_every_method_has_a_rule() -> None:
    assert {roles.path_of(method) for method in roles.methods()} <= set(make_rules())


def test_method_without_role_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = descriptor_pb2.FileDescriptorProto(name="test/careless.proto", package="test.careless", syntax="proto3")
    file.message_type.add(name="Empty")
    service = file.service.add(name="Careless")
    service.method.add(name="Wipe", input_type=".test.careless.Empty", output_type=".test.careless.Empty")
    pool = descriptor_pool.DescriptorPool()
    monkeypatch.setattr(roles, "FILES", (pool.AddSerializedFile(file.SerializeToString()),))
    with pytest.raises(ValueError, match=r"test\.careless\.Careless\.Wipe declares no known role"):
        make_rules()


@pytest.mark.parametrize(
    ("subject", "organizations"),
    [
        ("", []),
        ("CN=me", []),
        ("O=os:admin", ["os:admin"]),
        ("CN=me,O=os:admin", ["os:admin"]),
        ("O=os:reader+O=os:operator,CN=me", ["os:reader", "os:operator"]),
        (r"CN=x\,O=os:admin", []),
        (r"O=x\\,O=os:reader", ["x\\", "os:reader"]),
        (r"O=a\+O=os:admin", ["a+O=os:admin"]),
        ("OU=os:admin,CN=O=os:admin", []),
    ],
)
def test_organizations(subject: str, organizations: list[str]) -> None:
    assert parse_organizations(subject) == organizations


def test_unknown_organizations_are_no_roles() -> None:
    assert parse_roles("O=os:admin2,O=admin,O=os:reader") == {Role.READER}


@pytest.mark.parametrize(
    ("have", "can"),
    [
        (Role.ADMIN, set(Role)),
        (Role.OPERATOR, {Role.OPERATOR, Role.READER, Role.ETCD_BACKUP}),
        (Role.READER, {Role.READER}),
        (Role.ETCD_BACKUP, {Role.ETCD_BACKUP}),
    ],
)
def test_what_a_role_implies(have: Role, can: set[Role]) -> None:
    assert {needed for needed in Role if may([have], needed)} == can


def test_nobody_may_do_anything() -> None:
    assert not any(may([], needed) for needed in Role)
