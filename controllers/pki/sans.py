"""Names and addresses of this node's servers: documents, `NodeAddress`, `HostnameStatus` → `CertificateSANs`.

The API follows every address of the node. Kubernetes and etcd take only the stable ones, because a new certificate there
means a new start, and addresses of bridges come and go with pods.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from controllers.config.documents.api_config import ApiConfig
from controllers.config.documents.cluster_config import ClusterConfig
from controllers.config.documents.etcd_config import EtcdConfig
from controllers.ports import Ports
from controllers.resources.network import HostnameStatus, NodeAddress
from controllers.resources.pki import CertificateSANs
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

LOOPBACK = ("127.0.0.1", "::1")


class SansController(Controller):
    """Documents, `NodeAddress`, `HostnameStatus` → `CertificateSANs` api, kubernetes, etcd."""

    name = "pki.SansController"
    inputs = (
        Input(ApiConfig),
        Input(ClusterConfig),
        Input(EtcdConfig),
        Input(NodeAddress),
        Input(HostnameStatus, id="hostname"),
    )
    outputs = (Output(CertificateSANs),)

    def __init__(self, ports: Ports) -> None:
        """In: nothing of `ports` is needed; every controller is made the same way."""

    def reconcile(self, view: View) -> Iterable[Wanted]:
        hostname = view.get(HostnameStatus, "hostname").spec
        default = view.get(NodeAddress, "default").spec.addresses
        current = view.find(NodeAddress, "current")
        every = (*default, *(current.spec.addresses if current else ()))
        names = [hostname.hostname, "localhost"]
        if hostname.domain:
            names.append(f"{hostname.hostname}.{hostname.domain}")
        for api in view.list(ApiConfig):
            yield Wanted("api", make_sans([*names, *LOOPBACK, *every, *api.spec.cert_sans]))
        for etcd in view.list(EtcdConfig):
            advertised = filter_subnets(every, etcd.spec.advertised_subnets)
            yield Wanted("etcd", make_sans([*names, *LOOPBACK, *default, *advertised]))
        for cluster in view.list(ClusterConfig):
            extra = [name for api in view.list(ApiConfig) for name in api.spec.cert_sans]
            yield Wanted("kubernetes", make_sans([*names, *LOOPBACK, *default, *extra, *kubernetes_names(cluster.spec)]))


def kubernetes_names(cluster: ClusterConfig) -> list[str]:
    """Return what pods and clients call the Kubernetes API: service names, service addresses, the endpoint's host."""
    domain = cluster.dns_domain
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}"]
    services = [str(ipaddress.ip_network(subnet, strict=False)[1]) for subnet in cluster.service_subnets]
    host = urlsplit(cluster.endpoint).hostname
    return names + services + ([host] if host else [])


def filter_subnets(addresses: Iterable[str], subnets: Iterable[str]) -> list[str]:
    """Return the addresses that lie in one of the networks."""
    networks = [ipaddress.ip_network(subnet, strict=False) for subnet in subnets]
    return [one for one in addresses if any(ipaddress.ip_address(one) in network for network in networks)]


def make_sans(found: Iterable[str]) -> CertificateSANs:
    """Return names and addresses told apart, each once, sorted, empty ones left out."""
    names, addresses = set(), set()
    for one in found:
        try:
            addresses.add(str(ipaddress.ip_address(one.strip("[]"))))
        except ValueError:
            names.add(one.lower())
    return CertificateSANs(names=tuple(sorted(names - {""})), addresses=tuple(sorted(addresses)))
