"""Which disks a selector means, and what is said when it is not exactly one."""

from typing import Any

import pytest

from controllers.block.disk_select import SelectorError, describe_disk, find_one, render_size, select
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.resources.block import Disk

GB = 10**9
SSD = Disk(
    path="/dev/nvme0n1",
    size=500 * GB,
    model="Samsung SSD 980",
    serial="S64ANS0T",
    wwn="eui.002538d",
    transport="nvme",
    bus_path="pci-0000:01:00.0-nvme-1",
    links_by_id=("/dev/disk/by-id/nvme-Samsung_SSD_980_S64ANS0T",),
    links_by_path=("/dev/disk/by-path/pci-0000:01:00.0-nvme-1",),
    system=True,
    in_use_by="system",
)
ROTATING = Disk(
    path="/dev/sda", size=4000 * GB, model="WDC WD40", serial="WD-1", transport="ata", rotational=True, holds="ext4"
)
SMALL = Disk(path="/dev/sdb", size=100 * GB, serial="WD-2", transport="usb", removable=True)
DISKS = [SMALL, SSD, ROTATING]


def selector(**match: Any) -> DiskSelector:
    return DiskSelector(match=DiskMatch(**match))


@pytest.mark.parametrize(
    ("match", "found"),
    [
        ({"size": ">= 500GB"}, ["/dev/nvme0n1", "/dev/sda"]),
        ({"size": "> 500GB"}, ["/dev/sda"]),
        ({"size": "<500 GB"}, ["/dev/sdb"]),
        ({"size": "<= 500000000000"}, ["/dev/nvme0n1", "/dev/sdb"]),
        ({"size": "100GB"}, ["/dev/sdb"]),
        ({"size": "== 100GB"}, ["/dev/sdb"]),
        ({"model": "samsung*"}, ["/dev/nvme0n1"]),
        ({"model": "amsung"}, []),
        ({"serial": "WD-?"}, ["/dev/sda", "/dev/sdb"]),
        ({"wwn": "eui.*"}, ["/dev/nvme0n1"]),
        ({"transport": "USB"}, ["/dev/sdb"]),
        ({"path": "/dev/sd*"}, ["/dev/sda", "/dev/sdb"]),
        ({"path": "pci-0000:01:*"}, ["/dev/nvme0n1"]),
        ({"path": "/dev/disk/by-path/pci-0000:01:00.0-nvme-1"}, ["/dev/nvme0n1"]),
        ({"id": "nvme-Samsung*"}, ["/dev/nvme0n1"]),
        ({"id": "/dev/disk/by-id/nvme-Samsung*"}, ["/dev/nvme0n1"]),
        ({"rotational": True}, ["/dev/sda"]),
        ({"rotational": False, "system": False}, ["/dev/sdb"]),
        ({"system": True}, ["/dev/nvme0n1"]),
        ({"size": ">= 500GB", "transport": "ata"}, ["/dev/sda"]),
    ],
)
def test_what_matches(match: dict[str, Any], found: list[str]) -> None:
    assert [disk.path for disk in select(DISKS, selector(**match))] == found


def test_exactly_one_or_refused_with_all_disks_listed() -> None:
    assert find_one(DISKS, selector(serial="WD-1")) is ROTATING
    everything = (
        "/dev/nvme0n1 (500.0 GB, nvme, model Samsung SSD 980, serial S64ANS0T, used by system); "
        "/dev/sda (4.0 TB, ata, model WDC WD40, serial WD-1, holds ext4); "
        "/dev/sdb (100.0 GB, usb, serial WD-2, removable)"
    )
    with pytest.raises(SelectorError) as two:
        find_one(DISKS, selector(serial="WD-*"))
    assert str(two.value) == f"2 disks match `serial: WD-*`; it must be exactly one of: {everything}"
    with pytest.raises(SelectorError) as none:
        find_one(DISKS, selector(size="> 9TB", rotational=True))
    assert str(none.value) == f"no disk matches `size: > 9TB, rotational: true`; it must be exactly one of: {everything}"
    with pytest.raises(SelectorError, match="no disks; attach one"):
        find_one([], selector(system=True))


def test_a_long_list_is_cut() -> None:
    many = [Disk(path=f"/dev/sd{index:03}", size=1) for index in range(40)]
    with pytest.raises(SelectorError, match=r"; and 24 more$"):
        find_one(many, selector(size="1"))


def test_a_disk_in_words() -> None:
    assert describe_disk(Disk(path="/dev/vda", size=512, read_only=True)) == "/dev/vda (512 B, read-only)"
    assert [render_size(size) for size in (0, 999, 1000, 1999999, 4 * 10**15, 4 * 10**19)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "2.0 MB",
        "4.0 PB",
        "40000.0 PB",
    ]
