"""What no single document can know: whether they fit together, and whether they are enough to run a node.

`find_conflicts` looks at documents against each other and, when the node's own addresses are given, against them;
`find_missing` says what a complete configuration still lacks. A complete one has everything that a control plane, or a
worker, needs to join its cluster.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from controllers.config.checks import Network, is_address
from controllers.config.document import Document
from controllers.config.documents import (
    ApiConfig,
    ClusterConfig,
    EtcdConfig,
    ExistingVolumeConfig,
    KubernetesSecretsConfig,
    LinkConfig,
    MachineConfig,
    MachineType,
    UserVolumeConfig,
)
from controllers.config.parts import CertificateAndKey
from controllers.config.problem import Problem

D = TypeVar("D", bound=Document)
_FROM_GEN = "take it from the output of `ophite gen config`"


def find_document(documents: Iterable[Document], type_: type[D]) -> D | None:
    """Return the first document of a kind, or None."""
    return next((document for document in documents if isinstance(document, type_)), None)


def is_complete(documents: Sequence[Document]) -> bool:
    """Return whether a node can leave maintenance with these documents."""
    return not find_missing(documents)


def is_partial(documents: Sequence[Document]) -> bool:
    """Return whether there are only documents that may be applied without the rest, in maintenance mode."""
    return bool(documents) and all(document.partial for document in documents)


def find_missing(documents: Sequence[Document]) -> list[Problem]:
    """Return what a complete configuration lacks."""
    machine = find_document(documents, MachineConfig)
    control_plane = machine is None or machine.type is MachineType.CONTROL_PLANE
    found = [_missing_kind(type_) for type_ in (MachineConfig, ApiConfig, ClusterConfig) if not find_document(documents, type_)]
    secrets = find_document(documents, KubernetesSecretsConfig)
    if secrets is None:
        found.append(_missing_kind(KubernetesSecretsConfig))
    elif not secrets.bootstrap_token:
        found.append(secrets.problem("bootstrapToken", "missing", _FROM_GEN))
    if control_plane and machine is not None:
        found += _missing_on_control_plane(documents, secrets)
    return found


def _missing_on_control_plane(documents: Sequence[Document], secrets: KubernetesSecretsConfig | None) -> Iterator[Problem]:
    api = find_document(documents, ApiConfig)
    if api is not None and not api.ca.key:
        yield api.problem("ca.key", "missing on a control plane", _FROM_GEN)
    if find_document(documents, EtcdConfig) is None:
        yield _missing_kind(EtcdConfig)
    if secrets is None:
        return
    needed = {
        "ca.key": secrets.ca.key,
        "aggregatorCA": secrets.aggregator_ca.key,
        "serviceAccountKey": secrets.service_account_key,
        "encryptionSecret": secrets.encryption_secret,
    }
    for path, value in needed.items():
        if not value:
            yield secrets.problem(path, "missing on a control plane", _FROM_GEN)


def _missing_kind(type_: type[Document]) -> Problem:
    return Problem(document=type_.__name__, message="the document is missing", hint=_FROM_GEN)


def find_conflicts(documents: Sequence[Document], node_addresses: Iterable[str] = ()) -> list[Problem]:
    """Return where documents contradict each other. `node_addresses`: what the node has now, without prefix length."""
    return [
        *_worker_secrets(documents),
        *_subnets(documents),
        *_endpoint(documents),
        *_link_addresses(documents),
        *_own_addresses(documents, node_addresses),
        *_volume_directories(documents),
    ]


def _worker_secrets(documents: Sequence[Document]) -> Iterator[Problem]:
    """A worker must not know what only control planes may: it would be a way to become one."""
    machine = find_document(documents, MachineConfig)
    if machine is None or machine.type is not MachineType.WORKER:
        return
    hint = "remove it; a worker that is broken into would give the cluster away"
    etcd = find_document(documents, EtcdConfig)
    if etcd is not None:
        yield etcd.problem("", "only for control planes", hint)
    for document, pair in _authorities(documents):
        if pair.key:
            yield document.problem("ca.key", "only for control planes", hint)
    secrets = find_document(documents, KubernetesSecretsConfig)
    if secrets is not None:
        private = {
            "aggregatorCA.key": secrets.aggregator_ca.key,
            "serviceAccountKey": secrets.service_account_key,
            "encryptionSecret": secrets.encryption_secret,
        }
        for path in (path for path, value in private.items() if value):
            yield secrets.problem(path, "only for control planes", hint)


def _authorities(documents: Sequence[Document]) -> Iterator[tuple[Document, CertificateAndKey]]:
    for document in documents:
        if isinstance(document, (ApiConfig, KubernetesSecretsConfig)):
            yield document, document.ca


def _networks(texts: Iterable[str]) -> list[Network]:
    """Return the valid networks; what is not valid was reported by its document."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            continue
    return found


