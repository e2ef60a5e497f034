"""Certificate authorities, what they sign, and when it is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return this domain's controllers. Imports them here, so that importing the package costs nothing."""
    from controllers.pki.api_certificate import ApiCertificateController
    from controllers.pki.etcd_certificates import EtcdCertificatesController
    from controllers.pki.kept import KeptCertificatesController, kept_path, read_kept
    from controllers.pki.kubernetes_certificates import KubernetesCertificatesController
    from controllers.pki.roots import RootsController
    from controllers.pki.sans import SansController

    kept = read_kept(kept_path(ports))
    return [
        RootsController(ports),
        SansController(ports),
        ApiCertificateController(ports, kept),
        EtcdCertificatesController(ports, kept),
        KubernetesCertificatesController(ports, kept),
        KeptCertificatesController(ports),
    ]
