"""The controller manager: its flags, and its static pod once the API server answers."""

from collections.abc import Iterable

import msgspec

from controllers.config.documents import ClusterConfig, MachineConfig, MachineType
from controllers.kubernetes.after_apiserver import probe_healthz, want_after_api_server
from controllers.kubernetes.kubelet_config import MAX_FACTOR
from controllers.kubernetes.layout import CONTROLLER_MANAGER_DIR, CONTROLLER_MANAGER_UID
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

NAME, PORT = "kube-controller-manager", 10257
READ_ONCE = tuple(f"{CONTROLLER_MANAGER_DIR}/{name}" for name in ("ca.crt", "ca.key", "service-account.key", "kubeconfig"))
READ_AGAIN = tuple(f"{CONTROLLER_MANAGER_DIR}/{name}" for name in ("client.crt", "client.key"))


class ControllerManagerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the flags depend on."""

    features: Features
    pod_subnets: tuple[str, ...]
    service_subnets: tuple[str, ...]
    patience: float = 1.0


class ControllerManagerController(Controller):
    """Wants the controller manager on a control plane."""

    name = "kubernetes.ControllerManagerController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(ClusterConfig, id="default"),
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
        cluster = view.get(ClusterConfig, "default").spec
        settings = ControllerManagerSettings(
            features=parse_features(view.get(VersionInfo, "version").spec.kubernetes),
            pod_subnets=cluster.pod_subnets,
            service_subnets=cluster.service_subnets,
            patience=self._patience,
        )
        component = Component(
            name=NAME,
            uid=CONTROLLER_MANAGER_UID,
            flags=tuple(render_controller_manager_flags(settings)),
            directory=CONTROLLER_MANAGER_DIR,
            probe=probe_healthz(PORT),
            cpu=50,
            memory=96,
            environment=self._environment,
        )
        yield want_after_api_server(view, component, READ_ONCE, READ_AGAIN, self._patience)


def render_controller_manager_flags(settings: ControllerManagerSettings) -> list[str]:
    """Return kube-controller-manager's arguments.

    No leader election: on a single control plane it costs a lease to wait for after every reboot.
    """
    pki = CONTROLLER_MANAGER_DIR
    factor = min(max(settings.patience, 1.0), MAX_FACTOR)
    flags = {
        "allocate-node-cidrs": "true",
        "authentication-kubeconfig": f"{pki}/kubeconfig",
        "authorization-kubeconfig": f"{pki}/kubeconfig",
        "bind-address": "127.0.0.1",
        "cluster-cidr": ",".join(settings.pod_subnets),
        "cluster-signing-cert-file": f"{pki}/ca.crt",
        "cluster-signing-key-file": f"{pki}/ca.key",
        "controllers": "*,bootstrapsigner,tokencleaner",
        "kubeconfig": f"{pki}/kubeconfig",
        "leader-elect": "false",
        "node-monitor-grace-period": f"{40 * factor:.0f}s",
        "profiling": "false",
        "root-ca-file": f"{pki}/ca.crt",
        "service-account-private-key-file": f"{pki}/service-account.key",
        "service-cluster-ip-range": ",".join(settings.service_subnets),
        "tls-min-version": "VersionTLS12",
        "use-service-account-credentials": "true",
    }
    if settings.features.insecure_port_flag:
        flags["port"] = "0"
    return render_flags(flags)
