"""QEMU's machines, by name and by architecture."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.arch import ARCHES
from image.errors import ImageError
from image.qemu import BOOTS
from image.qemu_boards import HARDWARE, USUAL, check_boot, find_arch, get_hardware


def test_every_architecture_has_its_usual_machine() -> None:
    assert set(USUAL) == set(ARCHES)
    for arch, name in USUAL.items():
        assert get_hardware("", arch) is HARDWARE[name]
        assert HARDWARE[name].arch == arch


def test_every_machine_boots_in_a_way_that_there_is() -> None:
    for hardware in HARDWARE.values():
        assert set(hardware.boots) <= set(BOOTS)
        assert ("card" in hardware.boots) == bool(hardware.device_tree) == (not hardware.pci)


@pytest.mark.parametrize(
    ("name", "arch", "problem"),
    [("raspi9", "arm64", "no machine 'raspi9'"), ("", "mips", "no machine 'mips'"), ("virt", "amd64", "virt is arm64")],
)
def test_a_machine_that_cannot_be_is_refused(name: str, arch: str, problem: str) -> None:
    with pytest.raises(ImageError, match=problem) as caught:
        get_hardware(name, arch)
    assert caught.value.hint


def test_there_is_no_bios_but_on_a_pc() -> None:
    check_boot(HARDWARE["q35"], "bios")
    with pytest.raises(ImageError, match="no way to boot 'bios'"):
        check_boot(HARDWARE["virt"], "bios")


def test_the_architecture_of_an_image_is_in_its_manifest(tmp_path: Path) -> None:
    assert find_arch(tmp_path) == ""
    (tmp_path / "manifest.json").write_text('{"arch": "arm64"}')
    assert find_arch(tmp_path) == "arm64"
    (tmp_path / "manifest.json").write_text("[")
    assert find_arch(tmp_path) == ""
