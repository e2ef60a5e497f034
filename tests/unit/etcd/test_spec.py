"""When etcd runs, and what it waits for."""

from typing import Any

import pytest

from controllers.config.documents import EtcdConfig, MachineConfig, MachineType
from controllers.config.parts import CertificateAndKey
from controllers.etcd.spec import EtcdSpecController, bracket, choose_address
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdBootstrap, EtcdData, EtcdSpec
from controllers.resources.network import HostnameStatus, NodeAddress
from controllers.resources.timesync import TimeStatus
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile


def world(type_: MachineType = MachineType.CONTROL_PLANE, **changes: Any) -> list[Resource[Any]]:
    """Return a node that can start etcd; `changes` replaces resources by id, None leaves one out."""
    specs = {
        "config": EtcdConfig(ca=CertificateAndKey(crt="c", key="k")),
        "data": EtcdData(initialized=True, path="/var/lib/etcd"),
        "bootstrap": None,
        "hostname": HostnameStatus(hostname="cp1"),
        "address": NodeAddress(addresses=("192.0.2.1", "10.0.0.1")),
        "time": TimeStatus(synced=True),
        **changes,
    }
    ids = {"config": "default", "address": "default"}
    made = [new(ids.get(name, name), spec) for name, spec in specs.items() if spec is not None]
    return [new("default", MachineConfig(type=type_)), *made]


def test_existing_data() -> None:
    (wanted,) = run_reconcile(EtcdSpecController(Ports()), world())
    assert wanted.spec == EtcdSpec(
        name="cp1", address="192.0.2.1", initial_cluster="cp1=https://192.0.2.1:2380", initial_cluster_state="existing"
    )


def test_bootstrap_was_accepted() -> None:
    resources = world(data=EtcdData(initialized=False, path="/x"), bootstrap=EtcdBootstrap(requested=1.0))
    (wanted,) = run_reconcile(EtcdSpecController(Ports()), resources)
    assert isinstance(wanted.spec, EtcdSpec)
    assert wanted.spec.initial_cluster_state == "new"


def test_a_worker_has_none() -> None:
    assert run_reconcile(EtcdSpecController(Ports()), world(MachineType.WORKER)) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data": EtcdData(initialized=False, path="/x")}, "`ophite bootstrap`"),
        ({"data": None}, "EtcdData/data"),
        ({"config": None}, "EtcdConfig/default"),
        ({"time": TimeStatus(synced=False)}, "the clock to be set"),
        ({"hostname": None}, "HostnameStatus/hostname"),
        ({"address": NodeAddress(addresses=())}, "an address of this node"),
    ],
)
def test_it_says_what_it_waits_for(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Waiting, match=reason):
        run_reconcile(EtcdSpecController(Ports()), world(**changes))


def test_advertised_subnets_choose_the_address() -> None:
    assert choose_address(("192.0.2.1", "10.0.0.1"), ("10.0.0.0/8",)) == "10.0.0.1"
    with pytest.raises(Waiting, match=r"in 172\.16\.0\.0/12"):
        choose_address(("192.0.2.1",), ("172.16.0.0/12",))
    assert bracket("2001:db8::1") == "[2001:db8::1]"
