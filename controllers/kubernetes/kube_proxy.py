"""kube-proxy as a DaemonSet that brings nothing along: program, iptables and libraries are the node's own, read-only.

Its kubeconfig is a file of the node too, because only the node knows whether its API server is on loopback or at the
cluster's endpoint; the pod's service account token is the credential.
"""

from typing import Any

from controllers.kubernetes.layout import KUBE_PROXY_DIR, STATIC_IMAGE

NAME, NAMESPACE = "kube-proxy", "kube-system"
XTABLES_LOCK = "/run/xtables.lock"
READ_ONLY = {"usr": ("/usr", "/usr"), "lib": ("/usr/lib", "/lib"), "kubeconfig": (KUBE_PROXY_DIR, KUBE_PROXY_DIR)}
"""Volumes of directories: on the node, in the container."""

LOADER = ("/usr/lib64", "/lib64")
"""Where the dynamic loader is on amd64; other architectures have theirs in /lib."""


def make_kube_proxy(pod_subnets: tuple[str, ...], arch: str) -> dict[str, Any]:
    """Return the DaemonSet."""
    labels = {"k8s-app": NAME}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {"metadata": {"labels": labels}, "spec": _make_pod(pod_subnets, arch)},
        },
    }


def _make_pod(pod_subnets: tuple[str, ...], arch: str) -> dict[str, Any]:
    directories = READ_ONLY | ({"lib64": LOADER} if arch == "amd64" else {})
    lock_volume = {"name": "lock", "hostPath": {"path": XTABLES_LOCK, "type": "FileOrCreate"}}
    lock_mount = {"name": "lock", "mountPath": XTABLES_LOCK}
    container = {
        "name": NAME,
        "image": STATIC_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["/usr/bin/kube-proxy", *_flags(pod_subnets)],
        "env": [
            {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "PATH", "value": "/usr/bin:/usr/sbin"},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}},
        "securityContext": {"privileged": True},
        "volumeMounts": [
            *({"name": name, "mountPath": to, "readOnly": True} for name, (_, to) in directories.items()),
            lock_mount,
        ],
    }
    return {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "serviceAccountName": NAME,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [
            *({"name": name, "hostPath": {"path": path}} for name, (path, _) in directories.items()),
            lock_volume,
        ],
    }


def _flags(pod_subnets: tuple[str, ...]) -> list[str]:
    """Return kube-proxy's arguments; connection tracking keeps the limits that the node has."""
    return [
        f"--cluster-cidr={','.join(pod_subnets)}",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--conntrack-tcp-timeout-established=0",
        "--hostname-override=$(NODE_NAME)",
        f"--kubeconfig={KUBE_PROXY_DIR}/kubeconfig",
        "--metrics-bind-address=127.0.0.1:10249",
        "--proxy-mode=iptables",
    ]
