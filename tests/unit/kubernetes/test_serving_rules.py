"""Every rule for a kubelet's serving certificate, one request each."""

from typing import Any

import pytest

from controllers.config.documents import ClusterConfig
from controllers.kubernetes.serving_rules import (
    MAX_SHOWN,
    find_delays,
    find_faults,
    find_node,
    make_reserved,
    parse_nodes,
    show,
)
from controllers.resources.pki import CertificateSANs
from tests.unit.kubernetes.signing import SUBJECT, Asked, make_node, make_pem
from tests.unit.kubernetes.world import cluster

API_SERVER = CertificateSANs(
    names=("cp1", "home.example.org", "kubernetes", "kubernetes.default.svc.cluster.local", "localhost"),
    addresses=("10.96.0.1", "127.0.0.1", "192.0.2.10", "203.0.113.5", "::1"),
)
RESERVED = make_reserved(cluster().spec, API_SERVER)
NODES = parse_nodes(
    [make_node("cp1", "192.0.2.10"), make_node("w1", "192.0.2.21", "2001:db8::21"), make_node("w2", "192.0.2.22")]
)


def named(name: str, *, dns: str = "") -> Asked:
    """What a node of any name asks for itself."""
    user = f"system:node:{name}"
    return Asked(user=user, pem=make_pem((("O", "system:nodes"), ("CN", user)), names=(dns or name,)))


@pytest.mark.parametrize(
    "asked",
    [
        Asked(),
        Asked(usages=("digital signature", "server auth")),
        Asked(usages=("server auth", "key encipherment", "digital signature")),
        Asked(pem=make_pem(subject=SUBJECT[::-1])),
        Asked(pem=make_pem(addresses=("2001:db8::21", "192.0.2.21"))),
        Asked(pem=make_pem(names=())),
        Asked(pem=make_pem(addresses=())),
    ],
)
def test_what_kubelet_asks_for_is_right(asked: Asked) -> None:
    assert find_faults(asked.parsed, RESERVED) == []
    assert find_delays(asked.parsed, NODES) == []


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (Asked(user="alice", groups=("system:masters",)), "alice is not a node"),
        (
            Asked(user="system:bootstrap:abcdef", groups=("system:bootstrappers:nodes",)),
            "system:bootstrap:abcdef is not a node",
        ),
        (Asked(groups=("system:authenticated",)), "system:node:w1 is not a node"),
        (Asked(user="system:node:"), "system:node: is not a node"),
        (Asked(usages=()), "its usages are not exactly"),
        (Asked(usages=("server auth",)), "its usages are not exactly"),
        (Asked(usages=("digital signature", "client auth")), "its usages are not exactly"),
        (Asked(usages=("digital signature", "key encipherment", "server auth", "client auth")), "its usages are not exactly"),
        (Asked(usages=("digital signature", "server auth", "server auth")), "its usages are not exactly"),
        (Asked(user="system:node:w2"), "its subject is not CN=system:node:w2, O=system:nodes"),
        (Asked(pem=make_pem(SUBJECT[:1])), "its subject is not"),
        (Asked(pem=make_pem((("O", "system:masters"), SUBJECT[1]))), "its subject is not"),
        (Asked(pem=make_pem((*SUBJECT, ("O", "system:masters")))), "its subject is not"),
        (Asked(pem=make_pem((*SUBJECT, ("CN", "kubernetes")))), "its subject is not"),
        (Asked(pem=make_pem((*SUBJECT, ("OU", "attic")))), "its subject is not"),
        (Asked(pem=b"junk"), "not exactly one PEM block"),
        (Asked(pem=make_pem(names=(), addresses=())), "subject alternative names"),
        (Asked(pem=make_pem(names=("w1", "w2"))), "w2 is not the node's name"),
        (Asked(pem=make_pem(names=("*.example.org",))), "*.example.org is not the node's name"),
        (Asked(pem=make_pem(names=("w1.example.org",))), "w1.example.org is not the node's name"),
        (Asked(pem=make_pem(names=("kubernetes",))), "kubernetes is not the node's name"),
        (named("kubernetes"), "kubernetes is a name of the API server or of services"),
        (named("cp1"), "cp1 is a name of the API server"),
        (named("home.example.org"), "home.example.org is a name of the API server"),
        (named("db.default.svc"), "db.default.svc is a name of the API server or of services"),
        (named("db.default.svc.cluster.local"), "is a name of the API server or of services"),
        (Asked(pem=make_pem(addresses=("192.0.2.10",))), "192.0.2.10 is an address of the API server"),
        (Asked(pem=make_pem(addresses=("192.0.2.21", "203.0.113.5"))), "203.0.113.5 is an address of the API server"),
        (Asked(pem=make_pem(addresses=("10.96.0.1",))), "10.96.0.1 is an address of the API server"),
        (Asked(pem=make_pem(addresses=("::ffff:10.96.0.1",))), "10.96.0.1 is an address of the API server"),
        (Asked(pem=make_pem(addresses=("10.100.7.7",))), "10.100.7.7 is an address of the API server, of services or of pods"),
        (Asked(pem=make_pem(addresses=("10.244.3.4",))), "10.244.3.4 is an address of the API server, of services or of pods"),
        (Asked(pem=make_pem(addresses=("127.0.0.1",))), "127.0.0.1 is an address of the API server"),
        (Asked(pem=make_pem(addresses=("127.0.0.2",))), "127.0.0.2 is no address of one node"),
        (Asked(pem=make_pem(addresses=("fe80::1",))), "fe80::1 is no address of one node"),
        (Asked(pem=make_pem(addresses=("224.0.0.1",))), "224.0.0.1 is no address of one node"),
        (Asked(pem=make_pem(addresses=("0.0.0.0",))), "0.0.0.0 is no address of one node"),
    ],
)
def test_a_fault(asked: Asked, fault: str) -> None:
    assert fault in "; ".join(find_faults(asked.parsed, RESERVED))


