"""A node that joins wireless networks: simulated radios in one machine, two of them access points, one the node's own link.

The image is the one for real machines with the sets `wifi` and `wifi-hwsim`, slim as in tests/harness/versions.py. The access
points are further services of the node, put behind the controller that wants the stations: the same program, with mode=2. So
drivers, ciphers and the regulatory table come from the image, keys are agreed on by the kernel's own mac80211, and DHCP begins
when they are; only the air is missing. It runs when asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Progress
from tests.harness.lifecycle import ADDRESS, BOOT, STATIC, Node
from tests.harness.nodes import BUILD, run_logged
from tests.harness.versions import BUILD_SECONDS, Version, make_overlay, make_stubs
from tests.vm.conftest import MakeNode

pytestmark = [pytest.mark.vm, pytest.mark.soak, pytest.mark.timeout(3600)]

JOIN = 60  # seconds, native: scanning takes a few, a refused key is tried again after ten
WPA2, WPA3 = "old friends", "new friends"
PASSPHRASE = "correct horse battery staple"
ACCESS_POINTS = f'''
_TEXT = """\\
ctrl_interface=/run/ophite/wifi/control
country=DE
p2p_disabled=1
sae_pwe=2
network={{{{
	mode=2
	frequency={{frequency}}
	ssid="{{ssid}}"
	proto=RSN
	pairwise=CCMP
	{{keys}}
}}}}
"""
_ACCESS_POINTS = {{
    "wlan1": _TEXT.format(frequency=2412, ssid="{WPA2}", keys='key_mgmt=WPA-PSK\\n\\tpsk="{PASSPHRASE}"'),
    "wlan2": _TEXT.format(
        frequency=2437, ssid="{WPA3}", keys='key_mgmt=SAE\\n\\tieee80211w=2\\n\\tsae_password="{PASSPHRASE}"'
    ),
}}
_stations = WifiServiceController.reconcile


def _all(self: WifiServiceController, view: View) -> Iterator[Wanted]:
    yield from _stations(self, view)
    for link, text in _ACCESS_POINTS.items():
        if view.find(LinkStatus, link) is not None:
            make_directory(self._paths / CONTROL_DIRECTORY, self._uid)
            (self._paths / config_path(link)).write_text(text)
            yield Wanted(service_id(link), self._service(link, "access point"))


WifiServiceController.reconcile = _all
'''
VERSION = Version("1.0.0-wifi", {"controllers/network/wifi_service.py": ACCESS_POINTS}, outputs=("raw",))
DOCUMENTS = """
apiVersion: ophite/v1
kind: KernelModuleConfig
name: mac80211_hwsim
parameters: [radios=3]
---
apiVersion: ophite/v1
kind: WifiConfig
name: wlan0
country: DE
networks:
"""


def build_image(say: Progress) -> Version:
    """Build the image, or find it built."""
    say("building the image with Wi-Fi")
    argv = [sys.executable, "-m", "image.build", "--output", str(VERSION.directory), "--board", "metal", "--format", "raw"]
    argv += ["--set", "wifi", "--set", "wifi-hwsim", "--kubernetes", str(make_stubs(BUILD / "slim/kubernetes"))]
    argv += ["--image-version", VERSION.number, "--overlay", str(make_overlay(VERSION, BUILD / "slim/overlays/wifi"))]
    run_logged(argv, BUILD / "slim-wifi.log", BUILD_SECONDS)
    return VERSION


def render_network(ssid: str, passphrase: str = PASSPHRASE, **fields: object) -> str:
    """One item of `networks`."""
    words = {"ssid": ssid, "passphrase": passphrase, **fields}
    return "  - {" + ", ".join(f"{name}: {value}" for name, value in words.items()) + "}\n"


class Station:
    """The node, and the networks that it is told."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.whole = node.configuration.read_text()
        """The configuration without what is changed here."""

    def tell(self, *networks: str, insecure: bool = False) -> None:
        """Apply a configuration with these networks."""
        self.node.configuration.write_text(self.whole)
        self.node.add_documents(DOCUMENTS + "".join(networks))
        self.node.apply(insecure=insecure)

    def find_status(self) -> dict[str, Any]:
        """How the link fares."""
        return self.node.get("WifiStatus", "wlan0")

    def wait(self, what: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the link's status is as it should be; the status."""

        def check() -> bool:
            status = self.find_status()
            assert holds(status), status
            return True

        self.node.wait(what, check, JOIN)
        return self.find_status()


def is_connected(ssid: str) -> Callable[[dict[str, Any]], bool]:
    """Has it joined this network?"""
    return lambda status: (status["state"], status["ssid"]) == ("connected", ssid)


@pytest.fixture(scope="module")
def station(make_node: MakeNode, progress: Progress) -> Station:
    """A node in maintenance mode."""
    node = make_node("vm-wifi", build_image(progress), boot="direct", command_line=STATIC)
    node.power_on()
    node.wait("the API", node.find_addresses_in_maintenance, BOOT)
    node.took("API answers")
    return Station(node)


def test_wpa2(station: Station) -> None:
    station.tell(render_network(WPA2, security="wpa2-personal"), insecure=True)
    station.node.wait("the API with mutual TLS", station.node.find_version, BOOT)
    status = station.wait("WPA2", is_connected(WPA2))
    station.node.took("joined by WPA2")
    assert (status["security"], status["frequency"], status["error"]) == ("WPA2-PSK", 2412, "")
    assert status["signal"] < 0


def test_dhcp_begins_when_the_keys_are_agreed_on(station: Station) -> None:
    node = station.node
    node.wait("DHCP", lambda: node.get("OperatorStatus", "dhcp4/wlan0")["state"] in ("discovering", "no answer"), BOOT)
    assert node.get("LinkStatus", "wlan0")["operational_state"] == "up"
    assert node.get("OperatorSpec", "dhcp4/wlan0")["route_metric"] == 2048
    assert ADDRESS in node.find_addresses(), "the cable is as it was"


def test_wpa3(station: Station) -> None:
    station.tell(render_network(WPA3, security="wpa3-personal"))
    status = station.wait("WPA3", is_connected(WPA3))
    assert (status["security"], status["frequency"]) == ("SAE", 2437)


@pytest.mark.parametrize(("ssid", "security"), [(WPA2, "WPA2-PSK"), (WPA3, "SAE")])
def test_the_default_takes_what_there_is(station: Station, ssid: str, security: str) -> None:
    station.tell(render_network(ssid))
    assert station.wait(f"{ssid} by default", is_connected(ssid))["security"] == security


@pytest.mark.parametrize(("ssid", "security"), [(WPA2, "wpa2-personal"), (WPA3, "wpa3-personal")])
def test_a_wrong_passphrase_is_said(station: Station, ssid: str, security: str) -> None:
    station.tell(render_network(ssid, "not the passphrase", security=security))
    station.wait("an error", lambda status: status["error"].endswith("wrong passphrase"))


def test_beside_a_wrong_passphrase_another_network_is_joined(station: Station) -> None:
    station.tell(render_network(WPA2, "not the passphrase", priority=9), render_network(WPA3))
    station.wait("the other network", is_connected(WPA3))


def test_what_runs_is_not_root(station: Station) -> None:
    found = [one for one in station.node.running.inspect("processes") if "wpa_supplicant" in str(one)]
    assert len(found) == 3, found
    assert {one["uid"] for one in found} == {64}
