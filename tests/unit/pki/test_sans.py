"""Names and addresses of servers."""

from typing import Any

import pytest

from controllers.config.documents.api_config import ApiConfig
from controllers.config.documents.cluster_config import ClusterConfig
from controllers.config.documents.etcd_config import EtcdConfig
from controllers.config.parts import CertificateAndKey
from controllers.pki.sans import SansController, filter_subnets, kubernetes_names, make_sans
from controllers.ports import Ports
from controllers.resources.network import HostnameStatus, NodeAddress
from controllers.resources.pki import CertificateSANs
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

CLUSTER = ClusterConfig(name="home", endpoint="https://[2001:db8::9]:6443", service_subnets=("10.96.0.0/12", "fd00::/112"))
GIVEN: list[Resource[Any]] = [
    new("default", ApiConfig(ca=CertificateAndKey(), cert_sans=("Node1.Example.com", "192.0.2.1"))),
    new("default", EtcdConfig(ca=CertificateAndKey(), advertised_subnets=("172.16.0.0/12",))),
    new("default", CLUSTER),
    new("default", NodeAddress(addresses=("10.0.0.2",))),
    new("current", NodeAddress(addresses=("10.0.0.2", "172.16.0.5", "10.244.0.1"))),
    new("hostname", HostnameStatus(hostname="node1", domain="lan")),
]


def test_each_server_gets_its_own() -> None:
    found = {one.id: one.spec for one in run_reconcile(SansController(Ports()), GIVEN)}
    names = ("localhost", "node1", "node1.lan")
    assert found["api"] == CertificateSANs(
        names=tuple(sorted((*names, "node1.example.com"))),
        addresses=("10.0.0.2", "10.244.0.1", "127.0.0.1", "172.16.0.5", "192.0.2.1", "::1"),
    )
    assert found["etcd"] == CertificateSANs(names=names, addresses=("10.0.0.2", "127.0.0.1", "172.16.0.5", "::1"))
    kubernetes = found["kubernetes"]
    assert isinstance(kubernetes, CertificateSANs)
    assert {"10.96.0.1", "fd00::1", "2001:db8::9", "192.0.2.1", "127.0.0.1", "10.0.0.2"} <= set(kubernetes.addresses)
    assert "10.244.0.1" not in kubernetes.addresses, "a bridge's address must not lead to a new certificate"
    assert {"kubernetes", "kubernetes.default.svc.cluster.local", "node1.example.com"} <= set(kubernetes.names)


def test_it_waits_for_a_name_and_an_address() -> None:
    with pytest.raises(Waiting, match="HostnameStatus/hostname"):
        run_reconcile(SansController(Ports()), GIVEN[:5])
    with pytest.raises(Waiting, match="NodeAddress/default"):
        run_reconcile(SansController(Ports()), [*GIVEN[:3], GIVEN[5]])


def test_the_endpoint_may_be_a_name() -> None:
    names = kubernetes_names(ClusterConfig(name="home", endpoint="https://k8s.example.com:6443"))
    assert names[-1] == "k8s.example.com"


def test_helpers() -> None:
    assert make_sans(["", "A", "a", "[::1]", "10.0.0.1"]) == CertificateSANs(names=("a",), addresses=("10.0.0.1", "::1"))
    assert filter_subnets(["10.0.0.1", "::1"], ["10.0.0.0/8"]) == ["10.0.0.1"]
    assert filter_subnets(["10.0.0.1"], []) == []
