"""The ESP: the boot entry, and a FAT file system with the right files that is the same twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from image.esp import FAT32_MIB, Fat, make_fat, render_entry
from image.run import get_program, run

GOLDEN = Path(__file__).parents[2] / "data/lifecycle/esp"
FILES: dict[str, Path | bytes] = {
    "EFI/BOOT/BOOTX64.EFI": b"MZ boot",
    "EFI/ophite/a.efi": b"MZ slot" * 5000,
    "loader/entries/ophite-a.conf": b"title x\n",
    "top.txt": b"top",
}


def test_the_entry_is_what_the_node_writes() -> None:
    assert render_entry("a", "1.2.3", 1).encode() == (GOLDEN / "loader/entries/ophite-a.conf").read_bytes()


@pytest.mark.parametrize("size", [16, FAT32_MIB])
def test_the_file_system_holds_the_files(tmp_path: Path, size: int) -> None:
    image = tmp_path / "fat.img"
    (tmp_path / "given").write_bytes(b"from a file")
    make_fat({**FILES, "grub/given": tmp_path / "given"}, Fat(size, "ESP", "0123abcd", 1_750_000_000), image)
    run([get_program("fsck.vfat"), "-n", image])
    for name, content in FILES.items():
        assert run([get_program("mtype"), "-i", image, f"::{name}"]) == content
    assert run([get_program("mtype"), "-i", image, "::grub/given"]) == b"from a file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fat.img", "given"]


def test_made_twice_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for name, zone in (("one", "UTC"), ("two", "Asia/Tokyo")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        image = tmp_path / f"{name}.img"
        make_fat(dict(reversed(FILES.items())) if name == "two" else FILES, Fat(16, "ESP", "0123abcd", 1_750_000_000), image)
        made.append(image.read_bytes())
    monkeypatch.undo()
    time.tzset()
    assert made[0] == made[1]
