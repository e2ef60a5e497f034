"""The media of a built image: what is on them, and that nothing is on them twice."""

from __future__ import annotations

import json
import stat
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from image.formats.cpio import decode_archive
from image.media import ISO_TOOLS
from image.run import get_program, run
from image.tools import fetch_tools, loader_argv

if TYPE_CHECKING:
    from conftest import Built  # type: ignore[import-not-found]  # pytest's own, found when it runs

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]
ADDED_MODULES = {"loop", "isofs", "cdrom", "sr_mod", "ahci"}


def xorriso(built: Built, *words: str | Path) -> str:
    program = loader_argv(fetch_tools(ISO_TOOLS), "usr/bin/xorriso")
    return run([*program, "-indev", built.output / "ophite.iso", *words], timeout=300).decode()


@pytest.fixture(scope="session")
def iso(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the ISO."""
    directory = tmp_path_factory.mktemp("iso") / "files"
    xorriso(built, "-osirrox", "on", "-extract", "/", directory)
    return directory


def bundle_members(built: Built) -> dict[str, bytes]:
    with tarfile.open(built.output / "ophite.bundle") as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]  # files


def test_the_iso_holds_the_bundle_and_the_root_once(built: Built, iso: Path) -> None:
    members = bundle_members(built)
    top = iso / "ophite"
    assert {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()} == members
    assert (iso / "root.erofs").readlink() == Path("ophite/root.erofs")
    assert (built.output / "ophite.iso").stat().st_size < sum(map(len, members.values())) + (28 << 20)


def test_the_iso_starts_both_ways(built: Built) -> None:
    report = xorriso(built, "-report_el_torito", "plain", "-report_system_area", "plain", "-pvd_info")
    label = f"OPHITE_{built.result.root_hash[:8].upper()}"
    assert f"Volume Id    : {label}" in report
    assert "El Torito boot img :   1  BIOS  y" in report
    assert "El Torito boot img :   2  UEFI  y" in report
    assert "grub2-mbr" in report
    assert "GPT type GUID      :   2  28732ac11ff8d211ba4b00a0c93ec93b" in report


def test_every_way_into_the_iso_has_its_label(built: Built, iso: Path) -> None:
    label = f"ophite.root=iso ophite.medium=OPHITE_{built.result.root_hash[:8].upper()} "
    configuration = (iso / "grub/grub.cfg").read_text()
    assert f"linux /ophite/vmlinuz {label}" in configuration
    assert "initrd /ophite/initramfs.zst /grub/medium.zst\nboot\n" in configuration
    assert built.result.root_hash in configuration
    assert label.encode() in (built.output / "ophite.iso").read_bytes()[-32 << 20 :]  # the UKI in the appended partition


def test_the_addition_brings_the_drivers_of_media(iso: Path) -> None:
    archive = run([get_program("zstd"), "-d", "-c", "-q", iso / "grub/medium.zst"])
    members = {member.name: member for member in decode_archive(archive)}
    listed = [Path(path).name.partition(".")[0] for path in json.loads(members["etc/ophite-stage1.json"].data)["stage1"]]
    assert set(listed) >= ADDED_MODULES | {"erofs", "dm-verity", "virtio_blk"}
    files = {Path(name).name.partition(".")[0] for name in members if name.endswith(".ko.xz")}
    assert files >= ADDED_MODULES
    assert not files & {"erofs", "dm-verity", "virtio_blk"}


def test_the_network_boot_has_the_bundle_in_memory(built: Built, iso: Path) -> None:
    data = (built.output / "pxe/initramfs.zst").read_bytes()
    pieces = [path.read_bytes() for path in (built.output / "initramfs.zst", iso / "grub/medium.zst")]
    pieces = [piece + bytes(-len(piece) % 4) for piece in pieces]
    assert data.startswith(b"".join(pieces))
    members = {member.name: member for member in decode_archive(data[sum(map(len, pieces)) :])}
    held = {name.removeprefix("ophite/"): member.data for name, member in members.items() if stat.S_ISREG(member.mode)}
    assert held == bundle_members(built)
    assert stat.S_ISLNK(members["root.erofs"].mode)
    assert members["root.erofs"].data == b"ophite/root.erofs"


def test_the_network_boot_is_told_where_its_root_is(built: Built) -> None:
    words = (built.output / "pxe/cmdline").read_text().strip()
    assert words.startswith(f"ophite.root=initramfs ophite.verity={built.result.root_hash}:")
    assert (
        f"kernel vmlinuz initrd=initramfs.zst {words}\ninitrd initramfs.zst\nboot\n"
        in (built.output / "pxe/ophite.ipxe").read_text()
    )


def test_the_qcow2_is_the_disk(built: Built) -> None:
    tools = fetch_tools(("qemu-utils",))
    argv = [*loader_argv(tools, "usr/bin/qemu-img"), "compare", built.output / "disk.img", built.output / "disk.qcow2"]
    assert b"identical" in run(argv, timeout=300)
