"""What storage software on the node's own disks is made of: thin volumes, snapshots, mirrors, RAID, caches.

No device announces these, so what is used is loaded by a `KernelModuleConfig`.
"""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="storage-lvm",
    summary="LVM's thin volumes, snapshots, mirrors, RAID and caches; md RAID; loaded by a KernelModuleConfig",
    modules=(
        "dm_thin_pool", "dm_snapshot", "dm_mirror", "dm_raid", "dm_cache", "dm_cache_smq", "dm_writecache", "dm_integrity",
        "dm_zero", "raid0", "raid1", "raid10", "raid456", "bcache", "btrfs",
    ),
)  # fmt: skip
