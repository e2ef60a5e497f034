"""Merging layers: the highest wins, order does not matter, and merging what was merged changes nothing."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.network.address_merge import AddressMergeController
from controllers.network.hostname_merge import HostnameMergeController
from controllers.network.link_merge import LinkMergeController
from controllers.network.operator_merge import OperatorMergeController
from controllers.network.resolver_merge import ResolverMergeController
from controllers.network.route_merge import RouteMergeController
from controllers.network.timeserver_merge import TimeServerMergeController
from controllers.resources.network import (
    NETWORK_CONFIG,
    AddressSpec,
    HostnameSpec,
    Layer,
    LinkSpec,
    OperatorSpec,
    ResolverSpec,
    RouteSpec,
    TimeServerSpec,
)
from controllers.runtime.controller import Controller
from controllers.runtime.resource import Spec, new
from tests.harness.reconcile import run_reconcile

NAMES = st.sampled_from(["a", "b", "c"])
LISTS = st.lists(NAMES, max_size=3).map(tuple)
CASES: list[tuple[Controller, st.SearchStrategy[Spec]]] = [
    (LinkMergeController(), st.builds(LinkSpec, name=NAMES, up=st.booleans(), mtu=st.sampled_from([0, 1400, 9000]))),
    (AddressMergeController(), st.builds(AddressSpec, address=NAMES, link=NAMES)),
    (RouteMergeController(), st.builds(RouteSpec, destination=NAMES, link=NAMES, gateway=NAMES)),
    (HostnameMergeController(), st.builds(HostnameSpec, hostname=NAMES, domain=NAMES)),
    (ResolverMergeController(), st.builds(ResolverSpec, servers=LISTS, search_domains=LISTS)),
    (TimeServerMergeController(), st.builds(TimeServerSpec, servers=LISTS)),
    (OperatorMergeController(), st.builds(OperatorSpec, link=NAMES, route_metric=st.sampled_from([1, 2]))),
]
IDS = [type(controller).__name__ for controller, _ in CASES]


def merge(controller: Controller, specs: dict[str, Spec], seed: int = 0) -> dict[str, Spec]:
    """Return what a controller makes of specs by id, given in an order that `seed` chooses."""
    resources = [new(id_, spec, namespace=NETWORK_CONFIG) for id_, spec in specs.items()]
    random.Random(seed).shuffle(resources)
    return {wanted.id: wanted.spec for wanted in run_reconcile(controller, resources)}


def layered(specs: st.SearchStrategy[Spec]) -> st.SearchStrategy[dict[str, Spec]]:
    """Return a strategy of specs under layered ids."""
    ids = st.builds(lambda layer, name: f"{layer.value}/{name}", st.sampled_from(Layer), NAMES)
    return st.dictionaries(ids, specs, max_size=8)


@pytest.mark.parametrize(("controller", "strategy"), CASES, ids=IDS)
@given(data=st.data())
def test_merge_is_free_of_order_and_idempotent(
    controller: Controller, strategy: st.SearchStrategy[Spec], data: st.DataObject
) -> None:
    specs = data.draw(layered(strategy))
    once = merge(controller, specs)
    assert merge(controller, specs, seed=data.draw(st.integers(1, 5))) == once
    assert merge(controller, {f"default/{id_}": spec for id_, spec in once.items()}) == once


def test_the_highest_layer_wins() -> None:
    layers = ("operator", "default", "configuration", "cmdline", "platform")
    merged = merge(HostnameMergeController(), {f"{layer}/hostname": HostnameSpec(hostname=layer) for layer in layers})
    assert merged == {"hostname": HostnameSpec(hostname="configuration")}


def test_links_merge_by_field() -> None:
    merged = merge(
        LinkMergeController(),
        {
            "default/eth0": LinkSpec(name="eth0"),
            "operator/eth0": LinkSpec(name="eth0", mtu=1400),
            "configuration/eth0": LinkSpec(name="eth0", up=False),
        },
    )
    assert merged == {"eth0": LinkSpec(name="eth0", up=False, mtu=1400)}


def test_servers_of_one_layer_are_joined_and_of_a_higher_one_replace() -> None:
    leases: dict[str, Spec] = {
        "operator/dhcp4/eth0": ResolverSpec(servers=("a", "b"), search_domains=("x",)),
        "operator/dhcp4/eth1": ResolverSpec(servers=("b", "c")),
        "cmdline/resolvers": ResolverSpec(servers=("z",)),
    }
    assert merge(ResolverMergeController(), leases)["resolvers"] == ResolverSpec(servers=("a", "b", "c"), search_domains=("x",))
    leases["configuration/resolvers"] = ResolverSpec(servers=("q",))
    assert merge(ResolverMergeController(), leases)["resolvers"] == ResolverSpec(servers=("q",), search_domains=("x",))


def test_of_several_leases_names_the_first_counts() -> None:
    specs: dict[str, Spec] = {f"operator/dhcp4/eth{n}": HostnameSpec(hostname=f"n{n}") for n in (1, 0, 2)}
    assert merge(HostnameMergeController(), specs) == {"hostname": HostnameSpec(hostname="n0")}
