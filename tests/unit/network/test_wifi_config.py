"""The configuration file of each link."""

from pathlib import Path

from controllers.config.documents import WifiConfig
from controllers.network.wifi_config import WifiConfigController
from controllers.network.wifi_supplicant import render_config
from controllers.ports import Paths, Ports
from controllers.resources.machine import FileSpec
from controllers.runtime.resource import new
from tests.harness.reconcile import run_reconcile

DOCUMENT = WifiConfig.example()


def make(root: Path, *, wifi: bool = True) -> WifiConfigController:
    (root / "usr/bin").mkdir(parents=True)
    if wifi:
        (root / "usr/bin/wpa_supplicant").touch()
    return WifiConfigController(Ports(paths=Paths(root)))


def test_only_its_user_may_read_it(tmp_path: Path) -> None:
    [wanted] = run_reconcile(make(tmp_path), [new("wlan0", DOCUMENT)])
    path = "/run/ophite/wifi/wlan0.conf"
    assert wanted.id == path
    assert wanted.spec == FileSpec(path=path, content=render_config(DOCUMENT), mode=0o400, uid=64, gid=64)
    assert "psk=" not in repr(wanted.spec)


def test_nothing_without_wifi_in_the_image_or_without_a_document(tmp_path: Path) -> None:
    assert run_reconcile(make(tmp_path / "a", wifi=False), [new("wlan0", DOCUMENT)]) == []
    assert run_reconcile(make(tmp_path / "b")) == []
