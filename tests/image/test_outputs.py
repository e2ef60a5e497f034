"""The files of a built image: complete, verified, the same twice."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
import struct
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from image import grub
from image.cache import digest_file
from image.context import ImageResult
from image.errors import ImageError
from image.esp import render_entry
from image.formats.cpio import Member, decode_archive
from image.run import get_program, run
from image.tools import fetch_tools, loader_argv
from init.linux.meta import Meta, parse_copy

if TYPE_CHECKING:
    from conftest import Built  # type: ignore[import-not-found]  # pytest's own, found when it runs

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]
FILES = ("vmlinuz", "initramfs.zst", "root.erofs", "cmdline", "ophite.efi", "ophite.bundle", "disk.qcow2", "ophite.iso",
         "pxe/vmlinuz", "pxe/initramfs.zst", "pxe/cmdline", "pxe/ophite.ipxe")  # fmt: skip


def verify(path: Path, command_line: str) -> subprocess.CompletedProcess[bytes]:
    """Ask cryptsetup's veritysetup whether a root image has the hash that the command line names."""
    match = re.search(r"ophite\.verity=([0-9a-f]{64}):([0-9a-f]{64}):(\d+)", command_line)
    assert match is not None
    root_hash, salt, blocks = match.groups()
    argv = [
        get_program("veritysetup"), "verify", "--no-superblock", "--hash=sha256", f"--salt={salt}", f"--data-blocks={blocks}",
        f"--hash-offset={int(blocks) * 4096}", str(path), str(path), root_hash,
    ]  # fmt: skip
    return subprocess.run(argv, capture_output=True, check=False, timeout=300)


def test_the_root_image_verifies_and_a_flipped_byte_does_not(built: Built, tmp_path: Path) -> None:
    command_line = (built.output / "cmdline").read_text()
    assert verify(built.output / "root.erofs", command_line).returncode == 0
    damaged = tmp_path / "root.erofs"
    shutil.copyfile(built.output / "root.erofs", damaged)
    with damaged.open("r+b") as file:
        file.seek(12_345_678)
        byte = file.read(1)
        file.seek(12_345_678)
        file.write(bytes([byte[0] ^ 1]))
    assert verify(damaged, command_line).returncode != 0


def test_built_twice_it_is_the_same(built: Built, build: Callable[..., ImageResult]) -> None:
    again = build(empty_cache=True).output
    names = (*FILES, "disk.img", "manifest.json")
    assert {name: digest_file(again / name) for name in names} == {name: digest_file(built.output / name) for name in names}


def test_the_partition_table(built: Built) -> None:
    disk = built.output / "disk.img"
    assert "No problems found" in run([get_program("sgdisk"), "--verify", disk]).decode()
    printed = run([get_program("sfdisk"), "--dump", disk]).decode()
    assert re.findall(r'name="([^"]+)"', printed) == ["BIOS", "ESP", "ROOT-A", "ROOT-B", "META", "STATE"]
    row = next(line for line in printed.splitlines() if 'name="ROOT-A"' in line)
    match = re.search(r"start=\s*(\d+).*uuid=([0-9A-F-]+)", row)
    assert match is not None
    assert match.group(2).replace("-", "").lower() == built.result.root_hash[:32]
    root = (built.output / "root.erofs").read_bytes()
    with disk.open("rb") as file:
        file.seek(int(match.group(1)) * 512)
        assert file.read(len(root)) == root


def test_meta_has_its_first_values(built: Built) -> None:
    printed = run([get_program("sfdisk"), "--dump", built.output / "disk.img"]).decode()
    match = re.search(r'start=\s*(\d+).*name="META"', printed)
    assert match is not None
    with (built.output / "disk.img").open("rb") as file:
        file.seek(int(match.group(1)) * 512)
        assert parse_copy(file.read(1 << 19)) == Meta(1, {"user.site": "berlin"})


def test_the_boot_partition_holds_loaders_and_slot(built: Built, tmp_path: Path) -> None:
    disk = built.output / "disk.img"
    printed = run([get_program("sfdisk"), "--dump", disk]).decode()
    match = re.search(r'start=\s*(\d+), size=\s*(\d+).*name="ESP"', printed)
    assert match is not None
    esp = tmp_path / "esp.img"
    with disk.open("rb") as file:
        file.seek(int(match.group(1)) * 512)
        esp.write_bytes(file.read(int(match.group(2)) * 512))
    run([get_program("fsck.vfat"), "-n", esp])

    def read(name: str) -> bytes:
        return run([get_program("mtype"), "-i", esp, f"::{name}"])

    assert read("EFI/ophite/a.efi") == (built.output / "ophite.efi").read_bytes()
    assert read("EFI/BOOT/BOOTX64.EFI").startswith(b"MZ")
    assert b"timeout 0" in read("loader/loader.conf")
    assert read("loader/entries/ophite-a.conf").decode() == render_entry("a", built.manifest["version"], 1)
    for name in ("vmlinuz", "initramfs.zst"):
        assert read(f"ophite/a/{name}") == (built.output / name).read_bytes()
    command_line = (built.output / "cmdline").read_text().strip()
    assert read("ophite/a/boot.cfg").decode() == grub.render_boot("/ophite/a", command_line)
    assert read("grub/grubenv") == grub.render_environment("a")
    assert read("grub/grub.cfg").decode() == grub.CONFIGURATION


