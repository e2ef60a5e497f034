"""Virtual machines: their argv, and the files that they are started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.accelerator import KVM, TCG
from image.errors import ImageError
from image.qemu import Machine, check_image, make_files, plan_argv, plan_forwards
from image.qemu_disks import Disk
from image.qemu_packages import Qemu


@pytest.fixture
def emulator(tmp_path: Path) -> Qemu:
    """An emulator that is never run."""
    (tmp_path / "code.fd").write_bytes(b"code")
    (tmp_path / "vars.fd").write_bytes(b"variables")
    return Qemu(("qemu",), "10.0.0", tmp_path / "code.fd", tmp_path / "vars.fd")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A built image's directory, as far as a machine looks at it."""
    directory = tmp_path / "image"
    directory.mkdir()
    for name, content in (("disk.img", "disk"), ("vmlinuz", ""), ("initramfs.zst", ""), ("cmdline", "ophite.root=verity\n")):
        (directory / name).write_text(content)
    return directory


def make(tmp_path: Path, **fields: object) -> Machine:
    """A machine with these fields."""
    return Machine(directory=tmp_path / "node", image=tmp_path / "image", **fields)  # type: ignore[arg-type] # any field


def find(argv: list[str], option: str) -> list[str]:
    """The values of an option."""
    return [argv[index + 1] for index, word in enumerate(argv) if word == option]


def test_uefi_has_firmware_and_the_command_line_by_smbios(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    argv = plan_argv(make(tmp_path, command_line="a=b,c"), emulator, TCG)
    assert f"if=pflash,format=raw,unit=0,readonly=on,file={emulator.firmware_code}" in argv
    (smbios,) = find(argv, "-smbios")
    assert smbios.startswith("type=11,value=io.systemd.stub.kernel-cmdline-extra=console=ttyS0,,115200 ")
    assert smbios.endswith("a=b,,c")
    assert "ophite.patience=20" in smbios


def test_bios_has_no_firmware_of_ours_and_writes_on_the_serial_line(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    argv = plan_argv(make(tmp_path, boot="bios"), emulator, KVM)
    assert find(argv, "-M") == ["q35,smm=off,graphics=off"]
    assert not any("pflash" in word for word in argv)
    assert len(find(argv, "-smbios")) == 1
    assert "-kernel" not in argv


def test_direct_gives_the_kernel_the_image_s_words_and_ours(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    (words,) = find(plan_argv(make(tmp_path, boot="direct"), emulator, KVM), "-append")
    assert words.startswith("ophite.root=verity console=ttyS0,115200 ophite.platform=qemu ophite.patience=1")


@pytest.mark.parametrize(("medium_first", "disk", "iso"), [(False, 0, 1), (True, 1, 0)])
def test_the_firmware_s_order_of_disk_and_medium(
    tmp_path: Path, emulator: Qemu, image: Path, medium_first: bool, disk: int, iso: int
) -> None:
    machine = make(tmp_path, medium=tmp_path / "ophite.iso", medium_first=medium_first)
    devices = find(plan_argv(machine, emulator, TCG), "-device")
    assert f"virtio-blk-pci,drive=disk,bootindex={disk}" in devices
    assert f"ide-cd,bus=ide.2,drive=iso,bootindex={iso}" in devices


def test_a_medium_on_a_stick_is_read_only_and_has_its_own_hub(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    argv = plan_argv(make(tmp_path, medium=tmp_path / "a,b.iso", medium_bus="usb"), emulator, TCG)
    assert "qemu-xhci,id=medium" in argv
    assert f"if=none,id=iso,format=raw,readonly=on,file={tmp_path.resolve()}/a,,b.iso" in argv


def test_ports_go_to_the_guest_s_own_address(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    machine = make(tmp_path, api_port=1234, address="10.0.2.77")
    assert find(plan_argv(machine, emulator, TCG), "-netdev") == ["user,id=net0,hostfwd=tcp:127.0.0.1:1234-10.0.2.77:50000"]


def test_a_watchdog_resets(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    argv = plan_argv(make(tmp_path, watchdog=True), emulator, TCG)
    assert "i6300esb" in find(argv, "-device")
    assert find(argv, "-action") == ["watchdog=reset"]
    assert "i6300esb" not in plan_argv(make(tmp_path), emulator, TCG)


def test_what_a_way_to_boot_needs_is_asked_for_by_name(tmp_path: Path, image: Path) -> None:
    (image / "disk.img").unlink()
    with pytest.raises(ImageError, match=r"disk\.img: no such file"):
        check_image(make(tmp_path))
    check_image(make(tmp_path, blank=True))
    with pytest.raises(ImageError, match=r"ophite\.iso: no such file"):
        check_image(make(tmp_path, blank=True, medium=tmp_path / "ophite.iso"))
    with pytest.raises(ImageError, match="no way to boot 'coreboot'"):
        check_image(make(tmp_path, boot="coreboot"))


def test_a_blank_disk_is_empty_and_of_its_size(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    machine = make(tmp_path, blank=True, disk=3, disks=(Disk("data", 2),))
    make_files(machine, emulator)
    assert machine.disk_file.stat().st_size == 3 << 20
    assert machine.disk_file.stat().st_blocks == 0
    assert (machine.directory / "data.img").stat().st_size == 2 << 20
    assert (machine.directory / "firmware.vars").read_bytes() == b"variables"


def test_files_that_are_there_survive_the_next_start(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    machine = make(tmp_path, disk=1, writes=True)
    make_files(machine, emulator)
    assert machine.disk_file.read_bytes()[:4] == b"disk"
    machine.disk_file.write_bytes(b"changed")
    (machine.directory / "disk.writes").write_bytes(b"old")
    make_files(machine, emulator)
    assert machine.disk_file.read_bytes() == b"changed"
    assert (machine.directory / "disk.writes").read_bytes() == b""


def test_a_machine_keeps_its_id_and_has_its_own(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    def identify(machine: Machine) -> list[str]:
        return find(plan_argv(machine, emulator, TCG), "-uuid")

    assert identify(make(tmp_path)) == identify(make(tmp_path, memory=512))
    assert identify(make(tmp_path)) != identify(Machine(tmp_path / "other", image))
    assert identify(make(tmp_path, uuid="01234567-89ab-4cde-8f01-23456789abcd")) == ["01234567-89ab-4cde-8f01-23456789abcd"]


def test_a_reboot_can_be_where_it_ends(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    assert find(plan_argv(make(tmp_path, reboots=False), emulator, TCG), "-action") == ["reboot=shutdown"]
    assert find(plan_argv(make(tmp_path), emulator, TCG), "-action") == []


def test_ports_can_be_forwarded_elsewhere_while_it_runs(tmp_path: Path, image: Path) -> None:
    machine = make(tmp_path, api_port=1234, address="10.0.2.77")
    assert plan_forwards(machine, "") == [("tcp:127.0.0.1:1234", ":50000")]
    assert plan_forwards(machine, machine.address) == [("tcp:127.0.0.1:1234", "10.0.2.77:50000")]
