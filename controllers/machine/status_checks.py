"""Why a machine is not ready: one check per thing it needs, in order of dependency, each with a plain reason.

A check takes the facts and yields what is unmet. The first one of all is the blocker; the rest usually follows from it.
Pure; the controller in `status.py` gathers the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.kubernetes import EtcdData, EtcdStatus, ManifestStatus, NodeStatus, StaticPodStatus
from controllers.resources.machine import Blocker, ConfigStatus, FileStatus, KernelModuleStatus
from controllers.resources.network import NetworkStatus
from controllers.resources.services import ServiceStatus
from controllers.resources.timesync import TimeStatus
from controllers.runtime.status import ControllerState, ControllerStatus

CONTROL_PLANE_PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
RUNS = ("running",)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at, by resource id. None: not there (yet)."""

    config: ConfigStatus | None = None
    control_plane: bool = False
    volumes: Mapping[str, VolumeStatus] = field(default_factory=dict)
    modules: Mapping[str, KernelModuleStatus] = field(default_factory=dict)
    required_modules: frozenset[str] = frozenset()
    files: Mapping[str, FileStatus] = field(default_factory=dict)
    network: NetworkStatus | None = None
    time: TimeStatus | None = None
    services: Mapping[str, ServiceStatus] = field(default_factory=dict)
    etcd_data: EtcdData | None = None
    bootstrap: bool = False
    etcd: EtcdStatus | None = None
    pods: Mapping[str, StaticPodStatus] = field(default_factory=dict)
    manifests: ManifestStatus | None = None
    node: NodeStatus | None = None
    controllers: Mapping[str, ControllerStatus] = field(default_factory=dict)

    def waits_for(self, *prefixes: str) -> str:
        """Return what the first waiting controller of these domains waits for, or ""."""
        for name in sorted(self.controllers):
            one = self.controllers[name]
            if name.startswith(prefixes) and one.state is ControllerState.WAITING and one.waits_for:
                return f"{name} waits for {one.waits_for}"
        return ""


Check = Callable[[Facts], Iterator[Blocker]]


def _unmet(name: str, reason: str) -> Blocker:
    return Blocker(name=name, reason=reason)


def check_configuration(facts: Facts) -> Iterator[Blocker]:
    """A complete configuration is there."""
    if facts.config is None:
        yield _unmet("configuration", facts.waits_for("config.") or "is being looked for")
    elif not facts.config.complete:
        problems = "; ".join(facts.config.problems[:3])
        yield _unmet("configuration", problems or "there is none: apply one with `ophite apply-config --insecure`")


def check_volumes(facts: Facts) -> Iterator[Blocker]:
    """STATE and EPHEMERAL are mounted."""
    for name in ("STATE", "EPHEMERAL"):
        volume = facts.volumes.get(name)
        if volume is None:
            yield _unmet(f"volume {name}", facts.waits_for("block.", "machine.Modules") or "has not been looked for yet")
        elif volume.phase is not VolumePhase.READY:
            yield _unmet(f"volume {name}", volume.error or str(volume.phase))


def check_modules(facts: Facts) -> Iterator[Blocker]:
    """The modules that Kubernetes cannot do without are loaded."""
    for name in sorted(facts.required_modules):
        module = facts.modules.get(name)
        if module is not None and module.state == "failed":
            yield _unmet(f"kernel module {name}", module.error)


def check_network(facts: Facts) -> Iterator[Blocker]:
    """There is an address, a name, and a way to reach others."""
    status = facts.network
    if status is None:
        yield _unmet("network", facts.waits_for("network.") or "has not been looked at yet")
        return
    reasons = (
        (status.address_ready, "no address yet: is the cable plugged in, and is there a DHCP server or a static address?"),
        (status.hostname_ready, "the host name is not set yet"),
        (status.connectivity_ready, "no route to others yet"),
        (status.files_ready, "hosts and resolv.conf are not written yet"),
    )
    for ready, reason in reasons:
        if not ready:
            yield _unmet("network", reason)
            return


