"""Intel graphics: what the processors have, Arc and Flex cards. For transcoding and for the device plug-in of Intel."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="gpu-intel",
    summary="Intel graphics: HD, UHD, Iris, Arc, Flex, Battlemage",
    modules=("?i915", "xe"),
    firmware=("firmware-intel-graphics",),
)
