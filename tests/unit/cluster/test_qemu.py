"""The emulator's argv is rendered from the machine alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from image import qemu
from image.accelerator import KVM, TCG
from image.errors import ImageError
from image.qemu import Machine, check_image, make_disk, plan_argv, plan_command_line, plan_network
from image.qemu_packages import Qemu, parse_version

QEMU = Qemu(("qemu",), "10.0.13", Path("/firmware/code"), Path("/firmware/variables"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    image = tmp_path / "image"
    image.mkdir()
    for name in ("vmlinuz", "initramfs.zst", "disk.img"):
        (image / name).write_bytes(b"x" * 4096)
    (image / "cmdline").write_text("quiet ophite.root=verity\n")
    return Machine(directory=tmp_path / "node", image=image, api_port=1234, kubernetes_port=2345)


def test_uefi_boot_gets_its_words_by_smbios(machine: Machine) -> None:
    argv = plan_argv(machine, QEMU, TCG)
    text = argv[argv.index("-smbios") + 1]
    assert text == (
        "type=11,value=io.systemd.stub.kernel-cmdline-extra=console=ttyS0,,115200 ophite.platform=qemu ophite.patience=20"
        " no_timer_check nosoftlockup mitigations=off highres=off nohz=off init_on_alloc=0 psi=0"
    )
    assert "if=pflash,format=raw,unit=0,readonly=on,file=/firmware/code" in argv
    assert "-kernel" not in argv


def test_the_first_place_of_the_boot_order_is_qemus_when_it_loads_the_kernel(machine: Machine) -> None:
    for boot, places in (("uefi", {0, 1}), ("bios", {0, 1}), ("direct", {1, 2})):
        for medium_first in (False, True):
            order = replace(machine, boot=boot, medium_first=medium_first).boot_order
            assert set(order) == places
            assert (order[1] < order[0]) == medium_first


def test_direct_boot_appends_to_the_images_own_line(machine: Machine) -> None:
    argv = plan_argv(replace(machine, boot="direct", command_line="panic=0"), QEMU, KVM)
    line = argv[argv.index("-append") + 1]
    assert line == "quiet ophite.root=verity console=ttyS0,115200 ophite.platform=qemu ophite.patience=1 panic=0"
    assert "-smbios" not in argv
    assert argv[argv.index("-accel") + 1] == "kvm"


def test_every_comma_of_the_command_line_is_doubled_for_smbios(machine: Machine) -> None:
    argv = plan_argv(replace(machine, command_line="a=1,2"), QEMU, TCG)
    assert argv[argv.index("-smbios") + 1].endswith(" a=1,,2")


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("user", "user,id=net0,hostfwd=tcp:127.0.0.1:1234-:50000,hostfwd=tcp:127.0.0.1:2345-:6443"),
        ("silent", "hubport,id=net0,hubid=0"),
        ("none", None),
    ],
)
def test_network(machine: Machine, network: str, expected: str | None) -> None:
    argv = plan_network(replace(machine, network=network))
    assert (argv[1] if argv else None) == expected


def test_the_command_line_has_no_empty_words(machine: Machine) -> None:
    assert "  " not in plan_command_line(machine, 1)
    assert not plan_command_line(machine, 1).endswith(" ")


def test_a_missing_file_of_the_image_is_named(machine: Machine) -> None:
    (machine.image / "initramfs.zst").unlink()
    check_image(machine)
    with pytest.raises(ImageError, match=r"initramfs\.zst: no such file"):
        check_image(replace(machine, boot="direct"))


def test_the_disk_is_a_grown_copy(machine: Machine) -> None:
    machine.directory.mkdir()
    make_disk(replace(machine, disk=8))
    assert machine.disk_file.stat().st_size == 8 << 20
    assert (machine.image / "disk.img").stat().st_size == 4096
    assert machine.disk_file.read_bytes()[:4096] == b"x" * 4096


def test_a_machine_that_never_ran_has_no_process_and_can_be_stopped(machine: Machine) -> None:
    assert machine.find_process() is None
    qemu.stop(machine)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)\nCopyright", (10, 0, 13)),
        ("QEMU emulator version 7.2.17", (7, 2, 17)),
        ("no such thing", ()),
    ],
)
def test_parse_version(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version
