"""Reading a bundle as it comes: bytes are pushed in, checked at once, and kept in one file.

Uploads arrive in pieces and downloads in a thread, so this is a push parser: `write` until the end, then `finish`. At most
the manifest's limit is kept before the signature was right; after that the manifest's sizes are the limits. Whatever is wrong
raises `BundleError`, and the file is gone. Trap: a tar header is hostile; only plain ustar files in the agreed order are taken.
Source: POSIX.1-2008, pax, "ustar Interchange Format".
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from controllers.lifecycle import bundle as bundles
from controllers.lifecycle.bundle import MANIFEST, SIGNATURE, Bundle, Manifest, Say
from controllers.lifecycle.errors import BundleError

BLOCK = tarfile.BLOCKSIZE
TRAILER_LIMIT = 64 * 1024
"""Bytes of zeros that may follow the last part; tar fills up to 10240."""
RESERVE = 64 << 20
"""Bytes that a spooled bundle leaves free on its file system."""
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"\x04\x22\x4d\x18": "lz4",
}
REBUILD = "fetch or build the bundle again"


class Parser:
    """Checks the bytes of a bundle as they come. `on_manifest` is called once with what was signed, and may refuse it."""

    def __init__(self, keys: Sequence[Ed25519PublicKey], on_manifest: Callable[[Manifest], None] | None = None) -> None:
        self._keys = keys
        self._on_manifest = on_manifest
        self._pending = b""
        self._name = ""
        self._left = self._padding = self._trailer = 0
        self._kept = bytearray()
        self._digest = hashlib.sha256()
        self._small: dict[str, bytes] = {}
        self.received = 0
        self.manifest: Manifest | None = None
        self.offsets: dict[str, int] = {}

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises `BundleError`."""
        self._pending += data
        while self._pending and self._advance():
            pass

    def close(self) -> tuple[Manifest, str]:
        """Return the manifest and the bundle's identity once all has come. Raises `BundleError`."""
        missing = [name for name in self._expected() if name not in self.offsets]
        if self._name or missing:
            self._check_magic(self._pending)
            where = f"in {self._name}" if self._name else f"before {missing[0]}"
            raise BundleError(f"the bundle is cut off after {self.received + len(self._pending)} bytes, {where}", REBUILD)
        if self._trailer < 2 * BLOCK or self._pending:
            raise BundleError(f"the bundle is cut off after {self.received + len(self._pending)} bytes, at its end", REBUILD)
        assert self.manifest is not None
        return self.manifest, hashlib.sha256(self._small[MANIFEST]).hexdigest()

    @property
    def fraction(self) -> float:
        """How much has come, from 0 to 1; 0 before the manifest."""
        return min(self.received / max(self.manifest.size, 1), 1.0) if self.manifest else 0.0

    def _expected(self) -> list[str]:
        known = self.manifest.known if self.manifest is not None else ()
        return [MANIFEST, SIGNATURE, *known]

    def _advance(self) -> bool:
        """Use up what can be used of the pending bytes; False when more are needed."""
        if self._left:
            self._take_body()
        elif self._padding:
            self._take(min(self._padding, len(self._pending)), padding=True)
        elif len(self._pending) < BLOCK:
            return False
        else:
            self._take_header(self._pending[:BLOCK])
        return True

    def _take(self, count: int, *, padding: bool = False) -> bytes:
        data, self._pending = self._pending[:count], self._pending[count:]
        self.received += count
        if padding:
            self._padding -= count
        return data

    def _take_header(self, block: bytes) -> None:
        if self.received == 0:
            self._check_magic(block)
        if not any(block):
            self._take_trailer()
            return
        if self._trailer:
            raise BundleError("the bundle goes on after its end", REBUILD)
        name, size = self._read_header(block)
        self._check_member(name, size)
        self._take(BLOCK)
        self.offsets[name] = self.received
        self._name, self._left, self._padding = name, size, -size % BLOCK
        self._digest = hashlib.sha256()
        if not size:
            self._end_member()

    def _take_trailer(self) -> None:
        if any(name not in self.offsets for name in self._expected()) or self.manifest is None:
            missing = next((name for name in self._expected() if name not in self.offsets), MANIFEST)
            raise BundleError(f"the bundle ends before {missing}", REBUILD)
        self._take(BLOCK)
        self._trailer += BLOCK
        if self._trailer > TRAILER_LIMIT:
            raise BundleError(f"the bundle ends with more than {TRAILER_LIMIT} zeros", REBUILD)

    def _read_header(self, block: bytes) -> tuple[str, int]:
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError, IndexError) as error:
            raise BundleError(f"the bundle is no tar file, or damaged at byte {self.received}: {error}", REBUILD) from error
        name = ascii(header.name)[1:-1][:100]
        if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or not block[257:].startswith(b"ustar\x00"):
            raise BundleError(f"{name} in the bundle is no plain ustar file", "build the bundle again")
        return name, header.size

    def _check_member(self, name: str, size: int) -> None:
        """Refuse a member that is not the next one, or not as big as it should be."""
        if name in self.offsets:
            raise BundleError(f"{name} is in the bundle twice", "build the bundle again")
        expected = next((one for one in self._expected() if one not in self.offsets), "")
        extra = self.manifest is not None and name in self.manifest.files and name not in self.manifest.known
        if name != expected and not extra:
            there = name if self.manifest is not None and name in self.manifest.files else f"{name}, which is unknown,"
            raise BundleError(f"{there} is in the bundle where {expected or 'the end'} belongs", "build the bundle again")
        if name == MANIFEST and not 0 < size <= bundles.MANIFEST_LIMIT:
            raise BundleError(f"{name} has {size} bytes, at most {bundles.MANIFEST_LIMIT} are read", "build the bundle again")
        if name == SIGNATURE and size != bundles.SIGNATURE_SIZE:
            raise BundleError(f"{name} has {size} bytes instead of {bundles.SIGNATURE_SIZE}", "build the bundle again")
        if self.manifest is not None and size != self.manifest.files[name].size:
            raise BundleError(f"{name} has {size} bytes, the manifest says {self.manifest.files[name].size}", REBUILD)

    def _take_body(self) -> None:
        data = self._take(min(self._left, len(self._pending)))
        self._left -= len(data)
        self._digest.update(data)
        if self.manifest is None:
            self._kept += data
        if not self._left:
            self._end_member()

    def _end_member(self) -> None:
        name, self._name = self._name, ""
        if self.manifest is not None:
            if self._digest.hexdigest() != self.manifest.files[name].sha256:
                raise BundleError(f"{name} in the bundle is damaged: its SHA-256 is not the manifest's", REBUILD)
            return
        self._small[name], self._kept = bytes(self._kept), bytearray()
        if name == SIGNATURE:
            self.manifest = bundles.parse_manifest(self._small[MANIFEST], self._small[SIGNATURE], self._keys)
            if self._on_manifest is not None:
                self._on_manifest(self.manifest)

    def _check_magic(self, data: bytes) -> None:
        for magic, what in MAGIC.items():
            if self.received == 0 and data.startswith(magic):
                raise BundleError(f"the bundle is compressed with {what}", "unpack it first: a bundle is a plain tar file")


