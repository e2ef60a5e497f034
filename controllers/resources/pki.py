"""Certificate authorities and what they sign. Everything here is PEM text; keys are secrets."""

from __future__ import annotations

from typing import ClassVar

from controllers.runtime.resource import Secret, Spec

PKI = "pki"


class CertificateRoot(Spec, frozen=True, kw_only=True):
    """A certificate authority; ids `os`, `etcd`, `kubernetes`, `front-proxy`. `key` is empty where the node may not sign."""

    namespace: ClassVar[str] = PKI
    sensitive: ClassVar[bool] = True
    certificate: str
    key: Secret


class CertificateSANs(Spec, frozen=True, kw_only=True):
    """Names and addresses that a server certificate must carry; ids `api`, `kubernetes`, `etcd`."""

    namespace: ClassVar[str] = PKI
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("NAMES", "names"), ("ADDRESSES", "addresses"))
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Certificate(Spec, frozen=True, kw_only=True):
    """A leaf certificate with its key; id such as `api`, `etcd-server`, `etcd-peer`, `kube-apiserver`, `kubelet`, `admin`.

    `not_after` in seconds since the epoch; a certificate is replaced when a third of its life is left.
    """

    namespace: ClassVar[str] = PKI
    sensitive: ClassVar[bool] = True
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("SUBJECT", "subject"), ("NOT AFTER", "not_after"))
    subject: str
    certificate: str
    key: Secret
    ca: str
    not_after: int


class ServiceAccountKey(Spec, frozen=True, kw_only=True):
    """The key that signs service account tokens; id `service-account`."""

    namespace: ClassVar[str] = PKI
    sensitive: ClassVar[bool] = True
    key: Secret
    public_key: str


class ApiServing(Spec, frozen=True, kw_only=True):
    """What the API server process serves with; id `api`. `mode` is `maintenance` (no client certificates) or `secure`.

    `fingerprint`: SHA-256 of the server certificate's DER form, in lower-case hex; the console shows it in maintenance mode.
    """

    namespace: ClassVar[str] = PKI
    sensitive: ClassVar[bool] = True
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("MODE", "mode"), ("FINGERPRINT", "fingerprint"))
    mode: str
    certificate: str
    key: Secret
    client_ca: str
    fingerprint: str
