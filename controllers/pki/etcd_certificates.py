"""etcd's certificates: `etcd-server`, `etcd-peer`, and `etcd-client` for the API server and the brain.

The server's has client usage as well: etcd's own gateway dials its server with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.pki.authority import Request
from controllers.pki.issuing import Issuer
from controllers.pki.kept import Kept
from controllers.ports import Ports
from controllers.resources.network import HostnameStatus
from controllers.resources.pki import Certificate, CertificateRoot, CertificateSANs
from controllers.resources.timesync import TimeStatus
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted


class EtcdCertificatesController(Controller):
    """`CertificateRoot` etcd with its key, `CertificateSANs` etcd → `Certificate`."""

    name = "pki.EtcdCertificatesController"
    inputs = (
        Input(CertificateRoot, id="etcd"),
        Input(CertificateSANs, id="etcd"),
        Input(HostnameStatus, id="hostname"),
        Input(TimeStatus, id="time"),
    )
    outputs = (Output(Certificate, kind=SHARED),)

    def __init__(self, ports: Ports, kept: Kept) -> None:
        self._clock = ports.clock
        self._kept = kept

    def reconcile(self, view: View) -> Iterable[Wanted]:
        root = view.find(CertificateRoot, "etcd")
        if root is None or not root.spec.key:
            return []
        sans = view.get(CertificateSANs, "etcd").spec
        host = view.get(HostnameStatus, "hostname").spec.hostname
        synced = view.find(TimeStatus, "time")
        own = {one.id: one.spec for one in view.own(Certificate)}
        issuer = Issuer(view, self._clock, self._kept.certificates, synced is not None and synced.spec.synced, own)
        member = Request(host, names=sans.names, addresses=sans.addresses, server=True, client=True)
        wanted = {"etcd-server": member, "etcd-peer": member, "etcd-client": Request("ophite-etcd-client", client=True)}
        return [Wanted(id_, issuer.provide(id_, root.spec, request)) for id_, request in wanted.items()]
