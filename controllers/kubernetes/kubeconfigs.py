"""Certificates and endpoint → kubeconfig files of the node's own clients, and the administrator's.

The node's files name certificate files instead of holding them, so that a renewed certificate needs no restart.
A control plane talks to its own API server on loopback, a worker to the cluster's endpoint; a worker's kubelet writes its own
kubeconfig when it has joined.
"""

import base64
from collections.abc import Iterable
from typing import Any

from controllers.config.documents import ClusterConfig, KubernetesSecretsConfig, MachineConfig, MachineType
from controllers.kubernetes.layout import (
    BOOTSTRAP_KUBECONFIG,
    CONTROLLER_MANAGER_DIR,
    CONTROLLER_MANAGER_UID,
    KUBE_PROXY_DIR,
    KUBELET_DIR,
    KUBELET_KUBECONFIG,
    LOCAL_API,
    SCHEDULER_DIR,
    SCHEDULER_UID,
)
from controllers.kubernetes.rendering import render_json
from controllers.ports import Ports
from controllers.resources.machine import FileSpec
from controllers.resources.pki import CertificateRoot
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

TOKEN_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path, not a token


class KubeconfigsController(Controller):
    """Renders the kubeconfigs that programs of this node use."""

    name = "kubernetes.KubeconfigsController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(ClusterConfig, id="default"),
        Input(CertificateRoot, id="kubernetes"),
        Input(KubernetesSecretsConfig, id="default"),
    )
    outputs = (Output(FileSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """kubelet's and kube-proxy's everywhere, two more on a control plane."""
        control_plane = view.get(MachineConfig, "default").spec.type is MachineType.CONTROL_PLANE
        server = LOCAL_API if control_plane else view.get(ClusterConfig, "default").spec.endpoint
        root = view.get(CertificateRoot, "kubernetes").spec
        yield _file(f"{KUBE_PROXY_DIR}/kubeconfig", render_proxy(server, root.certificate), 0)
        if not control_plane:
            token = view.get(KubernetesSecretsConfig, "default").spec.bootstrap_token
            yield _file(BOOTSTRAP_KUBECONFIG, render_bootstrap(server, root.certificate, token), 0)
        else:
            yield _file(KUBELET_KUBECONFIG, render_client(server, KUBELET_DIR, "kubelet"), 0)
            kcm = render_client(server, CONTROLLER_MANAGER_DIR, "kube-controller-manager")
            yield _file(f"{CONTROLLER_MANAGER_DIR}/kubeconfig", kcm, CONTROLLER_MANAGER_UID)
            yield _file(f"{SCHEDULER_DIR}/kubeconfig", render_client(server, SCHEDULER_DIR, "kube-scheduler"), SCHEDULER_UID)


def make_kubeconfig(server: str, cluster: dict[str, Any], user: dict[str, Any], names: tuple[str, str]) -> dict[str, Any]:
    """Return a kubeconfig (client-go, `clientcmd/api/v1`) with one context; `names` are those of cluster and user."""
    cluster_name, user_name = names
    context = f"{user_name}@{cluster_name}"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster_name, "cluster": {"server": server, **cluster}}],
        "users": [{"name": user_name, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": cluster_name, "user": user_name}}],
        "current-context": context,
    }


def render_client(server: str, directory: str, user: str) -> str:
    """Return a kubeconfig that names `ca.crt`, `client.crt` and `client.key` of a directory."""
    cluster = {"certificate-authority": f"{directory}/ca.crt"}
    identity = {"client-certificate": f"{directory}/client.crt", "client-key": f"{directory}/client.key"}
    return render_json(make_kubeconfig(server, cluster, identity, ("local", user)))


def render_proxy(server: str, ca: str) -> str:
    """Return kube-proxy's kubeconfig: the node knows the server, the pod's service account is the user."""
    cluster = {"certificate-authority-data": encode(ca)}
    return render_json(make_kubeconfig(server, cluster, {"tokenFile": TOKEN_FILE}, ("local", "kube-proxy")))


def render_bootstrap(server: str, ca: str, token: str) -> str:
    """Return the kubeconfig that a worker's kubelet joins with."""
    cluster = {"certificate-authority-data": encode(ca)}
    return render_json(make_kubeconfig(server, cluster, {"token": token}, ("local", "kubelet-bootstrap")))


def encode(pem: str) -> str:
    """Return PEM as the `-data` fields want it."""
    return base64.b64encode(pem.encode()).decode()


def _file(path: str, content: str, uid: int) -> Wanted:
    return Wanted(path, FileSpec(path=path, content=content, mode=0o400, uid=uid, gid=uid))
