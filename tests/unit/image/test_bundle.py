"""The bundle: order, manifest, signature, and the same bytes twice."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tarfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from image.arch import get_arch
from image.boards import get_board
from image.bundle import MANIFEST, SIGNATURE, list_parts, make_members, write_bundle
from image.cache import Cache
from image.context import Context, Kubernetes, Options, RootImage
from image.rootlist import BOOT_LOADER
from image.sign import get_signing_key
from tests.unit.image.pi_build import make_context as make_pi_context

ORDER = [
    "manifest.json", "manifest.sig", "boot.efi", "ophite.efi", "vmlinuz", "initramfs.zst", "cmdline",
    "grub/core.img", "grub/boot.img", "grub/grub.cfg", "root.erofs",
]  # fmt: skip


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A build that has made small files."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    names = ("loader/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "kernel/boot/vmlinuz-6.1", "uki", "initramfs", "root",
             "grub/core.img", "grub/boot.img")  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode() * 3)
    trees = {BOOT_LOADER.partition("/")[0]: tmp_path / "loader"}
    return Context(
        Options(tmp_path), get_board("cloud"), get_arch("amd64"), Cache(tmp_path / "cache"), "1.2.3", 7, get_signing_key(None),
        trees=trees, kernel_version="6.1", kernel=tmp_path / "kernel", uki=tmp_path / "uki",
        initramfs=tmp_path / "initramfs", grub=tmp_path / "grub",
        root_image=RootImage(tmp_path / "root", "ab" * 32, "cd" * 32, 9, 9), command_line="quiet ophite.root=verity",
        kubernetes=Kubernetes("1.33.1", Path()),
    )  # fmt: skip


def test_the_members_are_in_order_and_what_the_manifest_says(context: Context, tmp_path: Path) -> None:
    write_bundle(make_members(context), tmp_path / "out.bundle")
    with tarfile.open(tmp_path / "out.bundle") as archive:
        assert archive.getnames() == ORDER
        assert {(info.uid, info.gid, info.mtime, info.mode) for info in archive} == {(0, 0, 0, 0o644)}
        data = {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]  # all are files
    manifest = json.loads(data[MANIFEST])
    assert {key: manifest[key] for key in ("format", "minimum_format", "version", "board", "arch", "kubernetes", "built")} == {
        "format": 1, "minimum_format": 1, "version": "1.2.3", "board": "cloud", "arch": "amd64", "kubernetes": "1.33.1",
        "built": 7,
    }  # fmt: skip
    assert manifest["root_hash"] == "ab" * 32
    assert manifest["files"] == {
        name: {"size": len(data[name]), "sha256": hashlib.sha256(data[name]).hexdigest()} for name in ORDER[2:]
    }
    assert data["cmdline"] == b"quiet ophite.root=verity\n"
    load_pem_public_key(context.key.public.encode()).verify(data[SIGNATURE], data[MANIFEST])  # type: ignore[union-attr, call-arg]  # Ed25519


def test_it_is_the_same_twice(context: Context, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_bundle(make_members(context), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_where_no_machine_has_a_bios_there_is_no_loader_for_it(context: Context) -> None:
    assert not any(name.startswith("grub/") for name in list_parts(dataclasses.replace(context, grub=None)))


def test_a_raspberry_pis_bundle_has_its_boot_partition(tmp_path: Path) -> None:
    context = make_pi_context(tmp_path, "raspberry-pi-5")
    boot = [f"boot/{name}" for name in context.boot_files]
    assert list(list_parts(context)) == [*boot, "cmdline", "root.erofs"]
    assert "boot/overlays/bcm2712d0.dtbo" in boot
    assert list_parts(context)["cmdline"] == context.boot_files["cmdline.txt"]
