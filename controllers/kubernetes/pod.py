"""The static pods of the control plane: one shape, filled in by each component.

The program comes from the read-only root (a file mounted into an empty image), secrets from the component's own
directory, and the container runs as the component's user without any capability.
Trap: there is a readiness probe only. Without KVM an API server takes minutes, and a probe that may kill it makes
things worse natively, too. (A start-up probe alone would also show the pod as not ready for a minute in 1.20.)
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from controllers.kubernetes.layout import STATIC_IMAGE
from controllers.kubernetes.rendering import render_json
from controllers.resources.kubernetes import StaticPod

PROBE_PERIOD, PROBE_TIMEOUT = 5, 10
"""Seconds, before patience; a probe costs a TLS handshake, so it stretches at most `MAX_FACTOR` times."""

MAX_FACTOR = 4

VERSION_ANNOTATION = "ophite.io/version"


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One program of the control plane. `probe` is the handler of a Kubernetes probe; `memory` in MiB, `cpu` in m;
    `environment`: its variables.
    """

    name: str
    uid: int
    flags: tuple[str, ...]
    directory: str
    probe: dict[str, Any]
    cpu: int
    memory: int
    environment: dict[str, str] = {}


def make_static_pod(component: Component, read_once: Iterable[str], patience: float) -> StaticPod:
    """Return the resource.

    In: `read_once`, the hashes of the files that the program reads only at its start; a change replaces the pod.
    """
    pod = _make_pod(component, patience)
    digest = hashlib.sha256("\0".join((render_json(pod), *read_once)).encode()).hexdigest()[:16]
    pod["metadata"]["annotations"] = {VERSION_ANNOTATION: digest}
    return StaticPod(manifest=render_json(pod), version=digest)


def _make_pod(component: Component, patience: float) -> dict[str, Any]:
    name = component.name
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "labels": {"app.kubernetes.io/name": name, "component": name, "tier": "control-plane"},
        },
        "spec": {
            "hostNetwork": True,
            "priorityClassName": "system-cluster-critical",
            "securityContext": {
                "runAsUser": component.uid,
                "runAsGroup": component.uid,
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_make_container(component, patience)],
            "volumes": [
                {"name": "program", "hostPath": {"path": f"/usr/bin/{name}", "type": "File"}},
                {"name": "secrets", "hostPath": {"path": component.directory, "type": "Directory"}},
            ],
        },
    }


def _make_container(component: Component, patience: float) -> dict[str, Any]:
    name = component.name
    factor = int(min(max(patience, 1.0), MAX_FACTOR))
    variables = [{"name": key, "value": value} for key, value in component.environment.items()]
    return {
        "name": name,
        "image": STATIC_IMAGE,
        "imagePullPolicy": "Never",
        "command": [f"/usr/bin/{name}", *component.flags],
        **({"env": variables} if variables else {}),
        "resources": {"requests": {"cpu": f"{component.cpu}m", "memory": f"{component.memory}Mi"}},
        "readinessProbe": {
            **component.probe,
            "periodSeconds": PROBE_PERIOD * factor,
            "timeoutSeconds": PROBE_TIMEOUT * factor,
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "program", "mountPath": f"/usr/bin/{name}", "readOnly": True},
            {"name": "secrets", "mountPath": component.directory, "readOnly": True},
        ],
    }
