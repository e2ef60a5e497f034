"""WifiModulesController: the kernel modules that wireless drivers ask for by themselves, in vain.

Problem: a driver that finds its device, or is handed a key, asks the kernel for one more module, and the kernel calls a
modprobe that is not there. No dependency in the modules says so.
Trap: Broadcom's driver asks once, when its device has taken its firmware (a tenth of a second after it was loaded), and
gives the device up if the module is not there by then; so all three come with it, whichever it will want.
"""

from collections.abc import Iterator

from controllers.config.documents.wifi_config import WifiConfig
from controllers.network.wifi_presence import has_wifi
from controllers.ports import Ports
from controllers.resources.hardware import DeviceModule
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

COMPANIONS = {
    "brcmfmac": ("brcmfmac_bca", "brcmfmac_cyw", "brcmfmac_wcc"),  # brcmfmac/fwvid.c
    "iwlwifi": ("iwldvm", "iwlmld", "iwlmvm"),  # iwlwifi/iwl-drv.c
}
CIPHERS = ("ccm", "cmac", "ctr", "gcm")
"""Of mac80211 (net/mac80211/aead_api.c, aes_cmac.c), for drivers whose hardware does not do it."""


class WifiModulesController(Controller):
    """DeviceModule of a driver and WifiConfig → DeviceModule of what goes with it."""

    name = "network.WifiModulesController"
    inputs = (Input(DeviceModule), Input(WifiConfig))
    outputs = (Output(DeviceModule, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths

    def reconcile(self, view: View) -> Iterator[Wanted]:
        if not has_wifi(self._paths):
            return
        for driver, companions in COMPANIONS.items():
            found = view.find(DeviceModule, driver)
            if found is not None:
                yield from (Wanted(name, found.spec) for name in companions)
        links = [f"link/{document.spec.name}" for document in view.list(WifiConfig)]
        for name in CIPHERS if links else ():
            yield Wanted(name, DeviceModule(devices=tuple(links), count=len(links)))
