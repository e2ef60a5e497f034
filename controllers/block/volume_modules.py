"""Which kernel modules volumes need: pure. What no volume needs is not loaded, for the sake of boot time and memory."""

from __future__ import annotations

from collections.abc import Collection

from controllers.block.disk_usage import is_volume
from controllers.block.filesystems import FILESYSTEMS
from controllers.resources.block import DiscoveredVolume, VolumeKind, VolumeSpec

ENCRYPTION = {
    "x86_64": ("dm_crypt", "xts", "aesni_intel"),
    "aarch64": ("dm_crypt", "xts", "aes_ce_blk"),
}
"""What LUKS2 volumes need, the processor's own AES last; the kernel cannot ask for them, since there is no modprobe."""


def find_modules(specs: Collection[VolumeSpec], volumes: Collection[DiscoveredVolume], machine: str) -> dict[str, str]:
    """Return the modules that volumes need, each with the reason. In: `machine`, as uname(2) calls the processor."""
    found = {}
    for spec in specs:
        if spec.filesystem in FILESYSTEMS:
            found[FILESYSTEMS[spec.filesystem].module] = f"volume {spec.label}"
    if any(spec.kind is VolumeKind.EXISTING for spec in specs):
        for volume in volumes:
            if volume.filesystem in FILESYSTEMS:
                found[FILESYSTEMS[volume.filesystem].module] = f"{volume.path}"
    locked = any(one.filesystem == "luks2" and is_volume(one.partition_label) for one in volumes)
    if locked or any(spec.encrypted for spec in specs):
        found |= dict.fromkeys(ENCRYPTION.get(machine, ("dm_crypt", "xts")), "encrypted volumes")
    return found
