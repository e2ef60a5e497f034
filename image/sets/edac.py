"""Memory controllers that report corrected and uncorrected errors, and what retires a bad page of memory."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="edac",
    summary="memory errors: the memory controllers of Intel, AMD, Ampere and ThunderX processors",
    modules=("drivers/edac/", "?amd_atl", "?fmpm"),
)
