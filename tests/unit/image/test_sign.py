"""The signing key: made once, readable by its owner only, and nothing but Ed25519."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from image.errors import ImageError
from image.sign import find_own_key, get_signing_key, make_key, read_key


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_the_users_own_key_is_made_once(state: Path) -> None:
    first = get_signing_key(None)
    path = state / "ophite/signing-key.pem"
    assert find_own_key() == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert get_signing_key(None) == first
    assert [entry.name for entry in path.parent.iterdir()] == ["signing-key.pem"]


def test_of_two_builds_at_once_both_use_one_key(state: Path) -> None:
    path = state / "ophite/signing-key.pem"
    make_key(path)
    before = path.read_bytes()
    make_key(path)  # as one does that saw no key a moment before
    assert path.read_bytes() == before


def test_a_signature_is_checked_with_the_public_part() -> None:
    key = get_signing_key(None)
    public = load_pem_public_key(key.public.encode())
    assert isinstance(public, Ed25519PublicKey)
    signature = key.sign(b"manifest")
    assert len(signature) == 64
    assert key.sign(b"manifest") == signature
    public.verify(signature, b"manifest")
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"manifesT")


def test_a_key_does_not_show_itself() -> None:
    key = get_signing_key(None)
    assert repr(key) == f"SigningKey({key.id})"


def test_keys_that_cannot_sign_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    with pytest.raises(ImageError, match="No such file"):
        get_signing_key(path)
    path.write_text("no key")
    with pytest.raises(ImageError, match="no private key in PEM"):
        read_key(path)
    other = generate_private_key(SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ImageError, match="another kind than Ed25519"):
        read_key(path)
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")))
    with pytest.raises(ImageError, match="without a passphrase"):
        read_key(path)
