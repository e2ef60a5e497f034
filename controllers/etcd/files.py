"""Certificates → the files that etcd reads. Only etcd's user may read them; etcd itself picks up a renewed certificate."""

from collections.abc import Iterable

from controllers.etcd import ETCD_UID
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdSpec
from controllers.resources.machine import FileSpec
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

DIRECTORY = "/run/ophite/pki/etcd"
CA_PATH = f"{DIRECTORY}/ca.crt"


class EtcdFilesController(Controller):
    """Renders what etcd needs once it is to run."""

    name = "etcd.EtcdFilesController"
    inputs = (
        Input(EtcdSpec, id="etcd"),
        Input(CertificateRoot, id="etcd"),
        Input(Certificate, id="etcd-server"),
        Input(Certificate, id="etcd-peer"),
    )
    outputs = (Output(FileSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """CA, server and peer certificate with keys."""
        if view.find(EtcdSpec, "etcd") is None:
            return
        yield _file(CA_PATH, view.get(CertificateRoot, "etcd").spec.certificate, 0o444)
        for role in ("server", "peer"):
            leaf = view.get(Certificate, f"etcd-{role}").spec
            yield _file(f"{DIRECTORY}/{role}.crt", leaf.certificate, 0o444)
            yield _file(f"{DIRECTORY}/{role}.key", leaf.key, 0o400)


def _file(path: str, content: str, mode: int) -> Wanted:
    return Wanted(path, FileSpec(path=path, content=content, mode=mode, uid=ETCD_UID, gid=ETCD_UID))
