"""The node's name and address."""

import pytest

from controllers.config.documents import KubeletConfig
from controllers.kubernetes.node_ip import NodeIPController, choose_addresses
from controllers.kubernetes.nodename import NodenameController
from controllers.ports import Ports
from controllers.resources.kubernetes import NodeIP, Nodename
from controllers.resources.network import HostnameStatus, NodeAddress
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import new
from tests.harness.reconcile import run_reconcile


def test_nodename_is_the_short_host_name() -> None:
    (wanted,) = run_reconcile(NodenameController(Ports()), [new("hostname", HostnameStatus(hostname="CP1.example.org"))])
    assert wanted.spec == Nodename(nodename="cp1")


def test_addresses() -> None:
    default = new("default", NodeAddress(addresses=("192.0.2.1",)))
    current = new("current", NodeAddress(addresses=("192.0.2.1", "10.0.0.1")))
    (wanted,) = run_reconcile(NodeIPController(Ports()), [default, current])
    assert wanted.spec == NodeIP(addresses=("192.0.2.1",))
    inside = new("default", KubeletConfig(node_ip_subnets=("10.0.0.0/8",)))
    (wanted,) = run_reconcile(NodeIPController(Ports()), [default, current, inside])
    assert wanted.spec == NodeIP(addresses=("10.0.0.1",))
    nowhere = new("default", KubeletConfig(node_ip_subnets=("172.16.0.0/12",)))
    with pytest.raises(Waiting, match=r"in 172\.16\.0\.0/12"):
        run_reconcile(NodeIPController(Ports()), [default, current, nowhere])


def test_one_address_per_family() -> None:
    assert choose_addresses(("192.0.2.1", "192.0.2.2", "2001:db8::1"), ()) == ("192.0.2.1", "2001:db8::1")
