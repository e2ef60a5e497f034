"""Real machines: the full kernel with disk and network drivers of servers, PCs and boards that have UEFI."""

from __future__ import annotations

from image.boards.board import Board, Kernel
from image.boards.modules import COMMON, ROOT, VIRTIO, WATCHDOGS

STORAGE = ("ahci", "sd_mod", "nvme", "virtio_blk", "virtio_scsi", "usb_storage", "uas", "xhci_pci", "?xhci_plat_hcd")
SETS = (
    "storage-raid", "storage-mmc", "network-1g", "network-10g", "network-usb", "network-soc", "sensors", "edac", "power",
    "smart", "ipmi", "watchdog", "microcode",
)  # fmt: skip

BOARD = Board(
    name="metal",
    summary="servers and PCs (AHCI, NVMe, SAS, USB; the common network cards)",
    kernels={
        "amd64": Kernel("linux-image-amd64", words=("console=ttyS0,115200", "console=tty0", "vsyscall=none")),
        "arm64": Kernel("linux-image-arm64", words=("console=ttyAMA0,115200", "console=ttyS0,115200", "console=tty0")),
    },
    stage1=("virtio_pci", *STORAGE, *WATCHDOGS, *ROOT),
    modules=(*COMMON, *VIRTIO),
    sets=SETS,
    tested="QEMU: amd64 and arm64 (virt) with UEFI, from disk; real machines: nothing yet",
    command_line=("quiet", "panic=-1", "slab_nomerge"),
)
