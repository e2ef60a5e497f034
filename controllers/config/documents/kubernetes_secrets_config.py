"""KubernetesSecretsConfig: what the Kubernetes control plane signs and encrypts with, and what a worker joins with."""

import base64
import binascii
import re
from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.parts import CertificateAndKey
from controllers.config.problem import Problem
from controllers.runtime.resource import Secret

_TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")


class KubernetesSecretsConfig(Document, frozen=True, kw_only=True):
    """Keys of the Kubernetes control plane. A worker has only the certificate of `ca` and the bootstrap token."""

    sensitive = True

    ca: Annotated[
        CertificateAndKey,
        msgspec.Meta(description="The Kubernetes certificate authority. The key only on control planes."),
    ]
    aggregator_ca: Annotated[
        CertificateAndKey,
        msgspec.Meta(description="The front proxy's certificate authority (API aggregation). Control planes only."),
    ] = msgspec.field(default=CertificateAndKey(), name="aggregatorCA")
    service_account_key: Annotated[
        Secret, msgspec.Meta(description="Private key (PEM) that signs service account tokens. Control planes only.")
    ] = ""
    encryption_secret: Annotated[
        Secret, msgspec.Meta(description="32 random bytes in base64 that encrypt secrets in etcd. Control planes only.")
    ] = ""
    bootstrap_token: Annotated[Secret, msgspec.Meta(description="Token that nodes join with, `[a-z0-9]{6}.[a-z0-9]{16}`.")] = ""

    def validate(self) -> list[Problem]:
        found = checks.check_ca(self, "ca", self.ca, key_needed=False)
        if self.aggregator_ca.crt or self.aggregator_ca.key:
            found += checks.check_ca(self, "aggregatorCA", self.aggregator_ca, key_needed=True)
        if self.service_account_key:
            found += checks.check_key(self, "serviceAccountKey", self.service_account_key)
        if self.encryption_secret and not _is_key(self.encryption_secret):
            found.append(self.problem("encryptionSecret", "not 32 bytes in base64", "make it with `openssl rand -base64 32`"))
        if self.bootstrap_token and not _TOKEN.fullmatch(self.bootstrap_token):
            found.append(
                self.problem(
                    "bootstrapToken", "not of the form `[a-z0-9]{6}.[a-z0-9]{16}`", "make it with `ophite gen secrets`"
                )
            )
        return found

    @classmethod
    def example(cls) -> Self:
        pair = CertificateAndKey(crt=checks.EXAMPLE_CA, key=checks.EXAMPLE_KEY)
        return cls(
            ca=pair,
            aggregator_ca=pair,
            service_account_key=checks.EXAMPLE_KEY,
            encryption_secret=base64.b64encode(b"0123456789abcdef0123456789abcdef").decode(),
            bootstrap_token="abcdef.0123456789abcdef",  # noqa: S106 - an example, on purpose
        )


def _is_key(text: str) -> bool:
    """Return whether a text is base64 of 32 bytes."""
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False
