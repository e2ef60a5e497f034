"""The key that signs bundles: Ed25519 (RFC 8032), in PEM.

A node believes the keys that lie in its image, so an image can be upgraded to whatever is signed with the key that it was
built with. Without `--signing-key` it is one of the user's own, made once and kept in the state directory of the user
(XDG base directory specification), where only its owner can read it.
Trap: whoever loses that key can build new images, but no node that runs will take a bundle of theirs.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from image.errors import ImageError

SIGNATURE_BYTES = 64
ID_DIGITS = 16


@dataclass(frozen=True)
class SigningKey:
    """A key: the private part (32 bytes) and the public part in PEM."""

    private: bytes
    public: str

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"

    @property
    def id(self) -> str:
        """A short name: the beginning of the public part's SHA-256."""
        return hashlib.sha256(self.public.encode()).hexdigest()[:ID_DIGITS]

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes; the same for the same message."""
        return Ed25519PrivateKey.from_private_bytes(self.private).sign(message)


def get_signing_key(path: Path | None) -> SigningKey:
    """The key in that file, or the user's own, which is made when there is none. Raises `ImageError`."""
    place = path or find_own_key()
    if path is None and not place.exists():
        make_key(place)
    return read_key(place)


def find_own_key() -> Path:
    """`$XDG_STATE_HOME/ophite/signing-key.pem`, else below `~/.local/state`."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(base) / "ophite/signing-key.pem"


def make_key(path: Path) -> None:
    """Write a new key, readable by its owner only. Of two builds that do it at once, one wins and both use that."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    data = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(scratch, path)
    except FileExistsError:
        pass  # another build was quicker
    finally:
        scratch.unlink()


def read_key(path: Path) -> SigningKey:
    """Parse a private key; raises `ImageError` for anything but Ed25519 in PEM without a passphrase."""
    hint = "openssl genpkey -algorithm ed25519 -out KEY.pem makes one"
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}", hint) from error
    except (TypeError, ValueError) as error:
        raise ImageError(f"{path}: no private key in PEM without a passphrase", hint) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ImageError(f"{path}: a key of another kind than Ed25519", hint)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return SigningKey(key.private_bytes_raw(), public)