class Spool:
    """A bundle that is being received into `path`. Blocking; `write` and `finish` belong into a thread. Only the one that was
    begun last can be finished.

    In: `keys`, whose signature is believed; `on_manifest`, called with the signed manifest before anything big is taken.
    """

    def __init__(
        self, path: Path, keys: Sequence[Ed25519PublicKey], on_manifest: Callable[[Manifest], None] | None = None
    ) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        self._check = on_manifest
        self._parser = Parser(keys, self._accept)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for former in path.parent.glob(f"{path.name}.*.part"):
                former.unlink(missing_ok=True)
            self._fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BundleError(f"{self._part}: {error.strerror}", "look at the volume EPHEMERAL") from error

    @property
    def fraction(self) -> float:
        """How much has come, from 0 to 1."""
        return self._parser.fraction

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises `BundleError`; the file is gone then, and so it is for a full disk."""
        try:
            self._parser.feed(data)
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self.abort()
            raise BundleError(f"{self._part}: {error.strerror}", "make room on EPHEMERAL") from error
        except BundleError:
            self.abort()
            raise

    def finish(self) -> Bundle:
        """Return the bundle once all of it has come and is on the disk. Raises `BundleError`; the file is gone then."""
        try:
            manifest, identity = self._parser.close()
            os.fsync(self._fd)
            self._part.rename(self._path)
        except FileNotFoundError as error:
            raise BundleError("another bundle was begun while this one came", "send one at a time") from error
        except OSError as error:
            raise BundleError(f"{self._path}: {error.strerror}", "look at the volume EPHEMERAL") from error
        finally:
            self.abort()
        return Bundle(self._path, manifest, identity, dict(self._parser.offsets))

    def abort(self) -> None:
        """Remove what has come. Harmless after `finish` and when called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._part.unlink(missing_ok=True)

    def _accept(self, manifest: Manifest) -> None:
        if self._check is not None:
            self._check(manifest)
        room = os.statvfs(self._path.parent)
        free = room.f_bavail * room.f_frsize - RESERVE
        if manifest.size > free:
            raise BundleError(
                f"the bundle has {manifest.size >> 20} MiB, and {self._path.parent} has room for {max(free, 0) >> 20} MiB",
                "make room on EPHEMERAL: remove images or volumes that nobody needs",
            )


def open_bundle(path: Path, keys: Sequence[Ed25519PublicKey], say: Say | None = None) -> Bundle:
    """Return the bundle in a tar file, after reading and checking all of it. Raises `BundleError`."""
    parser = Parser(keys)
    try:
        with path.open("rb", buffering=0) as file:
            while data := file.read(bundles.CHUNK):
                parser.feed(data)
                if say is not None:
                    say("check the bundle", parser.fraction)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}", "upload or fetch the bundle first") from error
    manifest, identity = parser.close()
    return Bundle(path, manifest, identity, dict(parser.offsets))