def _cluster_networks(documents: Sequence[Document]) -> list[tuple[str, Network]]:
    cluster = find_document(documents, ClusterConfig)
    if cluster is None:
        return []
    pods = [("podSubnets", network) for network in _networks(cluster.pod_subnets)]
    return pods + [("serviceSubnets", network) for network in _networks(cluster.service_subnets)]


def _subnets(documents: Sequence[Document]) -> Iterator[Problem]:
    cluster = find_document(documents, ClusterConfig)
    if cluster is None:
        return
    for pods in _networks(cluster.pod_subnets):
        for services in _networks(cluster.service_subnets):
            if pods.overlaps(services):
                yield cluster.problem("serviceSubnets", f"{services} overlaps the pods' {pods}", "use disjoint networks")


def _endpoint(documents: Sequence[Document]) -> Iterator[Problem]:
    cluster = find_document(documents, ClusterConfig)
    if cluster is None:
        return
    try:
        host = urlsplit(cluster.endpoint).hostname or ""
    except ValueError:
        return
    for where in _inside(host, documents):
        yield cluster.problem("endpoint", f"{host} is inside {where}", "use an address of the machines' own network")


def _link_addresses(documents: Sequence[Document]) -> Iterator[Problem]:
    """Static addresses: each on one link only, and none that belongs to pods or services."""
    owners: dict[str, str] = {}
    for link in documents:
        if not isinstance(link, LinkConfig):
            continue
        for index, text in enumerate(link.addresses):
            address = text.partition("/")[0]
            path = f"addresses[{index}]"
            other = owners.setdefault(address, link.name)
            if other != link.name:
                yield link.problem(path, f"{address} is on {other} too", "an address belongs to one link")
            for where in _inside(address, documents):
                yield link.problem(path, f"{address} is inside {where}", "use an address of the machines' own network")


def _own_addresses(documents: Sequence[Document], addresses: Iterable[str]) -> Iterator[Problem]:
    cluster = find_document(documents, ClusterConfig)
    if cluster is None:
        return
    for address in addresses:
        for where in _inside(address, documents):
            field, _, network = where.partition(" ")
            yield cluster.problem(field, f"{network} holds this node's address {address}", "use another network")


def _volume_directories(documents: Sequence[Document]) -> Iterator[Problem]:
    """A directory belongs to one volume; two of one kind were reported by the loader."""
    owners = {document.name: document for document in documents if isinstance(document, UserVolumeConfig)}
    for document in documents:
        if isinstance(document, ExistingVolumeConfig) and document.name in owners:
            message = f"/var/mnt/{document.name} is the directory of {owners[document.name].title} too"
            yield document.problem("name", message, "give one of them another name")


def _inside(host: str, documents: Sequence[Document]) -> Iterator[str]:
    """Yield `FIELD NETWORK` of each cluster network that holds an address."""
    if not is_address(host):
        return
    address = ipaddress.ip_address(host)
    for field, network in _cluster_networks(documents):
        if address in network:
            yield f"{field} {network}"
