"""Documents → the objects that a cluster begins with: bindings, the bootstrap token, kube-proxy.

CoreDNS is not among them: the image holds none. Apply its manifest like any other workload; its service belongs on the
tenth address of the service network, which kubelet hands to pods as their resolver.
"""

import json
from collections.abc import Iterable
from typing import Any

from controllers.config.documents import ClusterConfig, KubernetesSecretsConfig, MachineConfig, MachineType
from controllers.kubernetes.kube_proxy import NAME as KUBE_PROXY
from controllers.kubernetes.kube_proxy import make_kube_proxy
from controllers.kubernetes.rbac import make_bindings, make_bootstrap_token, make_service_account
from controllers.ports import Ports
from controllers.resources.kubernetes import Manifest
from controllers.resources.machine import VersionInfo
from controllers.runtime.controller import Controller, Input, Output, View, Wanted


class ManifestsController(Controller):
    """Renders them on a control plane."""

    name = "kubernetes.ManifestsController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(ClusterConfig, id="default"),
        Input(KubernetesSecretsConfig, id="default"),
        Input(VersionInfo, id="version"),
    )
    outputs = (Output(Manifest),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Every object, numbered in the order of applying."""
        if view.get(MachineConfig, "default").spec.type is not MachineType.CONTROL_PLANE:
            return
        cluster = view.get(ClusterConfig, "default").spec
        token = view.get(KubernetesSecretsConfig, "default").spec.bootstrap_token
        arch = view.get(VersionInfo, "version").spec.arch
        for number, document in enumerate(list_manifests(cluster.pod_subnets, token, arch)):
            kind, name = document["kind"], document["metadata"]["name"]
            spec = Manifest(kind=kind, name=name, document=json.dumps(document, sort_keys=True))
            yield Wanted(f"{number:02}-{name.replace(':', '-')}", spec)


def list_manifests(pod_subnets: tuple[str, ...], token: str, arch: str) -> list[dict[str, Any]]:
    """Return the objects in order; `token` may be empty."""
    return [
        *make_bindings(),
        *([make_bootstrap_token(token)] if token else []),
        make_service_account(KUBE_PROXY),
        make_kube_proxy(pod_subnets, arch),
    ]
