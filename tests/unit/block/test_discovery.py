"""What is on devices, from image files in place of devices."""

from pathlib import Path
from uuid import UUID

from controllers.block import gpt
from controllers.block.discovery import DiscoveryController, Refresh
from controllers.ports import Paths, Ports
from controllers.resources.block import BlockDevice, DiscoveredVolume
from controllers.runtime.resource import new
from tests.harness.reconcile import run_reconcile

MIB = 1024 * 1024


def device(path: Path, name: str, **fields: object) -> BlockDevice:
    values = {"kind": "disk", "size": path.stat().st_size if path.exists() else MIB, **fields}
    return BlockDevice(name=name, path=str(path), **values)  # type: ignore[arg-type]  # fields by name


def discover(tmp_path: Path, *devices: BlockDevice) -> dict[str, DiscoveredVolume]:
    controller = DiscoveryController(Ports(paths=Paths(tmp_path)), Refresh())
    wanted = run_reconcile(controller, [new(one.name, one) for one in devices])
    return {one.id: one.spec for one in wanted if isinstance(one.spec, DiscoveredVolume)}


def test_partitions_get_the_labels_of_their_disks_table(tmp_path: Path) -> None:
    image, part = tmp_path / "vda", tmp_path / "vda1"
    table = gpt.new_table(UUID(int=1), 512, 4 * MIB // 512)
    table = table.with_partition(gpt.Partition(1, gpt.LINUX_FILESYSTEM, UUID(int=5), 2048, 4095, "STATE\x1b"))
    data = bytearray(4 * MIB)
    for offset, piece in gpt.encode(table):
        data[offset : offset + len(piece)] = piece
    image.write_bytes(data)
    part.write_bytes(b"XFSB" + bytes(MIB))
    partition = device(part, "vda1", kind="partition", parent="vda", partition_number=1)
    found = discover(tmp_path, device(image, "vda"), partition)
    assert found["vda"].filesystem == "gpt"
    assert found["vda1"].partition_label == "STATE?"
    assert found["vda1"].partition_uuid == str(UUID(int=5))
    assert found["vda1"].partition_type == str(gpt.LINUX_FILESYSTEM)
    assert found["vda1"].filesystem == "xfs"


def test_a_broken_device_spoils_only_its_own_entry(tmp_path: Path) -> None:
    good = tmp_path / "vdb"
    good.write_bytes(b"LUKS\xba\xbe" + bytes(MIB))
    found = discover(tmp_path, device(tmp_path / "gone", "vda"), device(good, "vdb"), device(good, "odd", kind="other"))
    assert found["vda"].error.endswith("No such file or directory")
    assert found["vdb"].filesystem == "luks2"
    assert found["odd"].filesystem == "", "not probed, but looked at"


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    data = bytearray(2 * MIB)
    data[512:520] = b"EFI PART"
    (tmp_path / "vda").write_bytes(data)
    found = discover(tmp_path, device(tmp_path / "vda", "vda"))["vda"]
    assert (found.filesystem, found.blank) == ("gpt", False)
    assert "the partition table at sector 1 has a header of 0 bytes" in found.error


def test_nothing_is_told_from_something_unknown(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(2 * MIB))
    (tmp_path / "noise").write_bytes(bytes(1000) + b"data" + bytes(MIB))
    sector = bytearray(2 * MIB)
    sector[510:512], sector[450] = b"\x55\xaa", 0x83
    (tmp_path / "mbr").write_bytes(sector)
    found = discover(tmp_path, *(device(tmp_path / name, name) for name in ("zeros", "noise", "mbr")))
    assert {name: (one.filesystem, one.blank) for name, one in found.items()} == {
        "zeros": ("", True),
        "noise": ("", False),
        "mbr": ("mbr", False),
    }


def test_a_refresh_wakes_who_subscribed() -> None:
    calls: list[int] = []
    refresh = Refresh()
    refresh.subscribe(lambda: calls.append(1))
    refresh.request()
    assert calls == [1]
