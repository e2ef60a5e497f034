"""The bundle: one signed file that a node can be upgraded to, or installed from (docs/lifecycle.md, "Bundle").

A plain tar whose first members are the manifest and its signature, so that a reader knows what to expect before anything
else arrives. On a medium the same members lie unpacked in a directory; the bytes of each are the same.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from image.boards.board import RaspberryPi
from image.cache import digest_bytes, digest_file
from image.context import Context
from image.esp import find_boot_loader
from image.grub import CONFIGURATION

FORMAT = 1
MINIMUM_FORMAT = 1  # the oldest format whose readers can use this bundle
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
BOOT = "boot"  # of a Raspberry Pi: the files of its boot partition lie below

Members = dict[str, Path | bytes]


def list_parts(context: Context) -> Members:
    """The members that the manifest names, in the order of the tar."""
    command_line = {"cmdline": f"{context.command_line}\n".encode()}
    if isinstance(context.board.boot, RaspberryPi):
        boot = {f"{BOOT}/{name}": content for name, content in context.boot_files.items()}
        return boot | command_line | {"root.erofs": context.root_image.path}
    parts: Members = {
        "boot.efi": find_boot_loader(context),
        "ophite.efi": context.uki,
        "vmlinuz": context.vmlinuz,
        "initramfs.zst": context.initramfs,
        **command_line,
    }
    if context.grub is not None:
        parts |= {f"grub/{name}": context.grub / name for name in ("core.img", "boot.img")}
        parts["grub/grub.cfg"] = CONFIGURATION.encode()
    return parts | {"root.erofs": context.root_image.path}


def render_manifest(context: Context, parts: Mapping[str, Path | bytes]) -> bytes:
    """The manifest; its bytes are what is signed."""
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "minimum_format": MINIMUM_FORMAT,
        "version": context.version,
        "board": context.board.name,
        "arch": context.arch.name,
        "kubernetes": context.kubernetes.version,
        "built": context.epoch,
        "root_hash": context.root_image.root_hash,
        "files": {name: describe(content) for name, content in parts.items()},
    }
    return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()


def describe(content: Path | bytes) -> dict[str, Any]:
    """Size in bytes and SHA-256 of one member."""
    if isinstance(content, bytes):
        return {"size": len(content), "sha256": digest_bytes(content)}
    return {"size": content.stat().st_size, "sha256": digest_file(content)}


def make_members(context: Context) -> Members:
    """All members in the order of the tar: manifest, signature, parts."""
    parts = list_parts(context)
    manifest = render_manifest(context, parts)
    return {MANIFEST: manifest, SIGNATURE: context.key.sign(manifest), **parts}


def write_bundle(members: Mapping[str, Path | bytes], path: Path) -> None:
    """The tar (ustar, owned by root, without times); the old one is replaced at once."""
    scratch = path.with_name(f".{path.name}.new")
    try:
        with tarfile.open(scratch, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in members.items():
                add_member(archive, name, content)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def add_member(archive: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    """Append one file."""
    info = tarfile.TarInfo(name)
    if isinstance(content, bytes):
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    else:
        info.size = content.stat().st_size
        with content.open("rb") as file:
            archive.addfile(info, file)
