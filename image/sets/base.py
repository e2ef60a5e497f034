"""What every image carries: pods, their network, file systems, encryption."""

from __future__ import annotations

from image.boards.modules import COMMON
from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="base",
    summary="pods and their network, file systems, encrypted volumes; in every image",
    modules=COMMON,
)
