"""An upgrade's whole way on a disk: spool, look, check, write, arm, commit, disarm. Only FAT is left to virtual machines."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from controllers.lifecycle import disk_ports
from controllers.lifecycle.bundle import Bundle
from controllers.lifecycle.disk_ports import NodeBundles, NodeSlots
from controllers.lifecycle.errors import BundleError, SlotError
from controllers.lifecycle.layout import Slot
from controllers.ports import Ports
from controllers.resources.lifecycle import SlotStatus
from controllers.resources.machine import VersionInfo
from init.linux.mount import Mount
from tests.harness.authority import Authority
from tests.harness.loop_disks import attached
from tests.kernel.lifecycle.http_server import Reply, serve
from tests.kernel.lifecycle.loop_disk import DirectoryMount, NodePaths, fill_esp, uki, write_image
from tests.unit.lifecycle.bundles import COMMAND_LINE, Recipe, make_parts, root_hash, write_key

pytestmark = pytest.mark.kernel

NODE = VersionInfo(version="1.0", kubernetes="1.34.0", kernel="6", board="generic", arch="amd64")
PARTS = make_parts() | {"ophite.efi": uki("2.0")}


class Node:
    """A node that runs version 1.0 from slot a of a loop device."""

    def __init__(self, root: Path, loop: str, version: str = "1.0") -> None:
        cmdline = {"ophite.root": "verity", "ophite.verity": f"{root_hash(version)}:ab:100"}
        self.root, self.loop = root, loop
        self.ports = Ports(paths=NodePaths(root), cmdline=cmdline)
        self.mount = DirectoryMount(root / "esp")
        self.bundles = NodeBundles(self.ports)
        self.slots = NodeSlots(self.ports, self.bundles, self.mount)
        self.said: list[tuple[str, float]] = []

    def say(self, text: str, done: float) -> None:
        self.said.append((text, done))

    def entries(self) -> list[str]:
        return sorted(one.name for one in (self.root / "esp/loader/entries").iterdir())

    def reboot(self, version: str) -> "Node":
        """Return the node as it is when the boot loader has started the slot of another version."""
        return Node(self.root, self.loop, version)

    def upload(self, data: bytes) -> Bundle:
        spool = self.bundles.receive()
        spool.write(data)
        return spool.finish()


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    write_image(tmp_path / "disk.img")
    fill_esp(tmp_path / "esp")
    write_key(tmp_path / "usr/share/ophite/keys")
    mounted = Mount(1, 0, "0:1", "/", str(tmp_path / "var"), "rw", "ext4", "/dev/x")
    monkeypatch.setattr(disk_ports, "read_mounts", lambda: [mounted])
    with attached(tmp_path / "disk.img") as loop:
        yield Node(tmp_path, loop)


def make_bundle(tmp_path: Path) -> bytes:
    return Recipe(parts=PARTS).write(tmp_path / "made").read_bytes()


async def test_what_an_installed_node_shows(node: Node) -> None:
    found = await node.slots.look()
    assert found["a"] == SlotStatus(version="1.0", root_hash=root_hash("1.0"), running=True, next=True, entry=True)
    assert found["b"].error.startswith("it is empty")
    assert node.mount.devices == [f"{node.loop}p2"]


async def test_an_upgrade_from_upload_to_commit(node: Node, tmp_path: Path) -> None:
    bundle = node.upload(make_bundle(tmp_path))
    opened = await node.bundles.open(node.say)
    assert opened == (bundle.identity, "2.0", root_hash())
    await node.bundles.check(NODE, root_hash("1.0"))
    await node.slots.check("b")
    await node.slots.write("b", (), node.say)
    found = await node.slots.look()
    assert found["b"] == SlotStatus(version="2.0", root_hash=root_hash())
    await node.slots.arm("b", "2.0")
    found = await node.slots.look()
    assert (found["b"].tries, found["b"].entry) == (1, True)
    assert node.entries() == ["ophite-a.conf", "ophite-b+1.conf"]
    with pytest.raises(SlotError, match="slot b does not run"):
        await node.slots.commit("b")
    await node.reboot("2.0").slots.commit("b")
    assert node.entries() == ["ophite-a.conf", "ophite-b.conf"]
    assert (tmp_path / "esp/grub/grubenv").read_bytes().startswith(b"# GRUB Environment Block\ndefault=b\ntry=\n")
    assert [one for one in node.said if one[0] == "write ROOT-B"]
    await node.bundles.drop()
    assert list((tmp_path / "var/lib/ophite").iterdir()) == []


async def test_looking_does_not_wait_for_a_slot_that_is_being_written(node: Node, tmp_path: Path) -> None:
    node.upload(make_bundle(tmp_path))
    await node.bundles.open(node.say)
    before = await node.slots.look()
    node.mount.gate.clear()
    write = asyncio.create_task(node.slots.write("b", (), node.say))
    assert await asyncio.to_thread(node.mount.entered.wait, 10)
    assert await asyncio.wait_for(node.slots.look(), 5) == before
    node.mount.gate.set()
    await write
    assert (await node.slots.look())["b"].version == "2.0"


async def test_a_failed_version_is_taken_back_and_can_be_gone_back_to(node: Node, tmp_path: Path) -> None:
    node.upload(make_bundle(tmp_path))
    await node.bundles.open(node.say)
    await node.slots.write("b", (), node.say)
    await node.slots.arm("b", "2.0")
    await node.slots.disarm("b")
    assert node.entries() == ["ophite-a.conf"]
    await node.slots.arm("b", "")
    entry = (tmp_path / "esp/loader/entries/ophite-b+1.conf").read_text()
    assert entry == "title Ophite 2.0\nsort-key ophite\nversion 2\nuki /EFI/ophite/b.efi\n"


async def test_kernel_arguments_of_the_configuration_come_along(node: Node, tmp_path: Path) -> None:
    node.upload(make_bundle(tmp_path))
    await node.bundles.open(node.say)
    await node.slots.write("b", ("ip=dhcp", "a;b"), node.say)
    await node.slots.arm("b", "2.0")
    entry = (tmp_path / "esp/loader/entries/ophite-b+1.conf").read_text()
    assert f"options {COMMAND_LINE} ip=dhcp a;b\n" in entry
    assert f"{COMMAND_LINE} ip=dhcp 'a;b' $extra\n" in (tmp_path / "esp/ophite/b/boot.cfg").read_text()
    await node.reboot("2.0").slots.commit("b")
    assert "ip=dhcp" in (tmp_path / "esp/loader/entries/ophite-b.conf").read_text()
    await node.slots.arm("a", "1.0")
    assert "options" not in (tmp_path / "esp/loader/entries/ophite-a+1.conf").read_text()


async def test_a_lost_entry_of_the_running_slot_is_written_again(node: Node, tmp_path: Path) -> None:
    (tmp_path / "esp/loader/entries/ophite-a.conf").unlink()
    node.upload(make_bundle(tmp_path))
    await node.bundles.open(node.say)
    await node.slots.write("b", (), node.say)
    assert (tmp_path / "esp/loader/entries/ophite-a.conf").read_text().startswith("title Ophite 1.0\n")


async def test_the_running_slot_cannot_be_written(node: Node, tmp_path: Path) -> None:
    node.upload(make_bundle(tmp_path))
    await node.bundles.open(node.say)
    with pytest.raises(SlotError, match="slot a runs"):
        await node.slots.write("a", (), node.say)
    with pytest.raises(SlotError, match="slot b cannot be tried: it is empty"):
        await node.slots.arm("b", "2.0")


async def test_a_kernel_whose_root_is_not_there_is_no_slot(node: Node, tmp_path: Path) -> None:
    (tmp_path / "esp" / Slot.B.uki).write_bytes(uki("2.0"))
    assert "does not bear the id" in (await node.slots.look())["b"].error
    with pytest.raises(SlotError, match="does not bear the id"):
        await node.slots.arm("b", "2.0")


async def test_a_bundle_for_another_node_is_refused(node: Node, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle is open"):
        await node.bundles.check(NODE, root_hash("1.0"))
    node.upload(make_bundle(tmp_path))
    await node.bundles.open(node.say)
    with pytest.raises(BundleError, match="runs exactly this image"):
        await node.bundles.check(NODE, root_hash())


async def test_a_bundle_is_fetched_and_opened(node: Node, tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "etc/ssl/certs").mkdir(parents=True)
    (tmp_path / "etc/ssl/certs/ca-certificates.crt").write_text(authority.pem)
    data = make_bundle(tmp_path)
    with serve(lambda _: Reply(data), tmp_path, authority.server()) as server:
        await node.bundles.fetch(f"{server.url}/ophite.bundle", node.say)
    assert (await node.bundles.open(node.say)).version == "2.0"
    assert ("fetch the bundle", 1.0) in node.said


async def test_a_failed_download_leaves_nothing(node: Node, tmp_path: Path) -> None:
    with serve(lambda _: Reply(b"<html>" * 1000), tmp_path) as server, pytest.raises(BundleError, match="no tar file"):
        await node.bundles.fetch(f"{server.url}/x", node.say)
    assert list((tmp_path / "var/lib/ophite").iterdir()) == []


async def test_a_bundle_needs_a_mounted_volume(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_ports, "read_mounts", list)
    with pytest.raises(BundleError, match="needs the volume EPHEMERAL"):
        node.bundles.receive()


async def test_a_node_that_runs_from_memory_has_no_slots(tmp_path: Path) -> None:
    ports = Ports(paths=NodePaths(tmp_path), cmdline={"ophite.root": "iso", "ophite.verity": f"{root_hash()}:ab:1"})
    slots = NodeSlots(ports, NodeBundles(ports))
    assert await slots.look() == {}
    with pytest.raises(SlotError, match="does not run from a slot"):
        await slots.commit("a")


async def test_a_disk_that_is_gone_is_said(node: Node, tmp_path: Path) -> None:
    cmdline = {"ophite.root": "verity", "ophite.verity": f"{'0' * 64}:ab:1"}
    ports = Ports(paths=NodePaths(tmp_path), cmdline=cmdline)
    with pytest.raises(SlotError, match="no disk has the partition 0000"):
        await NodeSlots(ports, NodeBundles(ports), node.mount).look()


async def test_a_copy_of_the_disk_makes_it_a_guess(node: Node, tmp_path: Path) -> None:
    write_image(tmp_path / "copy.img")
    with attached(tmp_path / "copy.img") as copy, pytest.raises(SlotError, match="both hold") as caught:
        await node.slots.look()
    assert copy in str(caught.value)
    assert node.loop in str(caught.value)


async def test_an_esp_that_cannot_be_read_is_said(node: Node, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "esp/EFI")
    (tmp_path / "esp/EFI").write_text("a file where a directory belongs")
    with pytest.raises(SlotError, match="the boot files on"):
        await node.slots.look()
