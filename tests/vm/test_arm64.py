"""arm64 in QEMU: `virt` by UEFI from its disk, a Raspberry Pi 3 from its very SD card, and as much of a 4 as QEMU has.

The Raspberry Pis have no firmware in QEMU: kernel, device tree, initramfs and command line are read out of the card's own boot
partition, by the firmware's rules (image/qemu_card.py). The network of `raspi3b` is a USB adapter at the board's own
controller, so its API is asked as on any other machine. `raspi4b` has neither a network nor a card that Linux finds, and the
kernel stops at what else it lacks, which is disabled in the device tree here: a smoke test of kernel, device tree and PID 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from image import qemu
from image.qemu_card import find_offsets, find_partition
from tests.conftest import ARTIFACTS, Progress
from tests.harness import upgrades
from tests.harness.arm64 import VERSION, build_arm64, disable_missing
from tests.harness.lifecycle import BOOT, SHUTDOWN, STATIC, Node
from tests.harness.nodes import destroy
from tests.harness.versions import BASE, build_version

pytestmark = [pytest.mark.vm, pytest.mark.soak, pytest.mark.timeout(3600)]
MakeVirtual = Callable[..., Node]
BOOT_PI = 60  # seconds, native: four emulated processors on the test's own two
WRITE_PI = 60  # seconds, native: from the command to the reboot
CARD = 4096  # MiB: QEMU writes every sector of what a new file system discards, and the machine stands still meanwhile
NEXT = "1.1.0"
REBOOT = "reboot: Restarting system"
BOOTS = 3  # of each architecture, for the comparison; the quickest counts


@pytest.fixture(scope="module")
def image(progress: Progress) -> Path:
    """The arm64 image for virtual machines."""
    return build_arm64("cloud", progress)


@pytest.fixture
def make_virtual(progress: Progress, request: pytest.FixtureRequest) -> Iterator[MakeVirtual]:
    """Makes nodes of any image that are gone at the end of the test; one that failed leaves its traces."""
    before = request.session.testsfailed
    made: list[Node] = []

    def make(name: str, directory: Path, **fields: object) -> Node:
        made.append(Node.make(progress, name, directory, **fields))
        return made[-1]

    yield make
    for node in made:
        if request.session.testsfailed > before:
            node.running.save_artifacts(ARTIFACTS / node.cluster.name)
        destroy(node.cluster.name)


def test_virt_boots_by_uefi_from_its_disk_and_does_as_it_is_told(image: Path, make_virtual: MakeVirtual) -> None:
    node = make_virtual("vm-arm64", image, arch="arm64", command_line=STATIC)
    node.power_on()
    node.wait("the API in maintenance", node.find_addresses_in_maintenance, BOOT)
    node.took("virt: API answers in maintenance")
    node.apply(insecure=True)
    node.wait("the configuration", node.find_version, BOOT)
    assert node.find_version() == VERSION
    node.bootstrap()
    node.took("virt: etcd healthy")
    node.ophite("shutdown", "--force")
    node.wait_until_off(SHUTDOWN)


def test_a_raspberry_pi_3_boots_from_its_sd_card(progress: Progress, make_virtual: MakeVirtual) -> None:
    node = configure_pi(build_arm64("raspberry-pi-3", progress), make_virtual)
    assert node.find_version() == VERSION
    assert node.get("SystemInformation", "system")["product"].startswith("Raspberry Pi 3 Model B")


def test_a_raspberry_pi_3_tries_an_upgrade(progress: Progress, make_virtual: MakeVirtual) -> None:
    """The test is the firmware: it keeps the one-shot flag between the reboot and the next power-on.

    QEMU's USB takes a quarter of an hour for the bundle, on a host that does nothing else.
    """
    node = configure_pi(build_arm64("raspberry-pi-3", progress), make_virtual)
    node.wait("META", lambda: node.list("MetaStatus"), BOOT_PI)
    node.wait("EPHEMERAL, which takes the bundle", lambda: node.get("VolumeStatus", "EPHEMERAL")["mounted"], BOOT_PI)
    node.took("raspi3b: volumes are there")
    upgrades.start(node, build_arm64("raspberry-pi-3", progress, NEXT) / "ophite.bundle")
    wait_for_reboot(node)
    node.took("raspi3b: reboots for the try")
    assert find_named_partition(node) == 2
    boot_pi(node, tryboot=True)
    node.wait("the upgrade to be committed", lambda: upgrades.find_status(node).get("phase") == "committed", BOOT_PI)
    assert (node.find_version(), find_named_partition(node)) == (NEXT, 3)
    node.ophite("rollback", "--no-wait", "--force")
    wait_for_reboot(node)
    boot_pi(node, tryboot=False)  # as if the power had failed: the flag is gone, so the version that was good runs
    node.wait("the end of it", lambda: upgrades.find_status(node).get("phase") in ("rolled-back", "failed"), BOOT_PI)
    assert (node.find_version(), find_named_partition(node)) == (NEXT, 3)


def configure_pi(image: Path, make_virtual: MakeVirtual) -> Node:
    """Boot a card, and give the node that waits there its configuration."""
    node = make_virtual("vm-pi3", image, arch="arm64", hardware="raspi3b", boot="card", disk=CARD)
    node.machine = replace(node.machine, address="")  # its link is no eth0, so it has the address that DHCP gives
    node.power_on()
    node.wait("the API in maintenance", node.find_addresses_in_maintenance, BOOT_PI)
    node.took("raspi3b: API answers in maintenance")
    node.apply(insecure=True)
    node.wait("the configuration", node.find_version, BOOT_PI)
    node.took("raspi3b: configured")
    return node


def wait_for_reboot(node: Node) -> None:
    """Wait for the kernel's last words before its reboot, which in QEMU halts (image/qemu_boards.py), and cut the power."""
    before = node.read_console().count(REBOOT)
    node.wait("the reboot", lambda: node.read_console().count(REBOOT) > before, WRITE_PI)
    node.cut_power()


