"""Certificates and keys → the files of each Kubernetes component, as one table.

A file exists when its source does, so a worker gets only what kubelet needs. All of these programs pick up a renewed
leaf certificate by themselves; what they read only once is in `READ_ONCE` of their static pods.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from controllers.config.documents import KubernetesSecretsConfig
from controllers.kubernetes.layout import (
    API_SERVER_DIR,
    API_SERVER_UID,
    CONTROLLER_MANAGER_DIR,
    CONTROLLER_MANAGER_UID,
    KUBELET_DIR,
    SCHEDULER_DIR,
    SCHEDULER_UID,
)
from controllers.ports import Ports
from controllers.resources.machine import FileSpec
from controllers.resources.pki import Certificate, CertificateRoot, ServiceAccountKey
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted


class PkiFile(NamedTuple):
    """A file: where, from the certificate or authority `source`, its certificate or its key, for which user."""

    path: str
    source: str
    key: bool
    uid: int


def _pair(directory: str, name: str, source: str, uid: int) -> tuple[PkiFile, PkiFile]:
    base = f"{directory}/{name}"
    return PkiFile(f"{base}.crt", source, False, uid), PkiFile(f"{base}.key", source, True, uid)


ROOT_FILES = (
    PkiFile(f"{API_SERVER_DIR}/ca.crt", "kubernetes", False, API_SERVER_UID),
    PkiFile(f"{API_SERVER_DIR}/etcd-ca.crt", "etcd", False, API_SERVER_UID),
    PkiFile(f"{API_SERVER_DIR}/front-proxy-ca.crt", "front-proxy", False, API_SERVER_UID),
    *_pair(CONTROLLER_MANAGER_DIR, "ca", "kubernetes", CONTROLLER_MANAGER_UID),
    PkiFile(f"{SCHEDULER_DIR}/ca.crt", "kubernetes", False, SCHEDULER_UID),
    PkiFile(f"{KUBELET_DIR}/ca.crt", "kubernetes", False, 0),
)
"""What comes from a CertificateRoot."""

LEAF_FILES = (
    *_pair(API_SERVER_DIR, "server", "kube-apiserver", API_SERVER_UID),
    *_pair(API_SERVER_DIR, "etcd-client", "etcd-client", API_SERVER_UID),
    *_pair(API_SERVER_DIR, "kubelet-client", "kube-apiserver-kubelet-client", API_SERVER_UID),
    *_pair(API_SERVER_DIR, "front-proxy-client", "front-proxy-client", API_SERVER_UID),
    *_pair(CONTROLLER_MANAGER_DIR, "client", "kube-controller-manager", CONTROLLER_MANAGER_UID),
    *_pair(SCHEDULER_DIR, "client", "kube-scheduler", SCHEDULER_UID),
    *_pair(KUBELET_DIR, "client", "kubelet", 0),
    *_pair(KUBELET_DIR, "serving", "kubelet-serving", 0),
)
"""What comes from a Certificate."""

ENCRYPTION_CONFIG = f"{API_SERVER_DIR}/encryption.json"


class PkiFilesController(Controller):
    """Renders the tables above, the service account key and the encryption configuration."""

    name = "kubernetes.PkiFilesController"
    inputs = (
        Input(CertificateRoot),
        Input(Certificate),
        Input(ServiceAccountKey, id="service-account"),
        Input(KubernetesSecretsConfig, id="default"),
    )
    outputs = (Output(FileSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Every file whose source is there."""
        roots = {r.id: r.spec for r in view.list(CertificateRoot)}
        leaves = {r.id: r.spec for r in view.list(Certificate)}
        for file in ROOT_FILES:
            if root := roots.get(file.source):
                yield from _render(file.path, root.key if file.key else root.certificate, file.uid, file.key)
        for file in LEAF_FILES:
            if leaf := leaves.get(file.source):
                yield from _render(file.path, leaf.key if file.key else leaf.certificate, file.uid, file.key)
        if account := view.find(ServiceAccountKey, "service-account"):
            for directory, uid in ((API_SERVER_DIR, API_SERVER_UID), (CONTROLLER_MANAGER_DIR, CONTROLLER_MANAGER_UID)):
                yield from _render(f"{directory}/service-account.key", account.spec.key, uid, True)
            yield from _render(f"{API_SERVER_DIR}/service-account.pub", account.spec.public_key, API_SERVER_UID, False)
        config = view.find(KubernetesSecretsConfig, "default")
        if config and config.spec.encryption_secret:
            content = render_encryption_config(config.spec.encryption_secret)
            yield from _render(ENCRYPTION_CONFIG, content, API_SERVER_UID, True)


def render_encryption_config(secret: str) -> str:
    """Return an EncryptionConfiguration (apiserver.config.k8s.io/v1): Secrets by secretbox, older plain ones readable.

    In: `secret`, 32 bytes in base64.
    """
    providers = [{"secretbox": {"keys": [{"name": "key1", "secret": secret}]}}, {"identity": {}}]
    config = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": providers}],
    }
    return json.dumps(config, indent=1, sort_keys=True) + "\n"


def _render(path: str, content: str, uid: int, private: bool) -> Iterable[Wanted]:
    """Yield one file; nothing for an empty source, as a worker's authority has no key."""
    if content:
        mode = 0o400 if private else 0o444
        yield Wanted(path, FileSpec(path=path, content=content, mode=mode, uid=uid, gid=uid))
