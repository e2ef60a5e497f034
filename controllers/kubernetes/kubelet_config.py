"""Documents, platform and version → kubelet's configuration file (KubeletConfiguration, kubelet.config.k8s.io/v1beta1)."""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

import msgspec

from controllers.config.documents import ClusterConfig, KubeletConfig, MachineConfig, MachineType
from controllers.kubernetes.layout import KUBELET_CONFIG, KUBELET_DIR, MANIFESTS_DIR
from controllers.kubernetes.rendering import render_json
from controllers.kubernetes.versions import Features, parse_features
from controllers.ports import Ports
from controllers.resources.machine import FileSpec, PlatformInfo, VersionInfo
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted
from controllers.services.containerd_config import SOCKET
from controllers.services.memory_profile import PLENTY, MemoryProfile, find_profile

MAX_FACTOR = 5.0
"""Heartbeats stretch with patience up to this, as in controller-manager's grace period."""

STATUS_SECONDS = 5
"""How often kubelet looks at its node, before patience: a pod network that has come shows only then (its default: 10)."""

SYNC_SECONDS = 10
"""How often kubelet looks at every pod, before patience: 1.20 shows a static pod to others only then (its default: 60)."""

DNS_SERVICE_INDEX = 10
"""The cluster's DNS service is the tenth address of the service network by custom."""


class KubeletSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the rendering depends on."""

    features: Features
    cluster_domain: str
    cluster_dns: tuple[str, ...]
    max_pods: int
    in_namespaces: bool
    tainted: bool
    control_plane: bool = True
    patience: float = 1.0
    profile: MemoryProfile = PLENTY


class KubeletConfigController(Controller):
    """Renders kubelet's configuration."""

    name = "kubernetes.KubeletConfigController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(ClusterConfig, id="default"),
        Input(KubeletConfig, id="default"),
        Input(PlatformInfo, id="platform"),
        Input(VersionInfo, id="version"),
    )
    outputs = (Output(FileSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._patience = ports.patience
        self._profile = find_profile(ports.memory)

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One file."""
        machine = view.get(MachineConfig, "default").spec
        cluster = view.get(ClusterConfig, "default").spec
        kubelet = view.find(KubeletConfig, "default")
        control_plane = machine.type is MachineType.CONTROL_PLANE
        settings = KubeletSettings(
            features=parse_features(view.get(VersionInfo, "version").spec.kubernetes),
            cluster_domain=cluster.dns_domain,
            cluster_dns=tuple(str(ip_network(subnet)[DNS_SERVICE_INDEX]) for subnet in cluster.service_subnets),
            max_pods=kubelet.spec.max_pods if kubelet else 110,
            in_namespaces=view.get(PlatformInfo, "platform").spec.platform == "namespaces",
            control_plane=control_plane,
            tainted=control_plane and not cluster.allow_scheduling_on_control_planes,
            patience=self._patience,
            profile=self._profile,
        )
        content = render_json(make_kubelet_config(settings))
        yield Wanted(KUBELET_CONFIG, FileSpec(path=KUBELET_CONFIG, content=content))


def make_kubelet_config(settings: KubeletSettings) -> dict[str, Any]:
    """Return the configuration. Disk limits are absolute, so that a big disk that is nearly full stays usable."""
    factor = min(max(settings.patience, 1.0), MAX_FACTOR)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{KUBELET_DIR}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "clusterDomain": settings.cluster_domain,
        "clusterDNS": list(settings.cluster_dns),
        "evictionHard": {
            "imagefs.available": "500Mi",
            "memory.available": f"{settings.profile.evict}Mi",
            "nodefs.available": "500Mi",
            "nodefs.inodesFree": "5%",
        },
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 95,
        "imageGCLowThresholdPercent": 90,
        "maxPods": settings.max_pods,
        "nodeLeaseDurationSeconds": int(40 * factor),
        "nodeStatusReportFrequency": "5m",
        "nodeStatusUpdateFrequency": f"{STATUS_SECONDS * min(int(factor), 2)}s",
        "protectKernelDefaults": not settings.in_namespaces,
        "readOnlyPort": 0,
        "resolvConf": "/run/ophite/etc/resolv.conf",
        "rotateCertificates": not settings.control_plane,
        "runtimeRequestTimeout": f"{int(120 * factor)}s",
        "serverTLSBootstrap": not settings.control_plane,
        "syncFrequency": f"{SYNC_SECONDS * min(int(factor), 3)}s",
        "systemReserved": {"cpu": "100m", "memory": f"{settings.profile.reserved}Mi"},
        "tlsMinVersion": "VersionTLS12",
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        **_versioned(settings),
    }


def _versioned(settings: KubeletSettings) -> dict[str, Any]:
    """Return the fields that only some machines or versions know. A worker asks for its server's certificate."""
    features = settings.features
    fields: dict[str, Any] = {}
    if settings.control_plane:
        fields["staticPodPath"] = MANIFESTS_DIR
        fields |= {"tlsCertFile": f"{KUBELET_DIR}/serving.crt", "tlsPrivateKeyFile": f"{KUBELET_DIR}/serving.key"}
    if not features.kubelet_runtime_flags:
        fields["containerRuntimeEndpoint"] = f"unix://{SOCKET}"
    if features.kubelet_fail_cgroup_v1:
        fields["failCgroupV1"] = False
    if features.kubelet_taints_field and settings.tainted:
        fields["registerWithTaints"] = [{"key": features.control_plane_taint, "effect": "NoSchedule"}]
    return fields
