"""Errors of memory: /sys/devices/system/edac/mc → `MemoryErrors` (Documentation/admin-guide/RAS/main.rst)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from controllers.block.sysfs import read_number
from controllers.hardware.look import Look
from controllers.hardware.pci_status import entries_of
from controllers.hardware.system_info import read_attribute
from controllers.resources.hardware import MemoryErrors, MemoryModuleErrors
from controllers.runtime.controller import Output, Wanted

MAX_CONTROLLERS, MAX_MODULES = 64, 128
CONTROLLER, MODULE = re.compile(r"mc\d+"), re.compile(r"(dimm|rank)\d+")


def read_controller(directory: Path) -> MemoryErrors:
    """Return what a memory controller has counted."""
    modules = (path for path in entries_of(directory) if MODULE.fullmatch(path.name))
    counted = [_read_module(path) for path in islice(modules, MAX_MODULES)]
    return MemoryErrors(
        controller=read_attribute(directory / "mc_name"),
        corrected=read_number(directory / "ce_count"),
        uncorrected=read_number(directory / "ue_count"),
        modules=tuple(one for one in counted if one.corrected or one.uncorrected),
    )


def _read_module(directory: Path) -> MemoryModuleErrors:
    return MemoryModuleErrors(
        label=read_attribute(directory / "dimm_label") or read_attribute(directory / "dimm_location") or directory.name,
        corrected=read_number(directory / "dimm_ce_count"),
        uncorrected=read_number(directory / "dimm_ue_count"),
    )


class MemoryErrorsStatusController(Look):
    """EDAC → `MemoryErrors`."""

    name = "hardware.MemoryErrorsStatusController"
    outputs = (Output(MemoryErrors),)
    subsystems = frozenset({"edac"})
    poll = 60.0

    def look(self, sys: Path) -> Iterable[Wanted]:
        """Yield every memory controller."""
        controllers = (path for path in entries_of(sys / "devices/system/edac/mc") if CONTROLLER.fullmatch(path.name))
        for directory in islice(controllers, MAX_CONTROLLERS):
            yield Wanted(directory.name, read_controller(directory))
