"""A control plane on which everything is there, as a list of resources."""

from typing import Any

from controllers.config.documents import ClusterConfig, KubeletConfig, KubernetesSecretsConfig, MachineConfig, MachineType
from controllers.kubernetes import apiserver, controller_manager, kubelet_service, layout, scheduler
from controllers.resources.kubernetes import NodeIP, Nodename, NodeStatus
from controllers.resources.machine import FileStatus, PlatformInfo, VersionInfo
from controllers.resources.network import HostnameStatus, NodeAddress
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ImageImport, ServiceHealth
from controllers.runtime.resource import Resource, new

ENDPOINT = "https://192.0.2.10:6443"
PATHS = (
    *apiserver.READ_ONCE,
    *apiserver.READ_AGAIN,
    *controller_manager.READ_ONCE,
    *controller_manager.READ_AGAIN,
    *scheduler.READ_ONCE,
    *scheduler.READ_AGAIN,
    *kubelet_service.LEAF_FILES,
    layout.KUBELET_CONFIG,
    layout.KUBELET_KUBECONFIG,
    layout.BOOTSTRAP_KUBECONFIG,
    f"{layout.KUBELET_DIR}/ca.crt",
)


def files(**hashes: str) -> list[Resource[Any]]:
    """Return FileStatus of every file; `hashes` by the file's name without suffix."""
    return [new(path, FileStatus(path=path, sha256=hashes.get(path.rsplit("/", 1)[1].split(".")[0], "0"))) for path in PATHS]


def version(kubernetes: str = "1.20.2") -> Resource[VersionInfo]:
    return new("version", VersionInfo(version="1", kubernetes=kubernetes, kernel="6", board="vm", arch="amd64"))


def machine(type_: MachineType = MachineType.CONTROL_PLANE) -> Resource[MachineConfig]:
    return new("default", MachineConfig(type=type_))


def cluster(allow: bool = False) -> Resource[ClusterConfig]:
    return new("default", ClusterConfig(name="home", endpoint=ENDPOINT, allow_scheduling_on_control_planes=allow))


def leaf(id_: str) -> Resource[Certificate]:
    return new(id_, Certificate(subject=id_, certificate=f"{id_} CRT", key=f"{id_} KEY", ca="kubernetes", not_after=1))


def root(id_: str, key: str = "") -> Resource[CertificateRoot]:
    return new(id_, CertificateRoot(certificate=f"{id_} CA", key=key and f"{id_} {key}"))


def health(id_: str, healthy: bool = True) -> Resource[ServiceHealth]:
    return new(id_, ServiceHealth(healthy=healthy))


def world(kubernetes: str = "1.20.2") -> list[Resource[Any]]:
    """Return everything; tests leave out what they want to miss."""
    return [
        machine(),
        cluster(),
        new("default", KubeletConfig(node_labels={"zone": "attic"})),
        new("default", KubernetesSecretsConfig.example()),
        version(kubernetes),
        new("platform", PlatformInfo(platform="metal")),
        new("hostname", HostnameStatus(hostname="cp1")),
        new("default", NodeAddress(addresses=("192.0.2.10",))),
        new("nodename", Nodename(nodename="cp1")),
        new("kubelet", NodeIP(addresses=("192.0.2.10",))),
        new("cp1", NodeStatus(ready=True, pod_cidrs=("10.244.0.0/24",))),
        leaf("kubelet"),
        leaf("admin"),
        root("kubernetes", "KEY"),
        *(health(id_) for id_ in ("containerd", "etcd", "kubelet", "kube-apiserver")),
        new("pause.tar", ImageImport(images=(layout.PAUSE_IMAGE,))),
        *files(),
    ]


def worker(kubernetes: str = "1.20.2") -> list[Resource[Any]]:
    """Return everything that a worker has: no key of an authority, and no certificate of this node's own making."""
    common = without(world(kubernetes), MachineConfig, Certificate, CertificateRoot, ServiceHealth)
    return [*common, machine(MachineType.WORKER), root("kubernetes"), health("containerd"), health("kubelet")]


def without(resources: list[Resource[Any]], *types: type) -> list[Resource[Any]]:
    """Return the resources that are of none of the types."""
    return [r for r in resources if not isinstance(r.spec, types)]


def only(controller: Any, resources: list[Resource[Any]]) -> list[Resource[Any]]:
    """Return what a controller declares: the harness takes no more."""
    declared = {(i.type, i.id) for i in controller.inputs}
    return [r for r in resources if (type(r.spec), r.id) in declared or (type(r.spec), None) in declared]
