"""The file that wpa_supplicant reads: the golden one, the published key, and that no text can break out of its line."""

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controllers.config.documents import WifiConfig, WifiNetwork, WifiSecurity
from controllers.network.wifi_supplicant import derive_key, render_argv, render_config

GOLDEN = Path(__file__).parents[2] / "data/network/wpa_supplicant.conf"
EVERY_KIND = WifiConfig(
    name="wlan0",
    country="DE",
    networks=(
        WifiNetwork(ssid="office", passphrase="correct horse battery staple", priority=10),
        WifiNetwork(ssid='a"b\n}#', passphrase='"}\\#' + "p" * 59, security=WifiSecurity.WPA2_PERSONAL, hidden=True),
        WifiNetwork(ssid="Ä" * 16, passphrase="AB" * 32, security=WifiSecurity.WPA2_PERSONAL, bssid="02:00:00:00:00:0A"),
        WifiNetwork(ssid="new", passphrase='pä"ss', security=WifiSecurity.WPA3_PERSONAL),
        WifiNetwork(ssid="guests", security=WifiSecurity.OPEN),
    ),
)
LINE = re.compile(r"\t?[a-z0-9_]+=[A-Za-z0-9 :/_-]+|network=\{|\}")


def test_the_golden_file() -> None:
    assert EVERY_KIND.validate() == []
    assert render_config(EVERY_KIND) == GOLDEN.read_text()


def test_the_key_of_the_standard() -> None:
    """IEEE 802.11-2020, J.4.2, the first two test vectors."""
    assert derive_key("password", "IEEE") == "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    assert derive_key("ThisIsAPassword", "ThisIsASSID") == "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"


def test_a_key_is_taken_as_it_is_and_a_passphrase_is_not_in_the_file_of_wpa2() -> None:
    text = render_config(EVERY_KIND)
    assert f"psk={'ab' * 32}\n" in text
    assert b"}\\#ppp".hex() not in text
    assert "ppp" not in text


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy host is no failure
@given(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.text(st.characters(codec="utf-8"), max_size=140),
    st.sampled_from(WifiSecurity),
)
def test_no_text_leaves_its_line(ssid: str, passphrase: str, security: WifiSecurity) -> None:
    network = WifiNetwork(ssid=ssid, passphrase=passphrase, security=security)
    document = WifiConfig(name="wlan0", country="DE", networks=(network,))
    if document.validate():
        return
    lines = render_config(document).splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert len([line for line in lines if line == "network={"]) == 1
    assert f"\tssid={ssid.encode().hex()}" in lines


def test_the_arguments() -> None:
    argv = ("/usr/bin/wpa_supplicant", "-D", "nl80211", "-i", "wlan0", "-c", "/run/ophite/wifi/wlan0.conf")
    assert render_argv("wlan0") == argv
