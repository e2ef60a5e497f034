"""The sets of Wi-Fi: what the node expects of them, and the links that Debian would make on installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from controllers.network.wifi_supplicant import PROGRAM
from image.arch import get_arch
from image.errors import ImageError
from image.firmware import find_firmware
from image.kmod import ModuleInfo
from image.rootfs import find_kept
from image.sets import SETS
from image.sets.moduleset import ModuleSet

WIRELESS = [item for item in SETS.values() if item.name.startswith("wifi")]
REGULATORY = ("regulatory.db", "regulatory.db.p7s")


def make_module(name: str, *firmware: str) -> ModuleInfo:
    return ModuleInfo(name, f"kernel/{name}.ko.xz", (), (), (), (), firmware)


def test_the_node_finds_its_program() -> None:
    wifi = SETS["wifi"]
    assert [f"/{executable.path}" for executable in wifi.executables] == [PROGRAM]
    assert f"usr/sbin/{Path(PROGRAM).name}" in [pattern for keep in wifi.keep for pattern in keep.patterns]


@pytest.mark.parametrize("item", WIRELESS, ids=lambda item: item.name)
def test_each_alone_has_the_table_of_countries(item: ModuleSet, tmp_path: Path) -> None:
    """cfg80211 asks for names that only installing the package makes."""
    directory = tmp_path / "wireless-regdb/usr/lib/firmware"
    directory.mkdir(parents=True)
    for name in ("regulatory.db-upstream", "regulatory.db.p7s-upstream", "regulatory.db-debian"):
        (directory / name).write_text(name)
    assert "wireless-regdb" in item.firmware
    trees = {word: tmp_path / word for word in item.firmware}
    files = find_firmware([make_module("cfg80211", *REGULATORY)], [item], trees)
    assert {file.name.rpartition("/")[2]: file.link for file in files} == {
        "regulatory.db": "regulatory.db-upstream",
        "regulatory.db-upstream": "",
        "regulatory.db.p7s": "regulatory.db.p7s-upstream",
        "regulatory.db.p7s-upstream": "",
    }


@pytest.mark.parametrize(
    "name", ["brcm/brcmfmac43455-sdio.bin", "brcm/brcmfmac43602-pcie.bin", "brcm/brcmfmac4371-pcie.bin", "mediatek/new.bin"]
)
def test_what_debian_ships_may_not_go_missing_unseen(name: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=name):
        find_firmware([make_module("driver", name)], [SETS["wifi"]], dict.fromkeys(SETS["wifi"].firmware, tmp_path))


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_kept_files_are_looked_for_in_the_directory_of_the_architecture(arch: str, tmp_path: Path) -> None:
    directory = tmp_path / f"usr/lib/{get_arch(arch).triplet}"
    directory.mkdir(parents=True)
    (directory / "libnl-3.so.200.26.0").touch()
    (directory / "libnl-3.so.200").symlink_to("libnl-3.so.200.26.0")
    [keep] = [keep for keep in SETS["wifi"].keep if keep.package == "libnl-3-200"]
    assert [name.rpartition("/")[2] for _, name in find_kept(keep, tmp_path, get_arch(arch))] == [
        "libnl-3.so.200",
        "libnl-3.so.200.26.0",
    ]
