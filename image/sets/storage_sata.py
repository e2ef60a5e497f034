"""Disk controllers from before AHCI, and those of boards that have AHCI on no PCI bus."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="storage-sata",
    summary="older SATA and IDE controllers: Intel, Marvell, Silicon Image, VIA, Nvidia, Promise; AHCI of arm64 boards",
    stage1=(
        "ata_generic", "ata_piix", "sata_mv", "sata_nv", "sata_promise", "sata_sil", "sata_sil24", "sata_sis", "sata_svw",
        "sata_sx4", "sata_uli", "sata_via", "sata_vsc", "pata_jmicron", "pata_marvell", "?pata_amd", "?pata_via",
        "?ahci_platform", "?ahci_ceva", "?ahci_dwc", "?ahci_mvebu", "?ahci_qoriq", "?ahci_seattle", "?ahci_xgene", "sd_mod",
    ),
)  # fmt: skip
