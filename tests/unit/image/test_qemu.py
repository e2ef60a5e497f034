"""Virtual machines: their argv, and the files that they are started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from image import qemu
from image.accelerator import KVM, TCG, emulate
from image.errors import ImageError
from image.qemu import Machine, check_image, make_files, plan_argv, plan_forwards
from image.qemu_card import BootFiles
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


def test_arm64_has_its_own_machine_processor_firmware_and_console(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    machine = make(tmp_path, arch="arm64", medium=tmp_path / "ophite.iso", api_port=1234)
    argv = plan_argv(machine, emulator, emulate(machine.emulated.processor))
    assert find(argv, "-M") == ["virt"]
    assert find(argv, "-cpu") == ["cortex-a72"]
    assert f"if=pflash,format=raw,unit=0,readonly=on,file={emulator.firmware_code}" in argv
    assert "console=ttyAMA0,,115200" in find(argv, "-smbios")[0]
    assert find(argv, "-serial") == ["chardev:console"]
    devices = find(argv, "-device")
    assert {"virtio-blk-pci,drive=disk,bootindex=0", "virtio-net-pci,netdev=net0,romfile="} <= set(devices)
    assert devices.index("virtio-scsi-pci,id=cd") < devices.index("scsi-cd,bus=cd.0,drive=iso,bootindex=1")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bool]]:
    """A card whose files are known; what was asked of it."""
    asked: list[tuple[Path, bool]] = []

    def take(disk: Path, directory: Path, device_tree: str, *, tryboot: bool = False) -> BootFiles:
        asked.append((disk, tryboot))
        return BootFiles(directory / "kernel8.img", directory / device_tree, directory / "initramfs.zst", "own=1")

    monkeypatch.setattr(qemu, "take_boot_files", take)
    return asked


def test_a_raspberry_pi_boots_from_its_card(tmp_path: Path, emulator: Qemu, image: Path, card: list[tuple[Path, bool]]) -> None:
    machine = make(tmp_path, arch="arm64", hardware="raspi3b", boot="card", api_port=1234, watchdog=True)
    argv = plan_argv(machine, emulator, emulate(machine.emulated.processor))
    assert card == [(machine.disk_file, False)]
    assert find(argv, "-M") == ["raspi3b"]
    assert (find(argv, "-smp"), find(argv, "-m")) == (["4"], ["1024"])
    assert find(argv, "-serial") == ["null", "chardev:console"]
    assert "if=sd,index=0,format=raw,file=disk.img,cache=unsafe" in find(argv, "-drive")
    assert find(argv, "-device") == ["usb-net,netdev=net0"]
    assert find(argv, "-dtb") == [str(tmp_path / "node/boot/bcm2837-rpi-3-b.dtb")]
    assert find(argv, "-append")[0].startswith("own=1 console=ttyS1,115200 ophite.platform=qemu ")
    assert "module_blacklist=bcm2835_wdt" in find(argv, "-append")[0].split()
    assert "-smbios" not in argv


def test_the_one_shot_flag_and_a_changed_device_tree(
    tmp_path: Path, emulator: Qemu, image: Path, card: list[tuple[Path, bool]]
) -> None:
    tree = tmp_path / "changed.dtb"
    machine = make(tmp_path, arch="arm64", hardware="raspi4b", boot="card", tryboot=True, device_tree=tree)
    argv = plan_argv(machine, emulator, emulate(machine.emulated.processor))
    assert card == [(machine.disk_file, True)]
    assert find(argv, "-dtb") == [str(tree)]
    assert "-netdev" not in argv  # QEMU has no network for it


def test_a_card_has_the_size_of_a_power_of_two(tmp_path: Path, emulator: Qemu, image: Path) -> None:
    machine = make(tmp_path, arch="arm64", hardware="raspi3b", boot="card", disk=3)
    make_files(machine, emulator)
    assert machine.disk_file.stat().st_size == 4 << 20
    assert not (machine.directory / "firmware.vars").exists()


@pytest.mark.parametrize("fields", [{"disks": (Disk("data", 2),)}, {"writes": True}])
def test_a_raspberry_pi_has_its_card_only(
    tmp_path: Path, emulator: Qemu, image: Path, card: list[tuple[Path, bool]], fields: dict[str, object]
) -> None:
    machine = make(tmp_path, arch="arm64", hardware="raspi3b", boot="card", **fields)
    with pytest.raises(ImageError, match="one SD card"):
        plan_argv(machine, emulator, TCG)


def test_a_raspberry_pi_takes_no_medium(tmp_path: Path, emulator: Qemu, image: Path, card: list[tuple[Path, bool]]) -> None:
    for bus in ("cdrom", "usb"):
        machine = make(tmp_path, arch="arm64", hardware="raspi3b", boot="card", medium=tmp_path / "a.iso", medium_bus=bus)
        with pytest.raises(ImageError, match="no medium"):
            plan_argv(machine, emulator, TCG)


def test_an_image_of_another_architecture_is_refused(tmp_path: Path, image: Path) -> None:
    (image / "manifest.json").write_text('{"arch": "arm64"}')
    with pytest.raises(ImageError, match="an image for arm64, not for amd64") as caught:
        check_image(make(tmp_path))
    assert caught.value.hint == "say --arch arm64"
    check_image(make(tmp_path, arch="arm64"))
