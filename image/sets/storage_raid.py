"""SAS and RAID controllers of servers, a disk behind which may hold the root."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="storage-raid",
    summary="SAS and RAID controllers: Broadcom (LSI), Microchip (Adaptec), HPE, Dell PERC",
    stage1=("megaraid_sas", "mpt3sas", "mpi3mr", "aacraid", "hpsa", "smartpqi", "sd_mod"),
    modules=("ses", "sg"),
)
