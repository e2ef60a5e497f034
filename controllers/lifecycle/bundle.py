"""A bundle: one version of the system as parts with a signed manifest, in a tar file or unpacked on a medium.

The manifest is believed when one of the image's keys signed its bytes, every part when it has the manifest's size and hash.
Whether it is for this node (`check_compatible`) is a question of its own, asked before anything big is fetched. Trap: decoding
is strict for the format that this node knows; of a newer one that says that it can be read, unknown fields and parts are
passed over. Sources: RFC 8032 (Ed25519), docs/lifecycle.md "Bundle".
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from controllers.lifecycle.errors import BundleError

FORMAT = 1
"""The newest format that this node understands."""
OLDEST_FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
MANIFEST_LIMIT = 64 * 1024
SIGNATURE_SIZE = 64
PART_LIMIT = 8 << 30
"""Bytes that one part may have, whatever the manifest says."""
ROOT = "root.erofs"
REQUIRED = ("boot.efi", "ophite.efi", "vmlinuz", "initramfs.zst", "cmdline", ROOT)
BIOS = ("grub/core.img", "grub/boot.img")
ORDER = ("boot.efi", "ophite.efi", "vmlinuz", "initramfs.zst", "cmdline", *BIOS, "grub/grub.cfg", ROOT)
"""The order of the parts that this node knows, but for those of a Raspberry Pi; behind manifest and signature."""
BOOT_PART = re.compile(r"boot/(overlays/)?[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")
"""Parts of a Raspberry Pi: the files of its boot partition, in front of all others, sorted."""
REQUIRED_BOOT = ("boot/cmdline.txt", "boot/config.txt", "cmdline", ROOT)
COMMAND_LINE_LIMIT = 16 * 1024
KEY_LIMIT = 16 * 1024
CHUNK = 1 << 20

Say = Callable[[str, float], None]
"""Takes what is done now and how much of it, from 0 to 1."""
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Word = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+~_-]*\Z", max_length=64)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size in bytes and SHA-256 in hex of one part."""

    size: Annotated[int, msgspec.Meta(ge=0, le=PART_LIMIT)]
    sha256: Sha256


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle holds. `built` in seconds since the epoch; `minimum_format`: what a node must at least understand."""

    format: int
    minimum_format: int
    version: Word
    board: Word
    arch: Word
    kubernetes: Word
    built: Annotated[int, msgspec.Meta(ge=0)]
    root_hash: Sha256
    files: Annotated[dict[str, Part], msgspec.Meta(max_length=64)]

    @property
    def size(self) -> int:
        """Bytes of all parts together."""
        return sum(part.size for part in self.files.values())

    @property
    def known(self) -> tuple[str, ...]:
        """The parts that this node knows, in the order of the tar."""
        boot_files = sorted(name for name in self.files if BOOT_PART.fullmatch(name))
        return (*boot_files, *(name for name in ORDER if name in self.files))


class StrictManifest(Manifest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manifest of the format that this node knows best: nothing in it is passed over."""


class Formats(msgspec.Struct, frozen=True):
    """What is read first, whatever else there is."""

    format: int
    minimum_format: int


