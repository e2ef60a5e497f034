"""Certificate authorities of the configuration: `ApiConfig`, `EtcdConfig`, `KubernetesSecretsConfig` → `CertificateRoot`.

Also the key that signs service account tokens. A worker's roots have no key: it may check, not sign.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.config.documents.api_config import ApiConfig
from controllers.config.documents.etcd_config import EtcdConfig
from controllers.config.documents.kubernetes_secrets_config import KubernetesSecretsConfig
from controllers.config.parts import CertificateAndKey
from controllers.pki.authority import PkiError, load_key, public_pem
from controllers.ports import Ports
from controllers.resources.pki import CertificateRoot, ServiceAccountKey
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting


class RootsController(Controller):
    """Documents → `CertificateRoot` os, etcd, kubernetes, front-proxy, and `ServiceAccountKey`."""

    name = "pki.RootsController"
    inputs = (Input(ApiConfig), Input(EtcdConfig), Input(KubernetesSecretsConfig))
    outputs = (Output(CertificateRoot), Output(ServiceAccountKey))

    def __init__(self, ports: Ports) -> None:
        """In: nothing of `ports` is needed; every controller is made the same way."""

    def reconcile(self, view: View) -> Iterable[Wanted]:
        roots: dict[str, CertificateAndKey] = {}
        for api in view.list(ApiConfig):
            roots["os"] = api.spec.ca
        for etcd in view.list(EtcdConfig):
            roots["etcd"] = etcd.spec.ca
        for kubernetes in view.list(KubernetesSecretsConfig):
            roots["kubernetes"] = kubernetes.spec.ca
            roots["front-proxy"] = kubernetes.spec.aggregator_ca
        wanted = [Wanted(name, CertificateRoot(certificate=pair.crt, key=pair.key)) for name, pair in roots.items() if pair.crt]
        return wanted + [
            _service_account(one.spec.service_account_key)
            for one in view.list(KubernetesSecretsConfig)
            if one.spec.service_account_key
        ]


def _service_account(pem: str) -> Wanted:
    try:
        public = public_pem(load_key(pem, "KubernetesSecretsConfig.serviceAccountKey"))
    except PkiError as error:
        raise Waiting(f"a usable key: {error}") from error
    return Wanted("service-account", ServiceAccountKey(key=pem, public_key=public))
