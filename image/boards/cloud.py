"""Virtual machines: KVM, QEMU and the clouds. Small kernel, no drivers for real hardware; what the tests boot."""

from __future__ import annotations

from image.boards.board import Board, Kernel
from image.boards.modules import COMMON, ROOT, VIRTIO, WATCHDOGS

BOARD = Board(
    name="cloud",
    summary="virtual machines (virtio, NVMe)",
    kernels={
        "amd64": Kernel("linux-image-cloud-amd64", words=("console=tty0", "console=ttyS0,115200", "vsyscall=none")),
        "arm64": Kernel("linux-image-cloud-arm64", words=("console=tty0", "console=ttyAMA0,115200")),
    },
    stage1=("virtio_pci", "virtio_blk", "nvme", *WATCHDOGS, *ROOT),
    modules=(*COMMON, *VIRTIO, "virtio_scsi", "sd_mod"),
    tested="QEMU: amd64 with UEFI, BIOS and directly, disk and ISO; arm64 (virt) with UEFI, from disk",
    command_line=("quiet", "panic=-1", "slab_nomerge"),
)
