"""From a name, an endpoint and a secrets bundle to `controlplane.yaml`, `worker.yaml` and the client's file.

What a worker gets is what it needs: certificates without keys, and the token to join with.
"""

import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from controllers.config.bundle import SecretsBundle
from controllers.config.clientconfig import ClientConfig, Context, make_client_certificate
from controllers.config.document import Document
from controllers.config.documents import (
    ApiConfig,
    ClusterConfig,
    EtcdConfig,
    HostnameConfig,
    KubernetesSecretsConfig,
    MachineConfig,
    MachineType,
)
from controllers.config.parts import CertificateAndKey
from controllers.config.patch import apply_patches
from controllers.config.problem import ConfigError
from controllers.config.render import render_document
from controllers.config.validation import find_conflicts, find_missing
from controllers.runtime.resource import Part

_COMMENTS: dict[type[Document], str] = {
    MachineConfig: "What this node is: `controlplane` or `worker`.",
    ClusterConfig: "The cluster; the same on every node. `endpoint` is where everybody reaches the Kubernetes API.",
    ApiConfig: "The node's own API. `ca` signs the certificates of nodes and of administrators.",
    EtcdConfig: "etcd's authority; members know each other by its certificates.",
    KubernetesSecretsConfig: "Authorities, keys and the join token of Kubernetes.",
    HostnameConfig: "The node's name. Replace `auto: stable` by `hostname: NAME` to choose one.",
}

_MORE = """\
# More kinds of documents, each optional (the configuration reference has them all):
#
# ---
# apiVersion: ophite/v1
# kind: LinkConfig            # a static address instead of DHCP
# name: eth0
# addresses: [192.0.2.10/24]
# routes:
#   - destination: default
#     gateway: 192.0.2.1
# ---
# apiVersion: ophite/v1
# kind: TimeSyncConfig        # other time servers
# servers: [ntp.example.com]
"""


class GenerateOptions(Part, frozen=True, kw_only=True):
    """What `gen config` may be told. `sans`: further names of the nodes' API; `patches` as `patch.apply_patches` takes
    them; `client_days`: how long the administrator's certificate is valid.
    """

    pod_subnets: tuple[str, ...] = ("10.244.0.0/16",)
    service_subnets: tuple[str, ...] = ("10.96.0.0/12",)
    dns_domain: str = "cluster.local"
    allow_scheduling_on_control_planes: bool = False
    sans: tuple[str, ...] = ()
    patches: tuple[str, ...] = ()
    control_plane_patches: tuple[str, ...] = ()
    worker_patches: tuple[str, ...] = ()
    client_days: int = 365


class Generated(NamedTuple):
    """The three files. `client` is rendered with `clientconfig.render_client_config`."""

    controlplane: str
    worker: str
    client: ClientConfig


def generate_config(
    name: str,
    endpoint: str,
    bundle: SecretsBundle,
    options: GenerateOptions | None = None,
    now: datetime.datetime | None = None,
) -> Generated:
    """Return the files of a new cluster `name` whose Kubernetes API is at `endpoint` (https URL).

    Raises `ConfigError` when name, endpoint or options do not make a valid configuration.
    """
    chosen = options or GenerateOptions()
    control_plane = _control_plane(name, endpoint, bundle, chosen)
    worker = _worker(control_plane)
    for documents in (control_plane, worker):
        problems = [problem for document in documents for problem in document.validate()]
        problems += find_conflicts(documents) + find_missing(documents)
        if problems:
            raise ConfigError(problems)
    return Generated(
        _render(control_plane, (*chosen.patches, *chosen.control_plane_patches)),
        _render(worker, (*chosen.patches, *chosen.worker_patches)),
        generate_client(name, endpoint, bundle, chosen.client_days, now),
    )


def generate_client(
    name: str, endpoint: str, bundle: SecretsBundle, days: int = 365, now: datetime.datetime | None = None
) -> ClientConfig:
    """Return a client's file with one context `name` and an administrator's certificate valid for `days`."""
    pair = make_client_certificate(bundle.os, days=days, now=now)
    host = urlsplit(endpoint).hostname or ""
    context = Context(endpoints=(host,) if host else (), ca=bundle.os.crt, crt=pair.crt, key=pair.key)
    return ClientConfig(context=name, contexts={name: context})


def _control_plane(name: str, endpoint: str, bundle: SecretsBundle, options: GenerateOptions) -> tuple[Document, ...]:
    return (
        MachineConfig(type=MachineType.CONTROL_PLANE),
        ClusterConfig(
            name=name,
            cluster_id=bundle.cluster_id,
            endpoint=endpoint,
            pod_subnets=options.pod_subnets,
            service_subnets=options.service_subnets,
            dns_domain=options.dns_domain,
            allow_scheduling_on_control_planes=options.allow_scheduling_on_control_planes,
        ),
        ApiConfig(ca=bundle.os, cert_sans=options.sans),
        EtcdConfig(ca=bundle.etcd),
        KubernetesSecretsConfig(
            ca=bundle.kubernetes,
            aggregator_ca=bundle.front_proxy,
            service_account_key=bundle.service_account_key,
            encryption_secret=bundle.encryption_secret,
            bootstrap_token=bundle.bootstrap_token,
        ),
        HostnameConfig(auto="stable"),
    )


def _worker(control_plane: tuple[Document, ...]) -> tuple[Document, ...]:
    """Return a worker's documents: the control plane's without what only it may know."""
    documents: list[Document] = []
    for document in control_plane:
        match document:
            case MachineConfig():
                documents.append(MachineConfig(type=MachineType.WORKER))
            case ApiConfig():
                documents.append(ApiConfig(ca=CertificateAndKey(crt=document.ca.crt), cert_sans=document.cert_sans))
            case KubernetesSecretsConfig():
                ca = CertificateAndKey(crt=document.ca.crt)
                documents.append(KubernetesSecretsConfig(ca=ca, bootstrap_token=document.bootstrap_token))
            case EtcdConfig():
                continue
            case _:
                documents.append(document)
    return tuple(documents)


def _render(documents: tuple[Document, ...], patches: tuple[str, ...]) -> str:
    """Return documents as YAML with a comment above each; patched text has no comments."""
    texts = [f"# {_COMMENTS[type(document)]}\n{render_document(document)}" for document in documents]
    text = "---\n".join(texts)
    return apply_patches(text, patches) if patches else f"{text}\n{_MORE}"
