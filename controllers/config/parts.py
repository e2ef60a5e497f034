"""Values that several kinds of documents share: certificates with keys, sizes."""

import re
from typing import Annotated

import msgspec

from controllers.runtime.resource import Part, Secret

_UNITS = {
    "": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_SIZE = re.compile(r"([0-9]{1,15}) ?([KMGT]i?B|)")


class CertificateAndKey(Part, frozen=True, kw_only=True, rename="camel"):
    """A certificate authority."""

    crt: Annotated[str, msgspec.Meta(description="Certificate, PEM.")] = ""
    key: Annotated[Secret, msgspec.Meta(description="Private key, PEM (PKCS #8). Empty where the node may not sign.")] = ""


def parse_size(text: str) -> int:
    """Return bytes of `10GiB`, `500 MB` or `1048576`; 0 of an empty text. Raises `ValueError`."""
    if not text:
        return 0
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no size")
    return int(match[1]) * _UNITS[match[2]]
