"""NVMe over Fabrics: disks of other machines (Mayastor, Longhorn, arrays), and disks given to others.

No device announces these, so what is used is loaded by a `KernelModuleConfig`.
"""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="storage-nvme-of",
    summary="NVMe over TCP, RDMA and Fibre Channel, as host and as target; loaded by a KernelModuleConfig",
    modules=("nvme_tcp", "nvme_rdma", "nvme_fc", "nvmet", "nvmet_tcp", "nvmet_rdma", "ublk_drv"),
)
