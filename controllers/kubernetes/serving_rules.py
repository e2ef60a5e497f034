"""May this node's kubelet have that serving certificate? Pure: what is asked and what the cluster is, problems out.

A node writes its own addresses into its Node, so those alone prove nothing: a node that was broken into could name the API
server's. Therefore nothing of the API server, of services and pods, and of other nodes is ever given away, and of names only
the one that the node's own client certificate vouches for.
Two kinds of problems: faults never become right; delays may, as a Node's status comes, or a dead Node is deleted.
Source: Kubernetes, "Certificates and Certificate Signing Requests", signer `kubernetes.io/kubelet-serving`.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import msgspec

from controllers.config.documents import ClusterConfig
from controllers.kubernetes.serving_request import (
    Address,
    Content,
    SigningRequest,
    Unfit,
    make_subject,
    parse_content,
    plain_address,
)
from controllers.resources.pki import CertificateSANs

SIGNER = "kubernetes.io/kubelet-serving"
NODE_PREFIX, NODES = "system:node:", "system:nodes"

USAGES = (
    frozenset({"digital signature", "server auth"}),
    frozenset({"digital signature", "key encipherment", "server auth"}),
)
"""Of ECDSA keys, and of RSA keys; kubelet before 1.27 asks for all three with both."""

MAX_SHOWN = 64
"""Characters of a name that somebody else chose, in messages."""

Nodes = Mapping[str, frozenset[Address]]
"""Every Node of the cluster and the addresses in its status."""


class Reserved(msgspec.Struct, frozen=True, kw_only=True):
    """What no kubelet may call itself: names (`suffixes` of names) and addresses of the API server, services and pods."""

    names: frozenset[str]
    suffixes: tuple[str, ...]
    addresses: frozenset[Address]
    networks: tuple[IPv4Network | IPv6Network, ...]


def make_reserved(cluster: ClusterConfig, api_server: CertificateSANs) -> Reserved:
    """Return what is reserved in a cluster. In: what the API server's own certificate carries."""
    return Reserved(
        names=frozenset(api_server.names),
        suffixes=(".svc", f".{cluster.dns_domain.lower()}", ".localhost"),
        addresses=frozenset(plain_address(one) for one in api_server.addresses),
        networks=tuple(ip_network(one, strict=False) for one in (*cluster.service_subnets, *cluster.pod_subnets)),
    )


def parse_nodes(items: Iterable[Any]) -> dict[str, frozenset[Address]]:
    """Return the addresses of Nodes (Kubernetes API, core/v1); what is no address is left out."""
    found = {}
    for item in items:
        name = str((item.get("metadata") or {}).get("name") or "")
        found[name] = frozenset(_parse_addresses((item.get("status") or {}).get("addresses") or ()))
    return found


def find_node(request: SigningRequest) -> str:
    """Return the name of the node that asks, empty when no node does."""
    username = request.spec.username
    return username.removeprefix(NODE_PREFIX) if username.startswith(NODE_PREFIX) and NODES in request.spec.groups else ""


def find_faults(request: SigningRequest, reserved: Reserved) -> list[str]:
    """Return what is wrong with a request and stays so."""
    faults = []
    if not find_node(request):
        faults.append(f"{show(request.spec.username)} is not a node ({NODE_PREFIX}NAME in the group {NODES})")
    usages = request.spec.usages
    if len(set(usages)) != len(usages) or frozenset(usages) not in USAGES:
        faults.append(f"its usages are not exactly {', '.join(sorted(USAGES[0]))}, with or without key encipherment")
    try:
        content = parse_content(request.spec.request)
    except Unfit as error:
        return [*faults, str(error)]
    return [*faults, *_find_content_faults(request, content, reserved)]


def find_delays(request: SigningRequest, nodes: Nodes) -> list[str]:
    """Return what the cluster's nodes say against a request without faults; it may change. Raises `Unfit`."""
    name = find_node(request)
    if name not in nodes:
        return [f"the cluster has no node {show(name)}"]
    delays = []
    for address in parse_content(request.spec.request).addresses:
        others = sorted(other for other, has in nodes.items() if other != name and address in has)
        if others:
            delays.append(f"{address} belongs to the node {show(others[0])}: delete that Node if it is gone")
        elif address not in nodes[name]:
            delays.append(f"{address} is not in the status of the node")
    return delays


def show(text: str) -> str:
    """Return somebody else's text, short and printable."""
    cut = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
    return ascii(cut) if not cut.isprintable() or cut != cut.strip() or not cut else cut


def _find_content_faults(request: SigningRequest, content: Content, reserved: Reserved) -> Iterator[str]:
    if tuple(sorted(content.subject)) != make_subject(request.spec.username, NODES):
        yield f"its subject is not CN={show(request.spec.username)}, O={NODES}"
    name = find_node(request)
    for one in content.names:
        if one != name:
            yield f"{show(one)} is not the node's name"
        elif one in reserved.names or one.endswith(reserved.suffixes):
            yield f"{show(one)} is a name of the API server or of services"
    for address in content.addresses:
        if address in reserved.addresses or any(address in network for network in reserved.networks):
            yield f"{address} is an address of the API server, of services or of pods"
        elif address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
            yield f"{address} is no address of one node"


def _parse_addresses(items: Iterable[Any]) -> Iterator[Address]:
    for item in items:
        try:
            yield plain_address(item.get("address") or "")
        except ValueError:
            continue  # a host name
