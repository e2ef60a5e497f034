"""What goes with a wireless driver."""

from pathlib import Path
from typing import Any

from controllers.config.documents import WifiConfig
from controllers.network.wifi_modules import WifiModulesController
from controllers.ports import Paths, Ports
from controllers.resources.hardware import DeviceModule
from controllers.runtime.resource import Resource, new
from image.sets import SETS
from tests.harness.reconcile import run_reconcile

SDIO = DeviceModule(devices=("sdio/mmc1:0001:1",), count=1)
BRCMFMAC = new("brcmfmac", SDIO)
DOCUMENT = new("wlan0", WifiConfig.example())


def wants(root: Path, *resources: Resource[Any], wifi: bool = True) -> dict[str, Any]:
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    if wifi:
        (root / "usr/bin/wpa_supplicant").touch()
    controller = WifiModulesController(Ports(paths=Paths(root)))
    return {wanted.id: wanted.spec for wanted in run_reconcile(controller, resources)}


def test_the_makers_come_with_broadcoms_driver(tmp_path: Path) -> None:
    found = wants(tmp_path, BRCMFMAC, new("e1000e", SDIO))
    assert found == {"brcmfmac_bca": SDIO, "brcmfmac_cyw": SDIO, "brcmfmac_wcc": SDIO}
    assert all(name > "brcmfmac" for name in found), "modules are loaded in order of their names"


def test_the_ciphers_come_with_a_document(tmp_path: Path) -> None:
    found = wants(tmp_path, DOCUMENT)
    assert set(found) == {"ccm", "cmac", "ctr", "gcm"}
    assert found["ccm"] == DeviceModule(devices=("link/wlan0",), count=1)


def test_nothing_otherwise(tmp_path: Path) -> None:
    assert wants(tmp_path / "a") == {}
    assert wants(tmp_path / "b", BRCMFMAC, DOCUMENT, wifi=False) == {}


def test_the_image_has_what_is_asked_for(tmp_path: Path) -> None:
    words = {word.lstrip("?") for name in ("wifi", "wifi-pc") for word in SETS[name].modules}
    asked = wants(tmp_path, BRCMFMAC, new("iwlwifi", SDIO), DOCUMENT)
    assert set(asked) <= words