def boot_pi(node: Node, *, tryboot: bool) -> None:
    """Power on, with or without the flag, and wait for the API."""
    node.machine = replace(node.machine, tryboot=tryboot)
    node.power_on()
    node.wait("the API", node.find_version, BOOT_PI)
    node.took(f"raspi3b: API of {node.find_version()} answers")


def find_named_partition(node: Node) -> int:
    """The boot partition that the card's autoboot.txt names."""
    disk = node.machine.disk_file
    return find_partition(disk, find_offsets(disk), node.machine.directory / "autoboot.txt", tryboot=False)


def test_a_raspberry_pi_4_comes_to_pid_1(progress: Progress, make_virtual: MakeVirtual) -> None:
    card = build_arm64("raspberry-pi-4", progress)
    words = "panic=0 clk_ignore_unused pd_ignore_unused"
    node = make_virtual("vm-pi4", card, arch="arm64", hardware="raspi4b", boot="card", command_line=words)
    qemu.check_image(node.machine)
    node.machine.directory.mkdir(parents=True, exist_ok=True)
    qemu.make_disk(node.machine)
    tree = qemu.take_from_card(node.machine).device_tree
    changed = node.machine.directory / "changed.dtb"
    changed.write_bytes(disable_missing(tree.read_bytes()))
    node.machine = replace(node.machine, device_tree=changed)
    node.power_on()
    node.wait("PID 1 to look for its root", lambda: "find the root" in node.read_console(), BOOT_PI)
    node.took("raspi4b: PID 1 looks for its root")
    assert "Kernel panic" not in node.read_console()


def test_time_from_the_kernel_s_start_to_the_api(progress: Progress, image: Path, make_virtual: MakeVirtual) -> None:
    """Without firmware, so that the machine's power-on is the kernel's start; both in turns, so that they share the load."""
    images = {"amd64": build_version(BASE, progress).directory, "arm64": image}
    times: dict[str, list[float]] = {arch: [] for arch in images}
    for number in range(BOOTS):
        for arch, directory in images.items():
            node = make_virtual(f"vm-time-{arch}-{number}", directory, arch=arch, boot="direct", command_line=STATIC)
            node.power_on()
            node.wait("the API in maintenance", node.find_addresses_in_maintenance, BOOT)
            times[arch].append(time.monotonic() - node.began)
            node.cut_power()
    quickest = {arch: round(min(found), 1) for arch, found in times.items()}
    ratio = quickest["arm64"] / quickest["amd64"]
    progress(f"kernel's start to API: amd64 {quickest['amd64']} s, arm64 {quickest['arm64']} s: {ratio:.2f} times")
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    (ARTIFACTS / "arm64-time.txt").write_text(f"{times}\n")
    assert ratio < 5
