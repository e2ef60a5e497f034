"""MachineStatus names the first real blocker, in order of dependency."""

from typing import Any

import pytest

from controllers.config.documents.machine_config import MachineConfig, MachineType
from controllers.machine.status import StatusController
from controllers.ports import Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.kubernetes import EtcdData, EtcdStatus, ManifestStatus, Nodename, NodeStatus, StaticPodStatus
from controllers.resources.machine import (
    ConfigStatus,
    FileStatus,
    KernelModuleSpec,
    KernelModuleStatus,
    MachineStage,
    MachineStatus,
    Stage,
)
from controllers.resources.network import NetworkStatus
from controllers.resources.services import ServiceStatus
from controllers.resources.timesync import TimeStatus
from controllers.runtime.resource import Resource, new
from controllers.runtime.status import ControllerState, ControllerStatus
from tests.harness.reconcile import run_reconcile

UP = NetworkStatus(address_ready=True, connectivity_ready=True, hostname_ready=True, files_ready=True)
RUNNING = ServiceStatus(state="running", healthy=True)
READY_NODE: dict[str, Resource[Any]] = {
    "stage": new("machine", MachineStage(stage=Stage.STARTING)),
    "config": new("config", ConfigStatus(complete=True)),
    "machine": new("default", MachineConfig(type=MachineType.CONTROL_PLANE)),
    "state": new("STATE", VolumeStatus(phase=VolumePhase.READY)),
    "ephemeral": new("EPHEMERAL", VolumeStatus(phase=VolumePhase.READY)),
    "overlay": new("overlay", KernelModuleSpec(name="overlay")),
    "overlay-status": new("overlay", KernelModuleStatus(name="overlay", state="loaded")),
    "file": new("/run/ophite/x", FileStatus(path="/run/ophite/x", sha256="00")),
    "network": new("status", UP),
    "time": new("time", TimeStatus(synced=True)),
    "containerd": new("containerd", RUNNING),
    "etcd": new("etcd", RUNNING),
    "kubelet": new("kubelet", RUNNING),
    "data": new("data", EtcdData(initialized=True, path="/var/lib/etcd")),
    "etcd-status": new("etcd", EtcdStatus(healthy=True)),
    "apiserver": new("kube-system/kube-apiserver-node1", StaticPodStatus(ready=True)),
    "controller-manager": new("kube-system/kube-controller-manager-node1", StaticPodStatus(ready=True)),
    "scheduler": new("kube-system/kube-scheduler-node1", StaticPodStatus(ready=True)),
    "manifests": new("manifests", ManifestStatus(applied=("00-a",))),
    "nodename": new("nodename", Nodename(nodename="node1")),
    "node": new("node1", NodeStatus(ready=True)),
}


def status(**changes: Resource[Any] | None) -> MachineStatus:
    """What the status is when these facts of a ready node are others (None: not there)."""
    world = {**READY_NODE, **changes}
    [wanted] = run_reconcile(StatusController(Ports()), [one for one in world.values() if one is not None])
    assert isinstance(wanted.spec, MachineStatus)
    return wanted.spec


def test_a_ready_node_is_ready() -> None:
    assert status() == MachineStatus(stage=Stage.STARTING, ready=True)


def test_a_worker_needs_no_control_plane() -> None:
    nothing: dict[str, Resource[Any] | None] = dict.fromkeys(
        ("etcd", "data", "etcd-status", "apiserver", "controller-manager", "scheduler", "manifests")
    )
    assert status(machine=new("default", MachineConfig(type=MachineType.WORKER)), **nothing).ready


