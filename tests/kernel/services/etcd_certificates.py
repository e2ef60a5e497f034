"""A certificate authority for the scenarios, and certificates as the pki controllers issue them."""

import datetime
import time

from controllers.config.bundle import make_authority
from controllers.pki.authority import Request, issue, load_authority, window
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.runtime.resource import Resource, new

CA = make_authority("etcd", "etcd", datetime.datetime.now(datetime.UTC))
ROOT = new("etcd", CertificateRoot(certificate=CA.crt, key=CA.key))


def leaf(id_: str, request: Request) -> Resource[Certificate]:
    """Return a certificate."""
    made = issue(load_authority(CA.crt, CA.key, "etcd"), request, window(time.time(), 3600))
    return new(
        id_, Certificate(subject=made.subject, certificate=made.certificate, key=made.key, ca="etcd", not_after=made.not_after)
    )
