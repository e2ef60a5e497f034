"""The administrator's certificate and the endpoint → the kubeconfig that `ophite kubeconfig` hands out, as YAML."""

from collections.abc import Iterable

import yaml

from controllers.config.documents import ClusterConfig
from controllers.kubernetes.kubeconfigs import encode, make_kubeconfig
from controllers.ports import Ports
from controllers.resources.kubernetes import AdminKubeconfig
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.runtime.controller import Controller, Input, Output, View, Wanted


class AdminKubeconfigController(Controller):
    """Renders it with everything inside, for use elsewhere."""

    name = "kubernetes.AdminKubeconfigController"
    inputs = (
        Input(ClusterConfig, id="default"),
        Input(Certificate, id="admin"),
        Input(CertificateRoot, id="kubernetes"),
    )
    outputs = (Output(AdminKubeconfig),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One kubeconfig."""
        cluster = view.get(ClusterConfig, "default").spec
        admin = view.get(Certificate, "admin").spec
        root = view.get(CertificateRoot, "kubernetes").spec
        config = make_kubeconfig(
            cluster.endpoint,
            {"certificate-authority-data": encode(root.certificate)},
            {"client-certificate-data": encode(admin.certificate), "client-key-data": encode(admin.key)},
            (cluster.name, "admin"),
        )
        yield Wanted("admin", AdminKubeconfig(yaml=yaml.safe_dump(config, sort_keys=False)))
