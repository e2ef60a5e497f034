"""Wi-Fi: wpa_supplicant, what each country allows, and the drivers of single-board computers and USB adapters.

Nothing of it runs without a WifiConfig (docs/boards.md, "Wi-Fi"). `wifi-pc` has the cards of PCs besides: their firmware
alone is several times as large as all of this.
Trap: drivers ask the kernel for more modules when a device is there or a key is set, and nobody loads those for them: the
three of Broadcom's makers, and the ciphers. Whoever loads modules by modalias knows them, they must only be there.
"""

from __future__ import annotations

from image.executables import Executable
from image.rootlist import Keep
from image.sets.moduleset import ModuleSet

CIPHERS = ("ccm", "cmac", "gcm", "ctr")  # keys of WPA in software
BROADCOM = ("brcmfmac", "brcmfmac_wcc", "brcmfmac_cyw", "brcmfmac_bca")  # Raspberry Pi; the makers that it asks for
USB = (
    "ath9k_htc", "carl9170", "mt7601u", "mt76x0u", "mt76x2u", "mt7663u", "mt7921u", "mt7925u", "rt2800usb", "rtl8192cu",
    "rtl8xxxu", "rtw88_8723du", "rtw88_8821cu", "rtw88_8822bu", "rtw88_8822cu", "?rtw88_8812au", "?rtw88_8814au",
    "?rtw88_8821au",
)  # fmt: skip
NOBODY = "the maker gave it to nobody who may pass it on; a device with this chip stays without Wi-Fi"
FALLBACK = "the driver takes the general file of the chip then"

SET = ModuleSet(
    name="wifi",
    summary="Wi-Fi: wpa_supplicant, Raspberry Pi (Broadcom), USB adapters (Atheros, MediaTek, Ralink, Realtek)",
    modules=("cfg80211", "mac80211", *CIPHERS, *BROADCOM, *USB),
    firmware=(
        "wireless-regdb", "firmware-brcm80211", "raspi-firmware", "firmware-ath9k-htc", "firmware-carl9170",
        "firmware-mediatek", "firmware-realtek",
    ),
    extra_firmware={"brcmfmac": ("brcm/brcmfmac43456-sdio.txt", "brcm/brcmfmac43456-sdio.clm_blob")},  # Raspberry Pi 400
    firmware_links={
        "regulatory.db": "regulatory.db-upstream",  # the distribution's kernel believes both signatures, any other only this
        "regulatory.db.p7s": "regulatory.db.p7s-upstream",
    },
    absent={
        "brcm/brcmfmac[*]-pcie[.]*": FALLBACK,
        "brcm/brcmfmac[*]-sdio.[*].bin": FALLBACK,
        "brcm/brcmfmac43430b0-sdio.bin": f"a Raspberry Pi Zero 2 W has this chip or an older one; {NOBODY}",
        "brcm/brcmfmac43439-sdio.*": NOBODY,
        "brcm/brcmfmac4355*-pcie.*": NOBODY,
        "brcm/brcmfmac4359*": NOBODY,
        "brcm/brcmfmac436[45]*-pcie.*": NOBODY,
        "brcm/brcmfmac43752-*": NOBODY,
        "brcm/brcmfmac43[78][78]*-pcie.*": f"Apple's machines; {NOBODY}",
        "rtlwifi/rtl8723bu_bt.bin": "its Bluetooth half, which nothing here uses",
    },
    keep=(
        Keep("wpasupplicant", ("usr/sbin/wpa_supplicant",), "joins wireless networks"),
        Keep("libnl-3-200", ("{lib}/libnl-3.so.200*",), "wpa_supplicant: netlink"),
        Keep("libnl-genl-3-200", ("{lib}/libnl-genl-3.so.200*",), "the same"),
        Keep("libnl-route-3-200", ("{lib}/libnl-route-3.so.200*",), "the same"),
        Keep("libpcsclite1", ("{lib}/libpcsclite.so.1",), "wpa_supplicant is linked with it (SIM cards)"),
        Keep("libdbus-1-3", ("{lib}/libdbus-1.so.3*",), "the same (its other control interface, which is off)"),
        Keep("libsystemd0", ("{lib}/libsystemd.so.0*",), "libdbus is linked with it"),
    ),
    executables=(Executable("usr/bin/wpa_supplicant", "joins wireless networks, one per link that a WifiConfig names"),),
)  # fmt: skip
