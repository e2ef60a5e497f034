"""Virtual machines: KVM, QEMU and the clouds. Small kernel, no drivers for real hardware; what the tests boot."""

from __future__ import annotations

from image.boards.board import Board
from image.boards.modules import COMMON, ROOT, VIRTIO, WATCHDOGS

BOARD = Board(
    name="cloud",
    summary="virtual machines (virtio, NVMe)",
    kernels={"amd64": "linux-image-cloud-amd64", "arm64": "linux-image-cloud-arm64"},
    stage1=("virtio_pci", "virtio_blk", "nvme", *WATCHDOGS, *ROOT),
    modules=(*COMMON, *VIRTIO, "virtio_scsi", "sd_mod"),
    command_line=("console=tty0", "console=ttyS0,115200", "quiet", "panic=-1", "slab_nomerge", "vsyscall=none"),
)
