"""Temperatures, fans, voltages and power: of processors, boards, disks and power supplies.

Chips on an old bus announce themselves to nobody (`nct6775`, `it87`, `drivetemp`): those are loaded by a `KernelModuleConfig`.
"""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="sensors",
    summary="temperature, fan, voltage and power sensors (hwmon), and the buses that they sit on",
    modules=("drivers/hwmon/", "?i2c_i801", "?i2c_piix4", "?i2c_ismt", "?i2c_designware_pci"),
)