def check_time(facts: Facts) -> Iterator[Blocker]:
    """The clock can be trusted."""
    if facts.time is None or not facts.time.synced:
        error = facts.time.error if facts.time else facts.waits_for("time.", "timesync.")
        yield _unmet("time", error or "the clock is not set yet: no time server has answered")


def check_files(facts: Facts) -> Iterator[Blocker]:
    """Every rendered file is written."""
    for one in facts.files.values():
        if one.error:
            yield _unmet("file", one.error)


def check_controllers(facts: Facts) -> Iterator[Blocker]:
    """No controller crashes."""
    for name, one in sorted(facts.controllers.items()):
        if one.state is ControllerState.CRASHED:
            yield _unmet(f"controller {name}", one.last_error or "crashed")


def check_containerd(facts: Facts) -> Iterator[Blocker]:
    """containerd runs."""
    yield from _check_service(facts, "containerd", "services.", "machine.Files")


def check_etcd(facts: Facts) -> Iterator[Blocker]:
    """etcd is a healthy member; before that, somebody has to ask for a new cluster once."""
    if not facts.control_plane:
        return
    empty = facts.etcd_data is not None and not facts.etcd_data.initialized
    if empty and not facts.bootstrap:
        yield _unmet("etcd", "no cluster yet: run `ophite bootstrap` for one control-plane node")
        return
    service = list(_check_service(facts, "etcd", "etcd.", "pki.Etcd"))
    yield from service
    if not service and (facts.etcd is None or not facts.etcd.healthy):
        yield _unmet("etcd", (facts.etcd.message if facts.etcd else "") or "is not healthy yet")


def check_kubelet(facts: Facts) -> Iterator[Blocker]:
    """kubelet runs."""
    yield from _check_service(facts, "kubelet", "kubernetes.", "pki.Kubernetes")


def check_static_pods(facts: Facts) -> Iterator[Blocker]:
    """The control plane's pods are ready. Their ids end with the pod's name, which may have the node's behind it."""
    if not facts.control_plane:
        return
    for name in CONTROL_PLANE_PODS:
        pod = next((one for id_, one in facts.pods.items() if id_.rpartition("/")[2].startswith(name)), None)
        if pod is None:
            yield _unmet(name, facts.waits_for("kubernetes.") or "has not been started yet")
        elif not pod.ready:
            yield _unmet(name, pod.message or f"is {pod.phase or 'not ready yet'}")


def check_manifests(facts: Facts) -> Iterator[Blocker]:
    """The cluster has what it must begin with."""
    status = facts.manifests
    if facts.control_plane and status is not None and (status.error or status.pending):
        yield _unmet("manifests", status.error or f"not applied yet: {', '.join(status.pending[:4])}")


def check_node(facts: Facts) -> Iterator[Blocker]:
    """Kubernetes says that the node is ready."""
    if facts.node is None:
        yield _unmet("node", facts.waits_for("kubernetes.Node") or "has not registered with Kubernetes yet")
    elif not facts.node.ready:
        yield _unmet("node", facts.node.message or "is not ready yet")


def _check_service(facts: Facts, name: str, *domains: str) -> Iterator[Blocker]:
    status = facts.services.get(name)
    if status is None:
        yield _unmet(name, facts.waits_for(*domains) or "has not been started yet")
    elif status.state not in RUNS:
        yield _unmet(name, f"is {status.state}" + (f": {status.message}" if status.message else ""))
    elif status.healthy is False:
        yield _unmet(name, status.message or "runs and is not healthy")


CHECKS: tuple[Check, ...] = (
    check_configuration,
    check_volumes,
    check_modules,
    check_network,
    check_time,
    check_files,
    check_controllers,
    check_containerd,
    check_etcd,
    check_kubelet,
    check_static_pods,
    check_manifests,
    check_node,
)


def find_unmet(facts: Facts) -> tuple[Blocker, ...]:
    """Return everything that is not there, the cause first. Without a configuration nothing else is asked for."""
    without = tuple(check_configuration(facts))
    if without:
        return without
    return tuple(blocker for check in CHECKS for blocker in check(facts))
