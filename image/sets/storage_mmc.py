"""eMMC and SD cards of small PCs and of boards with UEFI; one of them may hold the root."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="storage-mmc",
    summary="eMMC and SD card readers: SDHCI (PCI, ACPI, boards), Realtek, DesignWare",
    stage1=(
        "mmc_block", "sdhci_pci", "sdhci_acpi", "rtsx_pci_sdmmc", "?sdhci_esdhc_imx", "?sdhci_of_arasan",
        "?sdhci_of_dwcmshc", "?sdhci_of_esdhc", "?sdhci_xenon_driver", "?sdhci_am654", "?sdhci_f_sdh30", "?dw_mmc_rockchip",
        "?dw_mmc_k3", "?meson_gx_mmc", "?sunxi_mmc", "?thunderx_mmc",
    ),
    modules=("rtsx_usb_sdmmc",),
)  # fmt: skip
