"""The scheduler: its flags, and its static pod once the API server answers."""

from collections.abc import Iterable

from controllers.config.documents import MachineConfig, MachineType
from controllers.kubernetes.after_apiserver import probe_healthz, want_after_api_server
from controllers.kubernetes.layout import SCHEDULER_DIR, SCHEDULER_UID
from controllers.kubernetes.pod import Component
from controllers.kubernetes.rendering import render_flags
from controllers.kubernetes.versions import Features, parse_features
from controllers.ports import Ports
from controllers.resources.kubernetes import StaticPod
from controllers.resources.machine import FileStatus, VersionInfo
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted
from controllers.services.go_environment import make_go_environment
from controllers.services.health import API_SERVER

NAME, PORT = "kube-scheduler", 10259
READ_ONCE = tuple(f"{SCHEDULER_DIR}/{name}" for name in ("ca.crt", "kubeconfig"))
READ_AGAIN = tuple(f"{SCHEDULER_DIR}/{name}" for name in ("client.crt", "client.key"))


class SchedulerController(Controller):
    """Wants the scheduler on a control plane."""

    name = "kubernetes.SchedulerController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(VersionInfo, id="version"),
        Input(FileStatus),
        Input(ServiceHealth, id=API_SERVER),
    )
    outputs = (Output(StaticPod, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._patience = ports.patience
        self._environment = make_go_environment(ports)

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One static pod."""
        if view.get(MachineConfig, "default").spec.type is not MachineType.CONTROL_PLANE:
            return
        features = parse_features(view.get(VersionInfo, "version").spec.kubernetes)
        component = Component(
            name=NAME,
            uid=SCHEDULER_UID,
            flags=tuple(render_scheduler_flags(features)),
            directory=SCHEDULER_DIR,
            probe=probe_healthz(PORT),
            cpu=20,
            memory=48,
            environment=self._environment,
        )
        yield want_after_api_server(view, component, READ_ONCE, READ_AGAIN, self._patience)


def render_scheduler_flags(features: Features) -> list[str]:
    """Return kube-scheduler's arguments; no leader election, as for the controller manager."""
    kubeconfig = f"{SCHEDULER_DIR}/kubeconfig"
    flags = {
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "kubeconfig": kubeconfig,
        "leader-elect": "false",
        "profiling": "false",
        "tls-min-version": "VersionTLS12",
    }
    if features.insecure_port_flag:
        flags["port"] = "0"
    return render_flags(flags)
