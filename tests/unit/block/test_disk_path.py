"""Places in sysfs and what udev calls them."""

from pathlib import Path

import pytest

from controllers.block.disk_path import find_bus_path

PCI = ("pci0000:00/0000:00:1c.0", "pci"), ("pci0000:00/0000:00:1c.0/0000:01:00.0", "pci")
DEEP = "pci0000:00/0000:00:1c.0/0000:01:00.0"


def chain(root: Path, *devices: tuple[str, str]) -> Path:
    """Make directories in a sysfs, each with a link to its subsystem; return the last."""
    for path, subsystem in devices:
        home = root / "devices" / path
        home.mkdir(parents=True, exist_ok=True)
        (root / "bus" / subsystem).mkdir(parents=True, exist_ok=True)
        (home / "subsystem").symlink_to(root / "bus" / subsystem)
    return root / "devices" / devices[-1][0]


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (
            (
                ("pci0000:00/0000:00:02.0", "pci"),
                ("pci0000:00/0000:00:02.0/virtio1", "virtio"),
                ("pci0000:00/0000:00:02.0/virtio1/block/vda", "block"),
            ),
            "pci-0000:00:02.0",
        ),
        (
            (
                *PCI,
                (f"{DEEP}/ata3/host5", "scsi"),
                (f"{DEEP}/ata3/host5/target5:0:0", "scsi"),
                (f"{DEEP}/ata3/host5/target5:0:0/5:0:0:0", "scsi"),
                (f"{DEEP}/ata3/host5/target5:0:0/5:0:0:0/block/sda", "block"),
            ),
            "pci-0000:01:00.0-ata-3",
        ),
        (
            (
                ("pci0000:00/0000:00:05.0", "pci"),
                ("pci0000:00/0000:00:05.0/virtio2", "virtio"),
                ("pci0000:00/0000:00:05.0/virtio2/host6", "scsi"),
                ("pci0000:00/0000:00:05.0/virtio2/host6/target6:0:2/6:0:2:1", "scsi"),
                ("pci0000:00/0000:00:05.0/virtio2/host6/target6:0:2/6:0:2:1/block/sdb", "block"),
            ),
            "pci-0000:00:05.0-scsi-0:0:2:1",
        ),
        (
            (
                ("pci0000:00/0000:00:14.0", "pci"),
                ("pci0000:00/0000:00:14.0/usb1", "usb"),
                ("pci0000:00/0000:00:14.0/usb1/1-2", "usb"),
                ("pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0", "usb"),
                ("pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host3/target3:0:0/3:0:0:0", "scsi"),
                ("pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host3/target3:0:0/3:0:0:0/block/sdc", "block"),
            ),
            "pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0",
        ),
        (
            (
                ("platform/soc", "platform"),
                ("platform/soc/fe340000.mmc", "platform"),
                ("platform/soc/fe340000.mmc/mmc_host/mmc0", "mmc_host"),
                ("platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:0001", "mmc"),
                ("platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0", "block"),
            ),
            "platform-fe340000.mmc",
        ),
        (
            (
                ("platform/fd500000.pcie", "platform"),
                ("platform/fd500000.pcie/pci0000:00/0000:00:00.0", "pci"),
                ("platform/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0", "pci"),
                ("platform/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/nvme/nvme0", "nvme"),
            ),
            "platform-fd500000.pcie-pci-0000:01:00.0",
        ),
        ((("virtual/block/loop0", "block"),), ""),
        (
            (
                ("virtual/nvme-subsystem/nvme-subsys0", "nvme-subsystem"),
                ("virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "block"),
            ),
            "",
        ),
    ],
)
def test_places(tmp_path: Path, devices: tuple[tuple[str, str], ...], expected: str) -> None:
    assert find_bus_path(chain(tmp_path, *devices)) == expected


def test_ports_and_namespaces_are_counted_per_controller(tmp_path: Path) -> None:
    disk = chain(tmp_path, *PCI, (f"{DEEP}/ata7/host9/target9:0:0/9:0:0:0", "scsi"))
    port = tmp_path / "devices" / DEEP / "ata7/ata_port/ata7/port_no"
    port.parent.mkdir(parents=True)
    port.write_text("2\n")
    assert find_bus_path(disk) == "pci-0000:01:00.0-ata-2"
    nvme = chain(tmp_path / "b", *PCI, (f"{DEEP}/nvme/nvme0", "nvme"), (f"{DEEP}/nvme/nvme0/nvme0n1", "block"))
    (nvme / "nsid").write_text("1\n")
    assert find_bus_path(nvme) == "pci-0000:01:00.0-nvme-1"


def test_no_directory_is_no_place(tmp_path: Path) -> None:
    assert find_bus_path(tmp_path / "gone") == ""
