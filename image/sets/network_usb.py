"""Network adapters on USB, and telephones and modems that act as one."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="network-usb",
    summary="USB network adapters: Realtek, ASIX, Microchip, Aquantia, and whatever speaks CDC or RNDIS",
    modules=(
        "r8152", "r8153_ecm", "asix", "ax88179_178a", "aqc111", "lan78xx", "smsc75xx", "smsc95xx", "dm9601", "sr9700",
        "mcs7830", "pegasus", "cdc_ether", "cdc_eem", "cdc_ncm", "cdc_mbim", "cdc_subset", "rndis_host", "huawei_cdc_ncm",
        "qmi_wwan", "ipheth",
    ),
    firmware=("firmware-realtek",),
    absent={
        "rtl_nic/rtl8157-1.fw": "a correction for an adapter that works without it",
        "rtl_nic/rtl8159-1.fw": "a correction for an adapter that works without it",
    },
)  # fmt: skip
