"""Boots that must not succeed, or only half: each says why on its console. Direct boots, without firmware, to save time."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from image import qemu
from image.accelerator import TCG
from image.qemu import Machine
from image.run import get_program
from tests.conftest import Progress
from tests.harness.nodes import build_test_image, wait_for

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

Start = Callable[..., Machine]
SECTOR = 512
BOOT_SECONDS = 30


@pytest.fixture(scope="module")
def image(progress: Progress) -> Path:
    """The test image's directory."""
    return build_test_image(progress)


@pytest.fixture
def start(tmp_path: Path, image: Path) -> Iterator[Start]:
    """Starts a machine whose disk a function has changed; it is stopped at the end."""
    made: list[Machine] = []

    def boot(change: Callable[[Path], None] | None = None, network: str = "user", disk: int = 4096) -> Machine:
        machine = Machine(
            directory=tmp_path / "node",
            image=image,
            boot="direct",
            memory=1024,
            disk=disk,
            network=network,
            command_line="panic=0",
        )
        machine.directory.mkdir()
        qemu.make_disk(machine)
        if change is not None:
            change(machine.disk_file)
        qemu.start(machine)
        made.append(machine)
        return machine

    yield boot
    for machine in made:
        qemu.stop(machine)


def find_partition(disk: Path, name: str) -> tuple[int, int]:
    """Start and size of a partition in bytes."""
    table = json.loads(subprocess.run([get_program("sfdisk"), "--json", str(disk)], capture_output=True, check=True).stdout)
    (found,) = [part for part in table["partitiontable"]["partitions"] if part["name"] == name]
    return found["start"] * SECTOR, found["size"] * SECTOR


def wait_for_console(machine: Machine, *texts: str) -> None:
    """Wait until the console shows all of these, whatever the case."""
    patience = TCG.patience if (machine.directory / "accelerator").read_text() == TCG.name else 1

    def shows() -> bool:
        console = machine.console.read_text(errors="replace").lower() if machine.console.exists() else ""
        return all(text.lower() in console for text in texts)

    wait_for(f"{texts} on the console", shows, BOOT_SECONDS * patience)


def test_one_flipped_byte_of_the_root_is_refused(start: Start) -> None:
    def flip(disk: Path) -> None:
        offset = find_partition(disk, "ROOT-A")[0]
        with disk.open("r+b") as file:
            file.seek(offset + 1024)  # in the first block, the file system's superblock
            byte = file.read(1)
            file.seek(offset + 1024)
            file.write(bytes([byte[0] ^ 1]))

    machine = start(flip)
    wait_for_console(machine, "cannot go on", "find the root", find_root_hash(machine)[:16])


def test_a_truncated_root_is_refused(start: Start) -> None:
    def cut(disk: Path) -> None:
        offset = find_partition(disk, "ROOT-A")[0]
        with disk.open("r+b") as file:
            os.lseek(file.fileno(), offset + (8 << 20), os.SEEK_SET)
            for _ in range(400):
                file.write(bytes(1 << 20))

    machine = start(cut)
    wait_for_console(machine, "cannot go on", "find the root", find_root_hash(machine)[:16])


def test_without_dhcp_the_node_stays_up_and_says_so(start: Start) -> None:
    machine = start(network="silent")
    wait_for_console(machine, "no address yet", "stage: maintenance")
    assert machine.find_process() is not None


def find_root_hash(machine: Machine) -> str:
    """The hash that the image's command line asks for."""
    words = (machine.image / "cmdline").read_text().split()
    (verity,) = [word.partition("=")[2] for word in words if word.startswith("ophite.verity=")]
    return verity.partition(":")[0]
