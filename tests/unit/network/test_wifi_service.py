"""When there is a wpa_supplicant, and as whom it runs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from controllers.config.documents import WifiConfig
from controllers.network.wifi_service import WifiServiceController
from controllers.network.wifi_supplicant import WIFI_UID
from controllers.ports import Paths, Ports
from controllers.resources.machine import FileStatus
from controllers.resources.network import LinkSpec, LinkStatus
from controllers.resources.services import ServiceSpec
from controllers.runtime.controller import Wanted
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from controllers.services.supervisor_apply import render_service
from image.etcfiles import USERS
from init.services import decode_table
from tests.harness.reconcile import run_reconcile

PATH = "/run/ophite/wifi/wlan0.conf"
DOCUMENT = new("wlan0", WifiConfig.example())
LINK = new("wlan0", LinkStatus(name="wlan0", index=3, physical=True))
WRITTEN = new(PATH, FileStatus(path=PATH, sha256="1" * 64))


def wants(root: Path, *resources: Resource[Any]) -> list[Wanted]:
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/wpa_supplicant").touch()
    return run_reconcile(WifiServiceController(Ports(paths=Paths(root)), uid=os.getuid()), resources)


def test_a_service_with_two_capabilities(tmp_path: Path) -> None:
    [wanted] = wants(tmp_path, DOCUMENT, LINK, WRITTEN)
    assert wanted.id == "wifi-wlan0"
    assert isinstance(wanted.spec, ServiceSpec)
    assert wanted.spec.argv[-1] == PATH
    assert wanted.spec.capabilities == ("CAP_NET_ADMIN", "CAP_NET_RAW")
    assert wanted.spec.no_new_privs
    assert wanted.spec.restart_on == ("1" * 64,)
    assert (tmp_path / "run/ophite/wifi/control").stat().st_mode & 0o7777 == 0o700
    table = json.loads(json.dumps([render_service(wanted.id, wanted.spec)]))
    assert decode_table(table)["wifi-wlan0"].cgroup == "ophite/wifi-wlan0"


def test_its_user_is_its_own() -> None:
    assert WifiServiceController(Ports())._uid == WIFI_UID == USERS["ophite-wifi"]
    assert len(set(USERS.values())) == len(USERS)


def test_the_same_again_after_a_restart_of_the_brain(tmp_path: Path) -> None:
    assert wants(tmp_path, DOCUMENT, LINK, WRITTEN) == wants(tmp_path, DOCUMENT, LINK, WRITTEN)


def test_none_without_a_link_or_for_one_that_shall_be_down(tmp_path: Path) -> None:
    assert wants(tmp_path, DOCUMENT, WRITTEN) == []
    assert wants(tmp_path, DOCUMENT, LINK, WRITTEN, new("wlan0", LinkSpec(name="wlan0", up=False))) == []
    assert len(wants(tmp_path, DOCUMENT, LINK, WRITTEN, new("wlan0", LinkSpec(name="wlan0")))) == 1


def test_it_waits_for_its_file(tmp_path: Path) -> None:
    with pytest.raises(Waiting, match=r"wlan0\.conf to be written"):
        wants(tmp_path, DOCUMENT, LINK)
    assert not (tmp_path / "run").exists()


def test_none_in_an_image_without_wifi(tmp_path: Path) -> None:
    controller = WifiServiceController(Ports(paths=Paths(tmp_path)), uid=os.getuid())
    assert run_reconcile(controller, [DOCUMENT, LINK, WRITTEN]) == []
    assert not (tmp_path / "run").exists()
