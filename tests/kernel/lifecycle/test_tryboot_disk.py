"""An upgrade's whole way on the disk of a Raspberry Pi: a real block device and partition table; FAT is left to real boards."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import gpt
from controllers.lifecycle import disk_ports
from controllers.lifecycle.autoboot import render
from controllers.lifecycle.disk_ports import NodeBundles, NodeSlots
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import DirectoryEsp
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.slots import root_id
from controllers.lifecycle.tryboot import Board
from controllers.ports import Ports
from init.linux.mount import Mount
from tests.harness.loop_disks import attached
from tests.harness.pi_firmware import Firmware
from tests.kernel.lifecycle.loop_disk import MIB, ROOT_TYPE, NodePaths
from tests.unit.lifecycle.bundles import Recipe, root_hash, write_key
from tests.unit.lifecycle.pi_disk import BASIC_DATA, make_parts

pytestmark = pytest.mark.kernel

NAMES = ("BOOT", "BOOT-A", "BOOT-B")
A, B = Slot.A, Slot.B


def write_image(path: Path) -> None:
    """Make a disk whose slot a holds version 1.0, sparse."""
    table, length = gpt.new_table(UUID(int=1), 512, 32 * MIB // 512), 4 * MIB // 512
    rows = [(name, BASIC_DATA, UUID(int=2 + at)) for at, name in enumerate(NAMES)]
    rows += [("ROOT-A", ROOT_TYPE, root_id(root_hash("1.0"))), ("ROOT-B", ROOT_TYPE, UUID(int=9))]
    for number, (label, kind, uuid) in enumerate(rows, start=1):
        first = number * length
        table = table.with_partition(gpt.Partition(number, kind, uuid, first, first + length - 1, label))
    with path.open("wb") as file:
        for offset, data in gpt.encode(table):
            file.seek(offset)
            file.write(data)
        file.seek(16 * MIB)
        file.write(make_parts("1.0")["root.erofs"])
        file.truncate(32 * MIB)


class Card:
    """The FAT partitions as directories, seen below the mount point only while they are mounted."""

    def __init__(self, root: Path) -> None:
        self.root, self.mounted = root, list[tuple[str, bool]]()
        files = {"BOOT/autoboot.txt": render(A), "BOOT-B/old.bin": b"old"}
        parts = make_parts("1.0").items()
        files |= {f"BOOT-A/{name.removeprefix('boot/')}": data for name, data in parts if name.startswith("boot/")}
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)

    @contextmanager
    def __call__(self, device: str, target: Path, *, read_only: bool) -> Iterator[DirectoryEsp]:
        name = NAMES[int(device[-1]) - 1]
        assert target.name == name
        self.mounted.append((name, read_only))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(self.root / name)
        try:
            yield DirectoryEsp(target)
        finally:
            target.unlink()

    @property
    def files(self) -> dict[str, bytes]:
        return {str(one.relative_to(self.root)): one.read_bytes() for one in self.root.rglob("*") if one.is_file()}

    def take_written(self) -> list[str]:
        """Return what was mounted for writing since the last call."""
        written = [name for name, read_only in self.mounted if not read_only]
        self.mounted.clear()
        return written


class Node:
    """A node that runs a version from its slot."""

    def __init__(self, root: Path, card: Card, version: str) -> None:
        cmdline = {"ophite.root": "verity", "ophite.verity": f"{root_hash(version)}:ab:100"}
        ports = Ports(paths=NodePaths(root), cmdline=cmdline)
        self.bundles = NodeBundles(ports)
        self.slots = NodeSlots(ports, self.bundles, card)


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    write_image(tmp_path / "disk.img")
    write_key(tmp_path / "usr/share/ophite/keys")
    mounted = Mount(1, 0, "0:1", "/", str(tmp_path / "var"), "rw", "ext4", "/dev/x")
    monkeypatch.setattr(disk_ports, "read_mounts", lambda: [mounted])
    monkeypatch.setattr(Board, "check", lambda self: None)
    with attached(tmp_path / "disk.img"):
        yield Card(tmp_path / "card")


async def test_an_upgrade_from_upload_to_commit_and_back(card: Card, tmp_path: Path) -> None:
    node, firmware = Node(tmp_path, card, "1.0"), Firmware()
    spool = node.bundles.receive()
    spool.write(Recipe(arch="arm64", parts=make_parts("2.0")).write(tmp_path / "made").read_bytes())
    spool.finish()
    await node.bundles.open(lambda text, done: None)
    found = await node.slots.look()
    assert (found["a"].running, found["a"].next, found["b"].error[:11]) == (True, True, "it is empty")
    assert card.take_written() == []

    before = card.files
    await node.slots.check("b")
    await node.slots.write("b", (), lambda text, done: None)
    assert card.take_written() == ["BOOT-B"], "what runs is not even mounted for writing"
    assert {name: data for name, data in card.files.items() if not name.startswith("BOOT-B")} == {
        name: data for name, data in before.items() if not name.startswith("BOOT-B")
    }
    assert "BOOT-B/old.bin" not in card.files

    await node.slots.arm("b", "2.0")
    assert card.take_written() == []
    firmware.tell()
    booted = firmware.start(card.files)
    assert booted is not None
    assert (booted.partition, root_hash("2.0") in booted.command_line) == (3, True)

    trial = Node(tmp_path, card, "2.0")
    assert (await trial.slots.look())["b"].tries == 0
    await trial.slots.disarm("b")
    with pytest.raises(SlotError, match="slot a does not run"):
        await trial.slots.commit("a")
    assert card.take_written() == []
    await trial.slots.commit("b")
    assert card.take_written() == ["BOOT"]
    assert card.files["BOOT/autoboot.txt"] == render(B)
    booted = firmware.start(card.files)
    assert booted is not None
    assert booted.partition == 3

    await trial.slots.arm("a", "1.0")
    firmware.tell()
    booted = firmware.start(card.files)
    assert booted is not None
    assert booted.partition == 2
    await node.slots.commit("a")
    assert card.files["BOOT/autoboot.txt"] == render(A)


async def test_a_partition_that_cannot_be_read_is_said(card: Card, tmp_path: Path) -> None:
    (card.root / "BOOT/autoboot.txt").unlink()
    (card.root / "BOOT/autoboot.txt").mkdir()
    with pytest.raises(SlotError, match="the boot files on"):
        await Node(tmp_path, card, "1.0").slots.look()
