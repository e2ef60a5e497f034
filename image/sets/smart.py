"""SMART: what a drive says of its own health. The node shows it as `DriveHealth`, `ophite get smart`."""

from __future__ import annotations

from image.executables import Executable
from image.rootlist import Keep
from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="smart",
    summary="SMART: smartctl asks SATA, SAS, NVMe and USB drives how they are (`ophite get smart`)",
    keep=(Keep("smartmontools", ("usr/sbin/smartctl",), "asks drives how they are"),),
    executables=(Executable("usr/bin/smartctl", "asks drives how they are, once an hour"),),
)
