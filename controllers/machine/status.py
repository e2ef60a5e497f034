"""Is the machine what its configuration asks for, and if not, what blocks it: nearly everything → `MachineStatus`."""

from __future__ import annotations

from collections.abc import Iterable

from controllers.config.documents.machine_config import MachineConfig, MachineType
from controllers.machine.status_checks import Facts, find_unmet
from controllers.ports import Ports
from controllers.resources.block import VolumeStatus
from controllers.resources.kubernetes import (
    EtcdBootstrap,
    EtcdData,
    EtcdStatus,
    ManifestStatus,
    Nodename,
    NodeStatus,
    StaticPodStatus,
)
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
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.resource import S
from controllers.runtime.status import ControllerStatus


class StatusController(Controller):
    """The facts → `MachineStatus`."""

    name = "machine.StatusController"
    inputs = (
        Input(MachineStage, id="machine"),
        Input(ConfigStatus, id="config"),
        Input(MachineConfig),
        Input(VolumeStatus),
        Input(KernelModuleSpec),
        Input(KernelModuleStatus),
        Input(FileStatus),
        Input(NetworkStatus, id="status"),
        Input(TimeStatus, id="time"),
        Input(ServiceStatus),
        Input(EtcdData, id="data"),
        Input(EtcdBootstrap, id="bootstrap"),
        Input(EtcdStatus, id="etcd"),
        Input(StaticPodStatus),
        Input(ManifestStatus, id="manifests"),
        Input(Nodename, id="nodename"),
        Input(NodeStatus),
        Input(ControllerStatus),
    )
    outputs = (Output(MachineStatus),)

    def __init__(self, ports: Ports) -> None:
        """In: nothing of `ports` is needed; every controller is made the same way."""

    def reconcile(self, view: View) -> Iterable[Wanted]:
        stage = view.find(MachineStage, "machine")
        now = stage.spec.stage if stage else Stage.BOOTING
        unmet = find_unmet(gather_facts(view))
        if now is Stage.SHUTTING_DOWN:
            unmet = ()
        blocker = f"{unmet[0].name}: {unmet[0].reason}" if unmet else ""
        ready = not unmet and now in (Stage.STARTING, Stage.RUNNING)
        return [Wanted("machine", MachineStatus(stage=now, ready=ready, blocker=blocker, unmet=unmet))]


def gather_facts(view: View) -> Facts:
    """Return what the checks look at."""
    machine = [one.spec for one in view.list(MachineConfig)]
    nodename = _find(view, Nodename, "nodename")
    return Facts(
        config=_find(view, ConfigStatus, "config"),
        control_plane=bool(machine) and machine[0].type is MachineType.CONTROL_PLANE,
        volumes=_by_id(view, VolumeStatus),
        modules=_by_id(view, KernelModuleStatus),
        required_modules=frozenset(one.id for one in view.list(KernelModuleSpec) if one.spec.required),
        files=_by_id(view, FileStatus),
        network=_find(view, NetworkStatus, "status"),
        time=_find(view, TimeStatus, "time"),
        services=_by_id(view, ServiceStatus),
        etcd_data=_find(view, EtcdData, "data"),
        bootstrap=view.find(EtcdBootstrap, "bootstrap") is not None,
        etcd=_find(view, EtcdStatus, "etcd"),
        pods=_by_id(view, StaticPodStatus),
        manifests=_find(view, ManifestStatus, "manifests"),
        node=_find(view, NodeStatus, nodename.nodename) if nodename else None,
        controllers=_by_id(view, ControllerStatus),
    )


def _find(view: View, type_: type[S], id_: str) -> S | None:
    found = view.find(type_, id_)
    return found.spec if found else None


def _by_id(view: View, type_: type[S]) -> dict[str, S]:
    return {one.id: one.spec for one in view.list(type_)}