@dataclass(frozen=True, slots=True)
class Node:
    """What a bundle must fit: the running version. `root_hash` is empty where the node runs from memory."""

    version: str
    board: str
    arch: str
    root_hash: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose signature, sizes and hashes were right. `path` is a tar file with the parts at `offsets`, or a
    directory where `offsets` is empty. `identity` is the SHA-256 of the manifest, so it names all that it holds.
    """

    path: Path
    manifest: Manifest
    identity: str
    offsets: Mapping[str, int] = field(default_factory=dict)

    def read(self, name: str) -> Iterator[bytes]:
        """Yield a part, 1 MiB at a time. Raises `BundleError` when it is not (any more) what the manifest says."""
        part = self.manifest.files.get(name)
        if part is None:
            raise BundleError(f"{self.path}: the bundle has no {name}", "build it again")
        digest, left = hashlib.sha256(), part.size
        try:
            with _open_regular(self.path if self.offsets else self.path / name) as file:
                file.seek(self.offsets.get(name, 0))
                while left and (data := file.read(min(CHUNK, left))):
                    digest.update(data)
                    left -= len(data)
                    yield data
                more = b"" if self.offsets else file.read(1)
        except OSError as error:
            raise BundleError(f"{self.path}: {name} cannot be read: {error.strerror or error}") from error
        if left or more or digest.hexdigest() != part.sha256:
            raise BundleError(f"{self.path}: {name} is not what the manifest says", "fetch or build the bundle again")

    def read_command_line(self) -> str:
        """Return the kernel command line. Raises `BundleError` when it is no single line of text."""
        if self.manifest.files["cmdline"].size > COMMAND_LINE_LIMIT:
            raise BundleError(f"{self.path}: the command line is longer than {COMMAND_LINE_LIMIT} bytes", "shorten it")
        text = b"".join(self.read("cmdline")).decode("utf-8", "replace").strip("\n \0")
        if not text.isprintable():
            raise BundleError(f"{self.path}: the command line is no single line of text", "build the bundle again")
        return text


def load_keys(directory: Path) -> tuple[Ed25519PublicKey, ...]:
    """Return the public keys that this image believes. Raises `BundleError` when there is none or one is unreadable."""
    keys = []
    for path in sorted(directory.glob("*.pem")):
        try:
            with path.open("rb") as file:
                key = load_pem_public_key(file.read(KEY_LIMIT))
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise BundleError(f"{path}: no public key: {error}", "build the image again") from error
        if not isinstance(key, Ed25519PublicKey):
            raise BundleError(f"{path}: not an Ed25519 key", "build the image with an Ed25519 key")
        keys.append(key)
    if not keys:
        raise BundleError(f"{directory} holds no key: no bundle can be believed", "build the image with a signing key")
    return tuple(keys)


def parse_manifest(data: bytes, signature: bytes, keys: Sequence[Ed25519PublicKey]) -> Manifest:
    """Return a manifest that one of the keys signed. Raises `BundleError`: signature first, then format, then the rest."""
    if not any(_is_signed(key, signature, data) for key in keys):
        raise BundleError(
            "the bundle's signature is by none of the keys that this node believes",
            "sign it with the key that the running image was built with (--signing-key)",
        )
    try:
        _check_formats(msgspec.json.decode(data, type=Formats))
        newer = msgspec.json.decode(data, type=Formats).format > FORMAT
        manifest: Manifest = msgspec.json.decode(data, type=Manifest if newer else StrictManifest)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BundleError(f"the bundle's manifest is wrong: {error}", "build the bundle again") from error
    _check_parts(manifest, newer=newer)
    return manifest


def _is_signed(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _check_formats(found: Formats) -> None:
    if found.format < OLDEST_FORMAT:
        raise BundleError(
            f"the bundle has format {found.format}, older than {OLDEST_FORMAT}", "build it with a present version of the tools"
        )
    if found.minimum_format > FORMAT:
        raise BundleError(
            f"the bundle needs a node that reads format {found.minimum_format}; this one reads up to {FORMAT}",
            "upgrade to a version in between first",
        )


def _check_parts(manifest: Manifest, *, newer: bool) -> None:
    required: tuple[str, ...] = (*REQUIRED, *BIOS) if manifest.arch == "amd64" else REQUIRED
    required = REQUIRED_BOOT if any(name.startswith("boot/") for name in manifest.files) else required
    missing = [name for name in required if name not in manifest.files]
    if missing:
        raise BundleError(f"the bundle's manifest lacks {', '.join(missing)}", "build the bundle again")
    unknown = sorted(set(manifest.files) - set(manifest.known))
    if unknown and not newer:
        raise BundleError(f"the bundle's manifest names unknown parts: {', '.join(unknown)[:200]}", "build the bundle again")


def check_compatible(manifest: Manifest, node: Node) -> None:
    """Raise `BundleError` when a bundle is not for this node, with every reason."""
    problems = [
        f"it is for {what} {theirs}, this node has {ours}"
        for what, theirs, ours in (("the architecture", manifest.arch, node.arch), ("the board", manifest.board, node.board))
        if theirs != ours
    ]
    if manifest.root_hash == node.root_hash:
        problems.append("this node runs exactly this image already")
    if problems:
        hint = "take a bundle of another version" if len(problems) == 1 and node.root_hash == manifest.root_hash else ""
        hint = hint or f"take the bundle for {node.board} {node.arch}"
        raise BundleError(f"bundle {manifest.version} cannot be used: {'; '.join(problems)}", hint)


def open_parts(directory: Path, keys: Sequence[Ed25519PublicKey], say: Say | None = None) -> Bundle:
    """Return the bundle that lies unpacked in a directory, after checking all of it. Raises `BundleError`."""
    data = _read_small(directory / MANIFEST, MANIFEST_LIMIT)
    manifest = parse_manifest(data, _read_small(directory / SIGNATURE, SIGNATURE_SIZE), keys)
    bundle = Bundle(directory, manifest, hashlib.sha256(data).hexdigest())
    done = 0
    for name in manifest.known:
        for chunk in bundle.read(name):
            done += len(chunk)
            if say is not None:
                say(f"check {name}", done / max(manifest.size, 1))
    return bundle


def _read_small(path: Path, limit: int) -> bytes:
    try:
        with _open_regular(path) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror or error}", "the medium holds no bundle") from error
    if len(data) > limit:
        raise BundleError(f"{path} has more than {limit} bytes", "build the medium again")
    return data


def _open_regular(path: Path) -> FileIO:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(f"{path} is no regular file")
    return os.fdopen(fd, "rb", buffering=0)
