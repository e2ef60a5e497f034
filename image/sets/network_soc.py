"""Network controllers that are part of a processor: AMD and Intel embedded, arm64 servers and boards with UEFI."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="network-soc",
    summary="network controllers inside processors: AMD, Intel, Huawei, Marvell, NXP, Rockchip, Ampere, ThunderX",
    modules=(
        "amd_xgbe", "stmmac_platform", "dwmac_generic", "?dwmac_intel", "?dwmac_rk", "?dwmac_meson8b", "?dwmac_sun8i",
        "?dwmac_imx", "?fec", "?fsl_enetc", "?fsl_enetc_vf", "?fsl_dpaa2_eth", "?hns3", "?hclge", "?hclgevf", "?hns_enet_drv",
        "?hns_dsaf", "?macb", "?mvneta", "?mvpp2", "?mvmdio", "?netsec", "?nicpf", "?nicvf", "?thunder_bgx", "?rvu_af",
        "?rvu_nicpf", "?rvu_nicvf", "?xgene_enet", "?smsc911x",
        "marvell", "marvell10g", "at803x", "broadcom", "micrel", "?motorcomm", "realtek", "aquantia", "dp83867",
    ),
)  # fmt: skip