def test_all_faults_are_told_at_once() -> None:
    asked = Asked(user="alice", usages=("client auth",), pem=make_pem(names=("w2",), addresses=("10.96.0.1",)))
    assert len(find_faults(asked.parsed, RESERVED)) == 5


@pytest.mark.parametrize(
    ("pem", "nodes", "delay"),
    [
        (make_pem(), {}, "the cluster has no node w1"),
        (make_pem(), parse_nodes([make_node("w1")]), "192.0.2.21 is not in the status of the node"),
        (make_pem(addresses=("192.0.2.23",)), NODES, "192.0.2.23 is not in the status of the node"),
        (make_pem(addresses=("192.0.2.22",)), NODES, "192.0.2.22 belongs to the node w2: delete that Node if it is gone"),
        (
            make_pem(),
            parse_nodes([make_node("w1", "192.0.2.21"), make_node("w2", "::ffff:192.0.2.21")]),
            "192.0.2.21 belongs to the node w2",
        ),
    ],
)
def test_a_delay(pem: bytes, nodes: dict[str, Any], delay: str) -> None:
    assert delay in "; ".join(find_delays(Asked(pem=pem).parsed, nodes))


def test_every_kind_of_address_of_a_node_counts() -> None:
    addresses = [{"type": "ExternalIP", "address": "198.51.100.7"}, {"type": "Hostname", "address": "2001:db8::7"}]
    nodes = parse_nodes([{"metadata": {"name": "w1"}, "status": {"addresses": addresses}}])
    assert find_delays(Asked(pem=make_pem(addresses=("198.51.100.7", "2001:db8::7"))).parsed, nodes) == []


def test_nodes_without_a_status() -> None:
    assert parse_nodes([{"metadata": {"name": "w1"}}, {"metadata": {"name": "w2"}, "status": {"addresses": None}}]) == {
        "w1": frozenset(),
        "w2": frozenset(),
    }


def test_the_cluster_s_own_networks_and_domain_are_reserved() -> None:
    config = ClusterConfig(
        name="home",
        endpoint="https://192.0.2.10:6443",
        pod_subnets=("172.20.0.0/16",),
        service_subnets=("fd00:1::/112",),
        dns_domain="Home.Arpa",
    )
    reserved = make_reserved(config, CertificateSANs())
    assert find_faults(Asked(pem=make_pem(addresses=("172.20.1.1",))).parsed, reserved)
    assert find_faults(Asked(pem=make_pem(addresses=("fd00:1::9",))).parsed, reserved)
    assert find_faults(Asked(pem=make_pem(addresses=("10.96.0.1",))).parsed, reserved) == []
    assert find_faults(named("db.home.arpa").parsed, reserved)


def test_find_node() -> None:
    assert find_node(Asked().parsed) == "w1"
    assert find_node(Asked(user="w1").parsed) == ""


def test_what_somebody_else_chose_is_short_and_printable() -> None:
    assert show("w1") == "w1"
    assert show("a\nb") == "'a\\nb'"
    assert show("") == "''"
    assert len(show("x" * 1000)) == MAX_SHOWN + 1
