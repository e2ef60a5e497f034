"""Wi-Fi cards of PCs: what sits in an M.2 or Mini PCIe slot. The set `wifi` is needed besides.

Trap: Intel's driver names the newest version of each firmware that it knows, and takes older ones when that is not there;
so the older ones of such a chip are named here.
"""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

INTEL = ("iwlwifi", "iwlmvm", "iwldvm", "?iwlmld")
QUALCOMM = ("ath9k", "ath10k_pci", "ath11k_pci", "ath12k", "?ath12k_wifi7")
MEDIATEK = ("mt76x0e", "mt76x2e", "mt7921e", "mt7925e")
REALTEK = (
    "rtl8188ee", "rtl8192ce", "rtl8192ee", "rtl8723be", "rtl8821ae", "rtw88_8723de", "rtw88_8821ce", "rtw88_8822be",
    "rtw88_8822ce", "drivers/net/wireless/realtek/rtw89/",
)  # fmt: skip

UNSOLD = "steps of the chip that were never sold"
OLDER = "the driver takes one of the older versions, which `extra_firmware` brings"

SET = ModuleSet(
    name="wifi-pc",
    summary="Wi-Fi cards of PCs, to go with wifi: Intel, Qualcomm Atheros, MediaTek, Realtek",
    modules=(*INTEL, *QUALCOMM, *MEDIATEK, *REALTEK),
    firmware=(
        "firmware-iwlwifi", "firmware-atheros", "firmware-mediatek", "firmware-realtek", "wireless-regdb",
    ),
    extra_firmware={"iwlwifi": ("iwlwifi-gl-c0-fm-c0-92.ucode", "iwlwifi-so-a0-jf-b0-7[0-9].ucode")},
    absent={
        "iwlwifi-b[rz]-a0-*": UNSOLD,
        "iwlwifi-dr-a0-*": UNSOLD,
        "iwlwifi-gl-b0-*": UNSOLD,
        "iwlwifi-ma-a0-*": UNSOLD,
        "iwlwifi-ma-b0-mr-a0-*": UNSOLD,
        "iwlwifi-sc*-a0-*": UNSOLD,
        "iwlwifi-gl-c0-fm-c0-93.ucode": OLDER,
        "iwlwifi-so-a0-jf-b0-89.ucode": OLDER,
        "ath10k/QCA6174/hw[23].[01]/firmware-[45].bin": "versions before those that Debian ships",
        "ath10k/QCA9*/hw[12].0/*-[23].bin": "versions before those that Debian ships, and settings that the card holds itself",
        "ath12k/QCN9274/hw2.0/*": "a card of access points; its maker gives it to those who build them",
    },
    firmware_links={
        "regulatory.db": "regulatory.db-upstream",
        "regulatory.db.p7s": "regulatory.db.p7s-upstream",
    },
)  # fmt: skip
