"""Kubernetes' certificates on a control plane: a table of who they are for and what they say.

Groups are organizations, users are common names (Kubernetes: "X509 client certificates"). A worker has no key of the
authority and gets none of these; its kubelet asks for one with the bootstrap token.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.pki.authority import Request
from controllers.pki.issuing import Issuer
from controllers.pki.kept import Kept
from controllers.ports import Ports
from controllers.resources.kubernetes import Nodename
from controllers.resources.pki import Certificate, CertificateRoot, CertificateSANs
from controllers.resources.timesync import TimeStatus
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

MASTERS = "system:masters"


def plan_certificates(sans: CertificateSANs, nodename: str) -> dict[str, tuple[str, Request]]:
    """Return certificate id → (id of its authority, what it says)."""
    server = Request("kube-apiserver", names=sans.names, addresses=sans.addresses, server=True)
    kubelet = Request(
        f"system:node:{nodename}",
        "system:nodes",
        names=(nodename,),
        addresses=sans.addresses,
        server=True,
    )
    return {
        "kube-apiserver": ("kubernetes", server),
        "kube-apiserver-kubelet-client": (
            "kubernetes",
            Request("kube-apiserver-kubelet-client", MASTERS, client=True),
        ),
        "front-proxy-client": ("front-proxy", Request("front-proxy-client", client=True)),
        "kube-controller-manager": ("kubernetes", Request("system:kube-controller-manager", client=True)),
        "kube-scheduler": ("kubernetes", Request("system:kube-scheduler", client=True)),
        "admin": ("kubernetes", Request("admin", MASTERS, client=True)),
        "kubelet": ("kubernetes", Request(f"system:node:{nodename}", "system:nodes", client=True)),
        "kubelet-serving": ("kubernetes", kubelet),
    }


class KubernetesCertificatesController(Controller):
    """`CertificateRoot` kubernetes and front-proxy with their keys → `Certificate`."""

    name = "pki.KubernetesCertificatesController"
    inputs = (
        Input(CertificateRoot),
        Input(CertificateSANs, id="kubernetes"),
        Input(Nodename, id="nodename"),
        Input(TimeStatus, id="time"),
    )
    outputs = (Output(Certificate, kind=SHARED),)

    def __init__(self, ports: Ports, kept: Kept) -> None:
        self._clock = ports.clock
        self._kept = kept

    def reconcile(self, view: View) -> Iterable[Wanted]:
        roots = {one.id: one.spec for one in view.list(CertificateRoot) if one.spec.key}
        if "kubernetes" not in roots:
            return []
        sans = view.get(CertificateSANs, "kubernetes").spec
        nodename = view.get(Nodename, "nodename").spec.nodename
        synced = view.find(TimeStatus, "time")
        own = {one.id: one.spec for one in view.own(Certificate)}
        issuer = Issuer(view, self._clock, self._kept.certificates, synced is not None and synced.spec.synced, own)
        return [
            Wanted(id_, issuer.provide(id_, roots[root], request))
            for id_, (root, request) in plan_certificates(sans, nodename).items()
            if root in roots
        ]
