"""NodeAddressController: which of the kernel's addresses are this node's, and the one that others should use.

Not counted: loopback and link-local ones, and those of pods and services. The chosen one stays as long as it exists, so
that certificates and etcd peers do not change because a second link came up.
"""

import ipaddress
from collections.abc import Iterator

from controllers.config.documents import ClusterConfig
from controllers.resources.network import AddressStatus, LinkStatus, NodeAddress, RouteStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NodeAddressController(Controller):
    """AddressStatus → NodeAddress `current` (all) and `default` (one)."""

    name = "network.NodeAddressController"
    inputs = (Input(AddressStatus), Input(LinkStatus), Input(RouteStatus), Input(ClusterConfig))
    outputs = (Output(NodeAddress),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        links = {link.id: link.spec for link in view.list(LinkStatus)}
        excluded = _cluster_networks(view)
        routed = {route.spec.link for route in view.list(RouteStatus) if route.spec.destination == "default"}
        found: dict[str, tuple[bool, bool, int, Address]] = {}
        for resource in view.list(AddressStatus):
            spec = resource.spec
            link = links.get(spec.link)
            address = ipaddress.ip_interface(spec.address).ip
            if link is None or link.kind == "loopback" or not _counts(address, spec.scope, excluded):
                continue
            found[str(address)] = (spec.link not in routed, address.version == 6, link.index, address)
        ordered = sorted(found, key=lambda text: (*found[text][:3], int(found[text][3])))
        if not ordered:
            return
        yield Wanted("current", NodeAddress(addresses=tuple(ordered)))
        kept = [own.spec.addresses[0] for own in view.own(NodeAddress) if own.id == "default"]
        chosen = kept[0] if kept and kept[0] in found else ordered[0]
        yield Wanted("default", NodeAddress(addresses=(chosen,)))


def _counts(address: Address, scope: str, excluded: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    if scope not in ("global", "site") or address.is_loopback or address.is_link_local:
        return False
    return not any(address in network for network in excluded)


def _cluster_networks(view: View) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [
        ipaddress.ip_network(text)
        for cluster in view.list(ClusterConfig)
        for text in (*cluster.spec.pod_subnets, *cluster.spec.service_subnets)
    ]