def test_a_bios_finds_its_boot_loader(built: Built) -> None:
    with (built.output / "disk.img").open("rb") as file:
        first = file.read(512)
        file.seek(2048 * 512)
        core = file.read(1 << 20).rstrip(b"\0")
    assert first[510:] == b"\x55\xaa"
    assert first[450] == 0xEE  # the protective entry is whole
    assert struct.unpack_from("<Q", first, 0x5C) == (2048,)
    assert struct.unpack_from("<Q", core, 500) == (2049,)
    with tarfile.open(built.output / "ophite.bundle") as archive:
        parts = {name: archive.extractfile(name).read() for name in ("grub/boot.img", "grub/core.img")}  # type: ignore[union-attr]  # files
    assert first[:440] == parts["grub/boot.img"]
    assert core == parts["grub/core.img"].rstrip(b"\0")


def test_grub_understands_its_configuration(built: Built, tmp_path: Path) -> None:
    tools = fetch_tools(grub.TOOL_PACKAGES)
    command_line = (built.output / "cmdline").read_text()
    for name, text in (
        ("disk", grub.CONFIGURATION),
        ("boot", grub.render_boot("/ophite/a", command_line)),
        ("medium", grub.render_medium("OPHITE", grub.render_boot("/ophite", command_line))),
    ):
        path = tmp_path / name
        path.write_text(text)
        run([*loader_argv(tools, "usr/bin/grub-script-check"), path])
    path.write_text("if true; then\n")
    with pytest.raises(ImageError):
        run([*loader_argv(tools, "usr/bin/grub-script-check"), path])


def test_the_bundle_is_signed_and_its_parts_are_the_outputs(built: Built) -> None:
    with tarfile.open(built.output / "ophite.bundle") as archive:
        members = {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]  # files
    keys = list((built.root / "usr/share/ophite/keys").glob("*.pem"))
    assert len(keys) == 1
    public = load_pem_public_key(keys[0].read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    public.verify(members["manifest.sig"], members["manifest.json"])
    manifest = json.loads(members["manifest.json"])
    assert manifest["root_hash"] == built.result.root_hash
    assert set(manifest["files"]) == set(members) - {"manifest.json", "manifest.sig"}
    for name, fields in manifest["files"].items():
        assert fields == {"size": len(members[name]), "sha256": hashlib.sha256(members[name]).hexdigest()}
    for name in ("vmlinuz", "initramfs.zst", "root.erofs", "ophite.efi", "cmdline"):
        assert members[name] == (built.output / name).read_bytes()


def test_the_initramfs_has_the_roots_own_files(built: Built) -> None:
    archive = run([get_program("zstd"), "--decompress", "--stdout", "--quiet", built.output / "initramfs.zst"])
    members: dict[str, Member] = {member.name: member for member in decode_archive(archive)}
    assert members["init"].data.startswith(b"#!/usr/bin/python3.13 -IS\n")
    assert members["dev/urandom"].device == (1, 9)
    for name in ("usr/bin/python3.13", "usr/lib/ophite/init/initramfs.pyc", "usr/lib/python3.13/encodings/utf_16_le.pyc"):
        assert members[name].data == (built.root / name).read_bytes()
    programs = [name for name, member in members.items() if stat.S_ISREG(member.mode) and member.mode & 0o111]
    assert sorted(name.rpartition("/")[2] for name in programs) == ["init", "ld-linux-x86-64.so.2", "python3.13"]


def test_the_unified_kernel_image_holds_the_command_line(built: Built) -> None:
    image = (built.output / "ophite.efi").read_bytes()
    assert (built.output / "cmdline").read_text().strip().encode() in image
    assert b"panic=-1" in image


def test_the_manifest_names_everything(built: Built) -> None:
    for name in FILES:
        if name != "cmdline":
            assert built.manifest["files"][name]["sha256"] == digest_file(built.output / name)
    for kind in ("packages", "wheels", "binaries"):
        for item in built.manifest[kind]:
            assert item["name"]
            assert item["version"]
            assert item["licences"]
    assert {"containerd", "etcd-server", "python3.13-minimal"} <= {item["name"] for item in built.manifest["packages"]}
    assert all(item["why"] for item in built.manifest["executables"])
    assert "/root/" not in (built.output / "manifest.json").read_text()
