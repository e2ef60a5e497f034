"""Firmware: names, patterns and links lead to files; a name that leads nowhere and that nobody explains ends the build."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from image.errors import ImageError
from image.firmware import FIRMWARE, FirmwareFile, FirmwareTree, find_firmware, firmware_members, lay_firmware
from image.formats import cpio
from image.kmod import ModuleInfo
from image.sets.moduleset import ModuleSet


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An unpacked package with two vendors' firmware."""
    tree = tmp_path / "firmware-x"
    for name in ("ven/a-1.bin", "ven/a-2.bin", "ven/sub/a-3.bin", "real/b.bin", "real/deep/c.bin"):
        path = tree / FIRMWARE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name, target in (
        ("ven/a.bin", "a-2.bin"), ("ven/again.bin", "a.bin"), ("ven/b.bin", "../real/b.bin"), ("moved", "real/deep"),
        ("ven/loop", "loop"), ("ven/out", "../../../../etc/passwd"), ("ven/root", "/etc/passwd"), ("ven/none", "nothing"),
    ):  # fmt: skip
        (tree / FIRMWARE / name).symlink_to(target)
    return tree


def module(name: str, *firmware: str) -> ModuleInfo:
    return ModuleInfo(name, f"kernel/{name}.ko", (), (), (), (), firmware)


def find(package: Path, wanted: str) -> list[str]:
    found = FirmwareTree.read([package], {"made": "ven/a.bin"}).find(wanted)
    assert all(name == file.name for name, file in found.items())
    return sorted(name.removeprefix(f"{FIRMWARE}/") for name in found)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("ven/a-1.bin", ["ven/a-1.bin"]),
        ("ven/a.bin", ["ven/a-2.bin", "ven/a.bin"]),
        ("ven/again.bin", ["ven/a-2.bin", "ven/a.bin", "ven/again.bin"]),
        ("ven/b.bin", ["real/b.bin", "ven/b.bin"]),
        ("moved/c.bin", ["moved", "real/deep/c.bin"]),
        ("made", ["made", "ven/a-2.bin", "ven/a.bin"]),
        ("ven/a-*.bin", ["ven/a-1.bin", "ven/a-2.bin"]),
        ("*/a-3.bin", []),
        ("ven", []),
        ("ven/loop", []),
        ("ven/out", []),
        ("ven/root", []),
        ("ven/none", []),
        ("ven/missing.bin", []),
    ],
)
def test_a_name_leads_to_its_file_with_all_links_on_the_way(package: Path, wanted: str, found: list[str]) -> None:
    assert find(package, wanted) == found


def test_exactly_what_the_modules_name_is_taken(package: Path) -> None:
    chosen = ModuleSet("x", "x", firmware=("firmware-x",), extra_firmware={"one": ("real/*.bin",), "three": ("ven/a-1.bin",)})
    files = find_firmware([module("one", "ven/a.bin"), module("two")], [chosen], {"firmware-x": package})
    assert [file.name for file in files] == [f"{FIRMWARE}/{name}" for name in ("real/b.bin", "ven/a-2.bin", "ven/a.bin")]
    assert [file.bytes for file in files] == [len("real/b.bin"), len("ven/a-2.bin"), 0]
    assert files[2] == FirmwareFile(f"{FIRMWARE}/ven/a.bin", link="a-2.bin")


def test_a_name_that_nothing_explains_is_an_error_that_tells_all(package: Path) -> None:
    chosen = ModuleSet("x", "x", firmware=("firmware-x",), absent={"ven/old-*": "nobody has that card"})
    trees = {"firmware-x": package}
    with pytest.raises(ImageError) as caught:
        find_firmware([module("one", "ven/old-7.bin", "ven/new.bin"), module("two", "ven/b*", "q/*")], [chosen], trees)
    assert caught.value.message.endswith("chosen sets has: ven/new.bin (wanted by one), q/* (wanted by two)")
    assert "absent" in caught.value.hint
    (package / FIRMWARE / "ven/new.bin").touch()
    assert len(find_firmware([module("one", "ven/old-7.bin", "ven/new.bin")], [chosen], trees)) == 1
    (package / FIRMWARE / "ven/new.bin").unlink()
    with pytest.raises(ImageError, match=r"ven/new\.bin"):
        find_firmware([module("one", "ven/new.bin")], [chosen], trees)


def test_a_long_list_of_missing_names_is_cut(package: Path) -> None:
    with pytest.raises(ImageError, match=r"n19 \(wanted by m\) and 10 more"):
        find_firmware([module("m", *(f"n{number}" for number in range(30)))], [], {})


def test_a_package_of_another_architecture_is_not_there(package: Path) -> None:
    chosen = ModuleSet("x", "x", firmware=("firmware-x", "microcode:amd64"))
    assert find_firmware([module("one", "real/b.bin")], [chosen], {"firmware-x": package})
    with pytest.raises(KeyError):
        find_firmware([], [ModuleSet("x", "x", firmware=("firmware-y",))], {"firmware-x": package})


def test_the_files_in_a_root_and_in_an_initramfs(package: Path, tmp_path: Path) -> None:
    chosen = ModuleSet("x", "x", firmware=("firmware-x",), firmware_links={"made": "ven/b.bin"})
    files = find_firmware([module("one", "made")], [chosen], {"firmware-x": package})

    def place(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    root = tmp_path / "root"
    lay_firmware(files, root, place)
    assert (root / FIRMWARE / "made").read_text() == "real/b.bin"
    assert (root / FIRMWARE / "ven/b.bin").readlink() == Path("../real/b.bin")
    assert firmware_members(files) == [
        cpio.link(f"{FIRMWARE}/made", "ven/b.bin"),
        cpio.regular(f"{FIRMWARE}/real/b.bin", b"real/b.bin"),
        cpio.link(f"{FIRMWARE}/ven/b.bin", "../real/b.bin"),
    ]
