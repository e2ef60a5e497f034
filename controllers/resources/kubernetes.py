"""etcd and Kubernetes: what a control-plane node runs."""

from __future__ import annotations

from typing import ClassVar

from controllers.runtime.resource import Secret, Spec

ETCD = "etcd"
KUBERNETES = "kubernetes"


class EtcdBootstrap(Spec, frozen=True, kw_only=True):
    """An accepted request to create a new etcd cluster here; id `bootstrap`. Made by the API, gone after a reboot."""

    namespace: ClassVar[str] = ETCD
    requested: float


class EtcdData(Spec, frozen=True, kw_only=True):
    """Whether this node's etcd directory holds a member; id `data`."""

    namespace: ClassVar[str] = ETCD
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("INITIALIZED", "initialized"), ("PATH", "path"))
    initialized: bool
    path: str


class EtcdSpec(Spec, frozen=True, kw_only=True):
    """How this node's member shall run; id `etcd`."""

    namespace: ClassVar[str] = ETCD
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("NAME", "name"),
        ("ADDRESS", "address"),
        ("STATE", "initial_cluster_state"),
    )
    name: str
    address: str
    initial_cluster: str
    initial_cluster_state: str
    extra_args: dict[str, str] = {}


class EtcdStatus(Spec, frozen=True, kw_only=True):
    """What the local member says; id `etcd`."""

    namespace: ClassVar[str] = ETCD
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("HEALTHY", "healthy"),
        ("MEMBER", "member_id"),
        ("LEADER", "leader"),
        ("DB", "db_size"),
    )
    healthy: bool
    member_id: str = ""
    leader: str = ""
    version: str = ""
    db_size: int = 0
    message: str = ""


class EtcdLock(Spec, frozen=True, kw_only=True):
    """Which member of etcd is away, or about to go, as this node saw it last; id `absence`, there only while one is.

    `since`: a time as text, by the holder's clock. `own`: it is this node.
    """

    namespace: ClassVar[str] = ETCD
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("NODE", "node"),
        ("MEMBER", "member"),
        ("ACTION", "action"),
        ("SINCE", "since"),
        ("OWN", "own"),
    )
    node: str
    member: str
    action: str
    since: str
    own: bool = False


class Nodename(Spec, frozen=True, kw_only=True):
    """The node's name in Kubernetes; id `nodename`."""

    namespace: ClassVar[str] = KUBERNETES
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("NODENAME", "nodename"),)
    nodename: str


class NodeIP(Spec, frozen=True, kw_only=True):
    """The address that kubelet and the API server announce; id `kubelet`."""

    namespace: ClassVar[str] = KUBERNETES
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("ADDRESSES", "addresses"),)
    addresses: tuple[str, ...]


class StaticPod(Spec, frozen=True, kw_only=True):
    """A pod that kubelet runs by itself; id = its name. `manifest` is JSON; `version` a hash of all that it reads."""

    namespace: ClassVar[str] = KUBERNETES
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("VERSION", "version"),)
    manifest: str
    version: str


class StaticPodStatus(Spec, frozen=True, kw_only=True):
    """What kubelet says of a static pod; id = `NAMESPACE/NAME`."""

    namespace: ClassVar[str] = KUBERNETES
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("READY", "ready"), ("PHASE", "phase"), ("MESSAGE", "message"))
    ready: bool
    phase: str = ""
    message: str = ""


class Manifest(Spec, frozen=True, kw_only=True):
    """An object that the cluster must have to begin with; id = `NN-name`, applied in order. `document` is JSON, and a
    secret because one of them holds the token that nodes join with.
    """

    namespace: ClassVar[str] = KUBERNETES
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("KIND", "kind"), ("NAME", "name"))
    kind: str
    name: str
    document: Secret


class ManifestStatus(Spec, frozen=True, kw_only=True):
    """Whether the bootstrap manifests are in the cluster; id `manifests`."""

    namespace: ClassVar[str] = KUBERNETES
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("APPLIED", "applied"),
        ("PENDING", "pending"),
        ("ERROR", "error"),
    )
    applied: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    error: str = ""


class NodeStatus(Spec, frozen=True, kw_only=True):
    """This node as the API server has it; id = its name. `pod_cidrs` are the networks of its pods, once allocated."""

    namespace: ClassVar[str] = KUBERNETES
    aliases: ClassVar[tuple[str, ...]] = ("node",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("READY", "ready"),
        ("SCHEDULABLE", "schedulable"),
        ("MESSAGE", "message"),
    )
    ready: bool
    schedulable: bool = True
    message: str = ""
    pod_cidrs: tuple[str, ...] = ()


class KubeletServingRequest(Spec, frozen=True, kw_only=True):
    """A kubelet's request for a serving certificate that has none yet; id = its name in the cluster.

    `state`: `waits` for the cluster's nodes, `approved` and not signed yet, `denied`, `failed`. `by` is the user who asked.
    """

    namespace: ClassVar[str] = KUBERNETES
    aliases: ClassVar[tuple[str, ...]] = ("servingrequest",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("BY", "by"), ("STATE", "state"), ("MESSAGE", "message"))
    by: str
    state: str
    message: str = ""


class AdminKubeconfig(Spec, frozen=True, kw_only=True):
    """The administrator's kubeconfig; id `admin`."""

    namespace: ClassVar[str] = KUBERNETES
    sensitive: ClassVar[bool] = True
    yaml: Secret
