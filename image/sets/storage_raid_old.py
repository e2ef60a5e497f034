"""SAS and RAID controllers that are no longer sold but still run, and those of other makers."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="storage-raid-old",
    summary="further SAS and RAID controllers: 3ware, Areca, ATTO, HighPoint, Marvell, PMC, Intel C600, Promise, Huawei",
    stage1=(
        "3w_9xxx", "3w_sas", "?arcmsr", "esas2r", "hptiop", "mvsas", "mvumi", "pm80xx", "stex", "mptsas", "mptspi",
        "?isci", "?ips", "?ipr", "?megaraid_mbox", "?hisi_sas_v2_hw", "?hisi_sas_v3_hw", "mtip32xx", "sd_mod",
    ),
    firmware=("firmware-linux-free",),
)  # fmt: skip
