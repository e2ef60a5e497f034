"""The network of nodes in namespaces is planned without touching the host."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from image.errors import ImageError
from image.node_network import CANDIDATES, NodeNetwork, find_subnet

NETWORK = NodeNetwork("a-cluster-with-a-long-name", IPv4Network("10.66.3.0/24"))


def test_names_fit_the_kernels_limit() -> None:
    assert len(NETWORK.bridge) <= 15
    assert len(NETWORK.host_end) <= 15
    assert NETWORK.bridge != NodeNetwork("another", NETWORK.subnet).bridge


def test_the_kernel_argument_is_the_documented_form() -> None:
    assert NETWORK.kernel_argument == "ip=10.66.3.2::10.66.3.1:255.255.255.0::eth0:off"


def test_plans() -> None:
    assert NETWORK.plan_bridge()[1] == ("ip", "address", "add", "10.66.3.1/24", "dev", NETWORK.bridge)
    assert NETWORK.plan_cable(42)[0][-5:] == ("peer", "name", "eth0", "netns", "42")


def test_only_what_is_there_is_removed() -> None:
    assert NETWORK.plan_removal(["lo", "eth0"]) == []
    assert NETWORK.plan_removal(["lo", NETWORK.bridge]) == [("ip", "link", "delete", NETWORK.bridge)]


def test_find_subnet_avoids_what_overlaps() -> None:
    assert find_subnet([]) == IPv4Network("10.66.0.0/24")
    assert find_subnet([IPv4Network("10.66.0.0/23"), IPv4Network("10.66.2.7/32")]) == IPv4Network("10.66.3.0/24")


def test_no_subnet_left() -> None:
    with pytest.raises(ImageError, match="no free network"):
        find_subnet([IPv4Network("10.0.0.0/8")])
    assert len(CANDIDATES) == 256
