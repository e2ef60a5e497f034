"""Updates for the processor itself: what its maker has mended since it left the factory."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="microcode",
    summary="microcode of Intel and AMD processors, loaded before anything else (amd64)",
    microcode=("intel-microcode:amd64", "amd64-microcode:amd64"),
)
