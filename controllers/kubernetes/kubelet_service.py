"""Everything that kubelet needs → ServiceSpec of kubelet.

A worker's kubelet gets its certificate from the cluster (`joining.py`), a control plane's from this node.
Trap: kubelet must not restart when the brain does. Its arguments come from configuration alone; certificates that are
issued anew are files that it reads again by itself.
"""

from collections.abc import Iterable

import msgspec

from controllers.config.documents import ClusterConfig, KubeletConfig, MachineConfig, MachineType
from controllers.kubernetes.joining import find_join_directory
from controllers.kubernetes.layout import (
    BOOTSTRAP_KUBECONFIG,
    KUBELET_CONFIG,
    KUBELET_DIR,
    KUBELET_KUBECONFIG,
    PAUSE_IMAGE,
)
from controllers.kubernetes.rendering import render_flags
from controllers.kubernetes.versions import Features, parse_features
from controllers.ports import Ports
from controllers.resources.kubernetes import NodeIP, Nodename
from controllers.resources.machine import FileStatus, VersionInfo
from controllers.resources.pki import CertificateRoot
from controllers.resources.services import ImageImport, ServiceHealth, ServiceSpec
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.containerd_config import SOCKET
from controllers.services.go_environment import make_go_environment
from controllers.services.written_files import get_written

LEAF_FILES = tuple(f"{KUBELET_DIR}/{name}" for name in ("client.crt", "client.key", "serving.crt", "serving.key"))
MEMORY_LOW = 192 << 20
"""Bytes that the kernel reclaims last; kubelet has 98 MB."""


class KubeletFlags(msgspec.Struct, frozen=True, kw_only=True):
    """What the flags depend on. `joined`: where a worker keeps what the cluster gave it; empty on a control plane."""

    features: Features
    nodename: str
    addresses: tuple[str, ...]
    joined: str
    labels: dict[str, str]
    tainted: bool
    extra: dict[str, str]


class KubeletServiceController(Controller):
    """Wants kubelet once containerd is healthy and has the sandbox image."""

    name = "kubernetes.KubeletServiceController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(ClusterConfig, id="default"),
        Input(KubeletConfig, id="default"),
        Input(VersionInfo, id="version"),
        Input(Nodename, id="nodename"),
        Input(NodeIP, id="kubelet"),
        Input(CertificateRoot, id="kubernetes"),
        Input(FileStatus),
        Input(ServiceHealth, id="containerd"),
        Input(ImageImport),
    )
    outputs = (Output(ServiceSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One service."""
        machine, cluster = view.get(MachineConfig, "default").spec, view.get(ClusterConfig, "default").spec
        config = view.find(KubeletConfig, "default")
        control_plane = machine.type is MachineType.CONTROL_PLANE
        nodename = view.get(Nodename, "nodename").spec.nodename
        ca = view.get(CertificateRoot, "kubernetes").spec.certificate
        flags = KubeletFlags(
            features=parse_features(view.get(VersionInfo, "version").spec.kubernetes),
            nodename=nodename,
            joined="" if control_plane else find_join_directory(cluster.endpoint, ca, nodename),
            addresses=view.get(NodeIP, "kubelet").spec.addresses,
            labels=config.spec.node_labels if config else {},
            tainted=control_plane and not cluster.allow_scheduling_on_control_planes,
            extra=config.spec.extra_args if config else {},
        )
        for path in (KUBELET_KUBECONFIG, *LEAF_FILES) if control_plane else (BOOTSTRAP_KUBECONFIG,):
            get_written(view, path)
        restart_on = (get_written(view, KUBELET_CONFIG), get_written(view, f"{KUBELET_DIR}/ca.crt"))
        if not view.own(ServiceSpec):
            _check_runtime(view)
        spec = ServiceSpec(
            argv=("/usr/bin/kubelet", *render_kubelet_flags(flags)),
            env={"PATH": "/usr/bin:/usr/sbin", **make_go_environment(self._ports)},
            cgroup="ophite/kubelet",
            memory_low=MEMORY_LOW,
            oom_score_adj=-999,
            needs=("containerd",),
            stop_timeout=20.0 * self._ports.patience,
            restart_on=restart_on,
        )
        yield Wanted("kubelet", spec)


def _check_runtime(view: View) -> None:
    """Raise `Waiting` until containerd can start a pod; asked only before the first start."""
    if not view.get(ServiceHealth, "containerd").spec.healthy:
        raise Waiting("containerd to be healthy")
    imports = view.list(ImageImport)
    if not any(PAUSE_IMAGE in one.spec.images for one in imports):
        errors = "; ".join(one.spec.error for one in imports if one.spec.error)
        raise Waiting(f"the import of {PAUSE_IMAGE}" + (f", which failed: {errors}" if errors else ""))


def render_kubelet_flags(flags: KubeletFlags) -> list[str]:
    """Return kubelet's arguments; `extra` wins."""
    features = flags.features
    table = {
        "cert-dir": flags.joined or "/var/lib/kubelet/pki",
        "config": KUBELET_CONFIG,
        "hostname-override": flags.nodename,
        "kubeconfig": f"{flags.joined}/kubeconfig" if flags.joined else KUBELET_KUBECONFIG,
        "node-ip": ",".join(flags.addresses if features.dual_stack else flags.addresses[:1]),
        "root-dir": "/var/lib/kubelet",
    }
    if flags.joined:
        table["bootstrap-kubeconfig"] = BOOTSTRAP_KUBECONFIG
    if flags.labels:
        table["node-labels"] = ",".join(f"{key}={value}" for key, value in sorted(flags.labels.items()))
    if features.kubelet_runtime_flags:
        table |= {"container-runtime": "remote", "container-runtime-endpoint": f"unix://{SOCKET}"}
    if features.kubelet_infra_image_flag:
        table["pod-infra-container-image"] = PAUSE_IMAGE
    if flags.tainted and not features.kubelet_taints_field:
        table["register-with-taints"] = f"{features.control_plane_taint}=:NoSchedule"
    return render_flags(table | flags.extra)
