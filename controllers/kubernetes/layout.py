"""Where the rendered files of Kubernetes are, and whose they are.

Each component has a directory of its own with only what it needs, readable by its user alone, and its static pod
mounts that directory at the same path. So a component that is broken into does not hold another one's keys.
"""

from controllers.services.containerd_config import PAUSE_IMAGE

STATIC_IMAGE = "ophite.local/static:1"
"""An image without programs: static pods mount theirs from the read-only root."""

API_SERVER_UID, CONTROLLER_MANAGER_UID, SCHEDULER_UID = 61, 62, 63

PKI = "/run/ophite/pki"
API_SERVER_DIR = f"{PKI}/kube-apiserver"
CONTROLLER_MANAGER_DIR = f"{PKI}/kube-controller-manager"
SCHEDULER_DIR = f"{PKI}/kube-scheduler"
KUBELET_DIR = f"{PKI}/kubelet"

KUBERNETES = "/run/ophite/kubernetes"
KUBELET_CONFIG = f"{KUBERNETES}/kubelet/config.json"
KUBELET_KUBECONFIG = f"{KUBERNETES}/kubelet/kubeconfig"
BOOTSTRAP_KUBECONFIG = f"{KUBERNETES}/kubelet/bootstrap-kubeconfig"
"""Instead of it on a worker: with the token that a certificate is asked for with."""

KUBE_PROXY_DIR = f"{KUBERNETES}/kube-proxy"
MANIFESTS_DIR = f"{KUBERNETES}/manifests"

LOCAL_API = "https://127.0.0.1:6443"
"""The API server of a control plane, for the control plane itself: no load balancer, no DNS in between."""

__all__ = [
    "API_SERVER_DIR",
    "API_SERVER_UID",
    "BOOTSTRAP_KUBECONFIG",
    "CONTROLLER_MANAGER_DIR",
    "CONTROLLER_MANAGER_UID",
    "KUBELET_CONFIG",
    "KUBELET_DIR",
    "KUBELET_KUBECONFIG",
    "KUBE_PROXY_DIR",
    "LOCAL_API",
    "MANIFESTS_DIR",
    "PAUSE_IMAGE",
    "SCHEDULER_DIR",
    "SCHEDULER_UID",
    "STATIC_IMAGE",
]
