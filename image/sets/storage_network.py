"""Storage over the network that pods mount: what the node parts of CSI drivers expect the kernel to have.

No device announces these, so what is used is loaded by a `KernelModuleConfig`.
"""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="storage-network",
    summary="NFS, SMB, Ceph (file system and RBD), iSCSI, NBD, DRBD; loaded by a KernelModuleConfig",
    modules=("nfs", "nfsv3", "nfsv4", "cifs", "ceph", "rbd", "iscsi_tcp", "nbd", "drbd"),
)
