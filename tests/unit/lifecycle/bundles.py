"""Small bundles for tests, written by the build's own writer, and with anything wrong that a test wants."""

import hashlib
import io
import json
import secrets
import tarfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from image.bundle import write_bundle

KEY = Ed25519PrivateKey.generate()
KEYS = (KEY.public_key(),)
RUN = secrets.token_hex(8)
COMMAND_LINE = "ophite.root=verity ophite.verity=ab:cd:12 console=ttyS0,115200"


@lru_cache
def make_parts(version: str = "2.0", *, bios: bool = True) -> dict[str, bytes]:
    """Parts that differ by version, of sizes that are no multiple of anything."""
    names = ["boot.efi", "ophite.efi", "vmlinuz", "initramfs.zst", "cmdline"]
    names += ["grub/core.img", "grub/boot.img", "grub/grub.cfg"] if bios else []
    parts = {name: f"{name} {version} ".encode() * (100 + 7 * at) for at, name in enumerate(names)}
    parts["cmdline"] = f"{COMMAND_LINE}\n".encode()
    return parts | {"root.erofs": f"root {version} ".encode().ljust(4096, b".") * 101}


def root_hash(version: str = "2.0") -> str:
    """What the manifest says of the root; nobody here computes a hash tree. Another run on this machine has others."""
    return hashlib.sha256(f"root {version} {RUN}".encode()).hexdigest()


@dataclass
class Recipe:
    """A bundle to be made. `changes` go into the manifest; `members` replaces the list of (name, content) of the tar."""

    version: str = "2.0"
    arch: str = "amd64"
    key: Ed25519PrivateKey = KEY
    changes: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, bytes] | None = None

    @property
    def manifest(self) -> bytes:
        parts = self.make_parts()
        files = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in parts.items()}
        document = {
            "format": 1,
            "minimum_format": 1,
            "version": self.version,
            "board": "generic",
            "arch": self.arch,
            "kubernetes": "1.34.0",
            "built": 1_700_000_000,
            "root_hash": root_hash(self.version),
            "files": files,
        }
        return json.dumps(document | self.changes, sort_keys=True).encode()

    def make_parts(self) -> dict[str, bytes]:
        return make_parts(self.version, bios=self.arch == "amd64") if self.parts is None else self.parts

    def members(self) -> dict[str, bytes]:
        """Everything in order."""
        manifest = self.manifest
        return {"manifest.json": manifest, "manifest.sig": self.key.sign(manifest), **self.make_parts()}

    def write(self, path: Path) -> Path:
        """Make the file with the build's writer."""
        write_bundle(dict(self.members()), path)
        return path

    def unpack(self, directory: Path) -> Path:
        """Lay the members into a directory, as on a medium."""
        for name, data in self.members().items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(data)
        return directory


def tar(members: list[tuple[tarfile.TarInfo | str, bytes]], form: int = tarfile.USTAR_FORMAT) -> bytes:
    """Make a tar of any members in any order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def write_key(directory: Path) -> None:
    """Lay the public key where an image has it."""
    directory.mkdir(parents=True)
    (directory / "test.pem").write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
