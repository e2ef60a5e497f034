"""The API server: its flags, and its static pod once etcd is healthy.

Anonymous requests are off, so its readiness probe is a TCP one; the node's own check asks /readyz with a certificate.
"""

from collections.abc import Iterable
from ipaddress import ip_address

import msgspec

from controllers.config.documents import ClusterConfig, MachineConfig, MachineType
from controllers.kubernetes.layout import API_SERVER_DIR, API_SERVER_UID
from controllers.kubernetes.pki_files import ENCRYPTION_CONFIG
from controllers.kubernetes.pod import Component, make_static_pod
from controllers.kubernetes.rendering import render_flags
from controllers.ports import Ports
from controllers.resources.kubernetes import NodeIP, StaticPod
from controllers.resources.machine import FileStatus
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.go_environment import make_go_environment
from controllers.services.health import API_SERVER, API_SERVER_PORT
from controllers.services.written_files import get_written

READ_ONCE = (
    f"{API_SERVER_DIR}/ca.crt",
    f"{API_SERVER_DIR}/etcd-ca.crt",
    f"{API_SERVER_DIR}/front-proxy-ca.crt",
    f"{API_SERVER_DIR}/service-account.key",
    f"{API_SERVER_DIR}/service-account.pub",
    ENCRYPTION_CONFIG,
)
READ_AGAIN = tuple(
    f"{API_SERVER_DIR}/{name}.{part}"
    for name in ("server", "etcd-client", "kubelet-client", "front-proxy-client")
    for part in ("crt", "key")
)


class ApiServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the flags depend on."""

    address: str
    issuer: str
    service_subnets: tuple[str, ...]


class ApiServerController(Controller):
    """Wants the API server on a control plane."""

    name = "kubernetes.ApiServerController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(ClusterConfig, id="default"),
        Input(NodeIP, id="kubelet"),
        Input(FileStatus),
        Input(ServiceHealth, id="etcd"),
    )
    outputs = (Output(StaticPod, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._patience = ports.patience
        self._environment = make_go_environment(ports, threads=2)

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One static pod; it stays when etcd falters."""
        if view.get(MachineConfig, "default").spec.type is not MachineType.CONTROL_PLANE:
            return
        cluster = view.get(ClusterConfig, "default").spec
        settings = ApiServerSettings(
            address=view.get(NodeIP, "kubelet").spec.addresses[0],
            issuer=cluster.endpoint,
            service_subnets=cluster.service_subnets,
        )
        for path in READ_AGAIN:
            get_written(view, path)
        read_once = [get_written(view, path) for path in READ_ONCE]
        health = view.find(ServiceHealth, "etcd")
        if not view.own(StaticPod) and not (health and health.spec.healthy):
            raise Waiting("etcd to be healthy")
        component = Component(
            name=API_SERVER,
            uid=API_SERVER_UID,
            flags=tuple(render_apiserver_flags(settings)),
            directory=API_SERVER_DIR,
            probe={"tcpSocket": {"port": API_SERVER_PORT, "host": "127.0.0.1"}},
            cpu=200,
            memory=384,
            environment=self._environment,
        )
        yield Wanted(API_SERVER, make_static_pod(component, read_once, self._patience))


def render_apiserver_flags(settings: ApiServerSettings) -> list[str]:
    """Return kube-apiserver's arguments; the same from 1.20 to current versions."""
    pki = API_SERVER_DIR
    return render_flags(
        {
            "advertise-address": settings.address,
            "allow-privileged": "true",
            "anonymous-auth": "false",
            "authorization-mode": "Node,RBAC",
            "bind-address": "::" if ip_address(settings.address).version == 6 else "0.0.0.0",  # noqa: S104 - it serves the cluster
            "client-ca-file": f"{pki}/ca.crt",
            "enable-admission-plugins": "NodeRestriction",
            "enable-bootstrap-token-auth": "true",
            "encryption-provider-config": ENCRYPTION_CONFIG,
            "etcd-cafile": f"{pki}/etcd-ca.crt",
            "etcd-certfile": f"{pki}/etcd-client.crt",
            "etcd-keyfile": f"{pki}/etcd-client.key",
            "etcd-servers": "https://127.0.0.1:2379",
            "kubelet-certificate-authority": f"{pki}/ca.crt",
            "kubelet-client-certificate": f"{pki}/kubelet-client.crt",
            "kubelet-client-key": f"{pki}/kubelet-client.key",
            "kubelet-preferred-address-types": "InternalIP,Hostname",
            "profiling": "false",
            "proxy-client-cert-file": f"{pki}/front-proxy-client.crt",
            "proxy-client-key-file": f"{pki}/front-proxy-client.key",
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-client-ca-file": f"{pki}/front-proxy-ca.crt",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "secure-port": str(API_SERVER_PORT),
            "service-account-issuer": settings.issuer,
            "service-account-key-file": f"{pki}/service-account.pub",
            "service-account-signing-key-file": f"{pki}/service-account.key",
            "service-cluster-ip-range": ",".join(settings.service_subnets),
            "tls-cert-file": f"{pki}/server.crt",
            "tls-min-version": "VersionTLS12",
            "tls-private-key-file": f"{pki}/server.key",
        }
    )