@pytest.mark.parametrize(
    ("changes", "blocker"),
    [
        ({"config": None}, "configuration: is being looked for"),
        (
            {"config": new("config", ConfigStatus())},
            "configuration: there is none: apply one with `ophite apply-config --insecure`",
        ),
        ({"config": new("config", ConfigStatus(problems=("a: b", "c: d")))}, "configuration: a: b; c: d"),
        (
            {"ephemeral": new("EPHEMERAL", VolumeStatus(phase=VolumePhase.FAILED, error="no room"))},
            "volume EPHEMERAL: no room",
        ),
        ({"state": None}, "volume STATE: has not been looked for yet"),
        (
            {"overlay-status": new("overlay", KernelModuleStatus(name="overlay", state="failed", error="not in this image"))},
            "kernel module overlay: not in this image",
        ),
        (
            {"network": new("status", NetworkStatus())},
            "network: no address yet: is the cable plugged in, and is there a DHCP server or a static address?",
        ),
        ({"time": new("time", TimeStatus(synced=False, error="pool.ntp.org: no answer"))}, "time: pool.ntp.org: no answer"),
        ({"time": None}, "time: the clock is not set yet: no time server has answered"),
        ({"file": new("/x", FileStatus(path="/x", error="/x: No space left on device"))}, "file: /x: No space left on device"),
        ({"containerd": None}, "containerd: has not been started yet"),
        (
            {"containerd": new("containerd", ServiceStatus(state="backoff", message="exited with 1"))},
            "containerd: is backoff: exited with 1",
        ),
        (
            {"kubelet": new("kubelet", ServiceStatus(state="running", healthy=False, message="no healthz"))},
            "kubelet: no healthz",
        ),
        (
            {"etcd": None, "data": new("data", EtcdData(initialized=False, path="/var/lib/etcd"))},
            "etcd: no cluster yet: run `ophite bootstrap` for one control-plane node",
        ),
        ({"etcd-status": new("etcd", EtcdStatus(healthy=False, message="no leader"))}, "etcd: no leader"),
        ({"scheduler": None}, "kube-scheduler: has not been started yet"),
        (
            {"apiserver": new("kube-system/kube-apiserver-node1", StaticPodStatus(ready=False, phase="Pending"))},
            "kube-apiserver: is Pending",
        ),
        ({"manifests": new("manifests", ManifestStatus(pending=("10-b",)))}, "manifests: not applied yet: 10-b"),
        ({"node": None}, "node: has not registered with Kubernetes yet"),
        ({"node": new("node1", NodeStatus(ready=False, message="cni not initialized"))}, "node: cni not initialized"),
        (
            {"crashed": new("x.Y", ControllerStatus(state=ControllerState.CRASHED, last_error="ValueError: 1"))},
            "controller x.Y: ValueError: 1",
        ),
    ],
)
def test_each_blocker_by_itself(changes: dict[str, Resource[Any] | None], blocker: str) -> None:
    found = status(**changes)
    assert not found.ready
    assert found.blocker == blocker
    assert len(found.unmet) == 1


def test_the_cause_comes_before_what_follows_from_it() -> None:
    found = status(network=new("status", NetworkStatus()), time=None, etcd=None, node=None)
    assert [one.name for one in found.unmet] == ["network", "time", "etcd", "node"]
    assert found.blocker.startswith("network: no address yet")


def test_a_waiting_controller_lends_its_reason() -> None:
    waits = new("services.ContainerdController", ControllerStatus(state=ControllerState.WAITING, waits_for="FileStatus/x"))
    other = new("cluster.Y", ControllerStatus(state=ControllerState.WAITING, waits_for="nothing of interest"))
    found = status(containerd=None, one=waits, two=other)
    assert found.blocker == "containerd: services.ContainerdController waits for FileStatus/x"


def test_only_the_configuration_counts_without_one() -> None:
    found = status(config=new("config", ConfigStatus()), time=None, node=None)
    assert [one.name for one in found.unmet] == ["configuration"]


def test_while_shutting_down_nothing_is_missed_and_nothing_is_ready() -> None:
    found = status(stage=new("machine", MachineStage(stage=Stage.SHUTTING_DOWN)), kubelet=None)
    assert found == MachineStatus(stage=Stage.SHUTTING_DOWN, ready=False)
