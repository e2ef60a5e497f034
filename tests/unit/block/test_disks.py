"""Which disk is the system disk."""

from pathlib import Path
from typing import Any

from controllers.block.disks import DisksController, find_system_disk, root_partition_uuid
from controllers.ports import Paths, Ports
from controllers.resources.block import BlockDevice, DiscoveredVolume, Disk
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

HASH = "0123456789abcdef0123456789abcdef" * 2
UUID = "01234567-89ab-cdef-0123-456789abcdef"


def disk(name: str, read_only: bool = False) -> BlockDevice:
    return BlockDevice(name=name, path=f"/dev/{name}", kind="disk", size=1, read_only=read_only)


def whole(name: str, filesystem: str = "", error: str = "", blank: bool | None = None) -> DiscoveredVolume:
    nothing = not (filesystem or error) if blank is None else blank
    return DiscoveredVolume(path=f"/dev/{name}", size=1, filesystem=filesystem, error=error, blank=nothing)


def part(name: str, parent: str, label: str = "", uuid: str = "") -> DiscoveredVolume:
    return DiscoveredVolume(path=f"/dev/{name}", size=1, parent=parent, partition_label=label, partition_uuid=uuid)


def test_the_root_partition_is_named_by_the_verity_hash() -> None:
    assert root_partition_uuid({"ophite.root": "verity", "ophite.verity": f"{HASH}:aa:100"}) == UUID
    assert root_partition_uuid({"ophite.root": "initramfs", "ophite.verity": f"{HASH}:aa:100"}) == ""
    assert root_partition_uuid({"ophite.root": "verity", "ophite.verity": "rubbish"}) == ""


def test_the_disk_of_the_booted_root_is_the_system_disk_also_when_removable() -> None:
    volumes = [whole("vda", "gpt"), whole("vdb", "gpt"), part("vda1", "vda", "STATE"), part("vdb3", "vdb", "ROOT-A", UUID)]
    assert find_system_disk([disk("vda"), disk("vdb")], volumes, UUID, set()) == "vdb"
    assert find_system_disk([disk("vda")], volumes[:1], UUID, {"vda"}) == "", "no other disk in its place"


def test_without_a_root_partition_ours_comes_before_an_empty_one() -> None:
    disks = [disk("vda"), disk("vdb"), disk("vdc")]
    volumes = [whole("vda"), whole("vdb", "gpt"), part("vdb1", "vdb", "STATE"), whole("vdc", "ext4")]
    fixed = {"vda", "vdb", "vdc"}
    assert find_system_disk(disks, volumes, "", fixed) == "vdb"
    assert find_system_disk(disks, [volumes[0], volumes[3]], "", fixed) == "vda"


def test_foreign_removable_read_only_and_broken_disks_are_never_taken() -> None:
    assert find_system_disk([disk("vda")], [whole("vda", "ext4")], "", {"vda"}) == ""
    assert find_system_disk([disk("vda")], [whole("vda"), part("vda1", "vda")], "", {"vda"}) == ""
    assert find_system_disk([disk("vda")], [whole("vda")], "", set()) == ""
    assert find_system_disk([disk("vda")], [whole("vda", blank=False)], "", {"vda"}) == "", "unknown data"
    assert find_system_disk([disk("vda", read_only=True)], [whole("vda")], "", {"vda"}) == ""
    assert find_system_disk([disk("vda")], [whole("vda", error="I/O error")], "", {"vda"}) == ""


def test_disks_are_described_from_sysfs(tmp_path: Path) -> None:
    home = tmp_path / "sys/devices/pci/virtio2/block/vda"
    (home / "queue").mkdir(parents=True)
    (home / "device").mkdir()
    (home / "queue/rotational").write_text("1\n")
    (home / "device/model").write_text("Shiny disk   \n")
    (home / "serial").write_text("S123\n")
    (home / "removable").write_text("0\n")
    (tmp_path / "sys/class/block").mkdir(parents=True)
    (tmp_path / "sys/class/block/vda").symlink_to(home)
    (home / "queue/logical_block_size").write_text("4096\n")
    (home / "queue/physical_block_size").write_text("4096\n")
    (home / "holders/dm-0").mkdir(parents=True)
    for path, subsystem in (("pci/virtio2/block/vda", "block"), ("pci/virtio2/block/vda/device", "virtio"), ("pci", "pci")):
        (tmp_path / "sys/bus" / subsystem).mkdir(parents=True)
        (tmp_path / "sys/devices" / path / "subsystem").symlink_to(tmp_path / "sys/bus" / subsystem)
    controller = DisksController(Ports(paths=Paths(tmp_path)))
    [wanted] = run_reconcile(controller, [new("vda", disk("vda")), new("vda", whole("vda"))])
    spec = wanted.spec
    assert isinstance(spec, Disk)
    assert (spec.model, spec.serial, spec.transport, spec.rotational, spec.system) == (
        "Shiny disk",
        "S123",
        "virtio",
        True,
        True,
    )
    assert (spec.subsystem, spec.bus_path, spec.sector_size, spec.physical_sector_size) == ("virtio", "pci-pci", 4096, 4096)
    assert spec.links_by_id == ("/dev/disk/by-id/virtio-S123",)
    assert spec.links_by_path == ("/dev/disk/by-path/pci-pci",)
    assert (spec.holds, spec.in_use_by) == ("", "system, dm-0")


def test_no_disk_is_chosen_before_all_have_been_looked_at(tmp_path: Path) -> None:
    controller = DisksController(Ports(paths=Paths(tmp_path)))
    wanted = run_reconcile(controller, [new("vda", disk("vda")), new("vdb", disk("vdb")), new("vda", whole("vda"))])
    assert not any(isinstance(one.spec, Disk) and one.spec.system for one in wanted)


def test_the_booted_disk_is_known_whatever_appears_beside_it(tmp_path: Path) -> None:
    ports = Ports(paths=Paths(tmp_path), cmdline={"ophite.root": "verity", "ophite.verity": f"{HASH}:aa:100"})
    given: list[Resource[Any]] = [new(name, disk(name)) for name in ("vda", "vdb")]
    given += [new("vda", whole("vda", "gpt")), new("vda3", part("vda3", "vda", uuid=UUID))]
    found = {one.id: one.spec.system for one in run_reconcile(DisksController(ports), given) if isinstance(one.spec, Disk)}
    assert found == {"vda": True, "vdb": False}
