"""What wpa_supplicant is told: a `WifiConfig` → its configuration file and its arguments. Pure.

Source: wpa_supplicant.conf(5) and the sample that comes with it, version 2.10.
Every text of the user is written in hexadecimal, which its parser takes for all of them, so nothing that a user or an access
point chose can end a line or a quotation. The key of WPA2 is derived here (IEEE 802.11-2020, J.4), so its passphrase is in
the file only where WPA3 needs the password itself.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache

from controllers.config.documents.wifi_config import WifiConfig, WifiNetwork, WifiSecurity

PROGRAM = "/usr/bin/wpa_supplicant"
DIRECTORY = "/run/ophite/wifi"
CONTROL_DIRECTORY = f"{DIRECTORY}/control"
"""Where it makes a socket per link; its user owns it."""

WIFI_UID = 64
"""User and group of wpa_supplicant: it parses what anybody sends by radio, so it is not root."""

CAPABILITIES = ("CAP_NET_ADMIN", "CAP_NET_RAW")
"""Links and keys (nl80211), and the packets of the key exchange."""

_ITERATIONS, _KEY_BYTES = 4096, 32  # IEEE 802.11-2020, J.4.1
_KEY_DIGITS = 2 * _KEY_BYTES
_MANAGEMENT = {
    WifiSecurity.WPA2_PERSONAL: "WPA-PSK WPA-PSK-SHA256",
    WifiSecurity.WPA2_WPA3_PERSONAL: "WPA-PSK WPA-PSK-SHA256 SAE",
    WifiSecurity.WPA3_PERSONAL: "SAE",
    WifiSecurity.OPEN: "NONE",
}


def config_path(link: str) -> str:
    """Return where the configuration of a link's wpa_supplicant is."""
    return f"{DIRECTORY}/{link}.conf"


def service_id(link: str) -> str:
    """Return the name of a link's service."""
    return f"wifi-{link}"


def render_argv(link: str) -> tuple[str, ...]:
    """Return the command line (wpa_supplicant(8))."""
    return (PROGRAM, "-D", "nl80211", "-i", link, "-c", config_path(link))


def render_config(document: WifiConfig) -> str:
    """Return the configuration file of a valid document."""
    lines = [
        f"ctrl_interface={CONTROL_DIRECTORY}",
        f"country={document.country}",
        "p2p_disabled=1",
        "sae_pwe=2",  # both ways to derive the element: hash-to-element where the access point can
    ]
    for network in document.networks:
        lines += ["network={", *(f"\t{line}" for line in _render_network(network)), "}"]
    return "\n".join(lines) + "\n"


def _render_network(network: WifiNetwork) -> Iterator[str]:
    yield f"ssid={network.ssid.encode().hex()}"
    if network.bssid:
        yield f"bssid={network.bssid.lower()}"
    if network.hidden:
        yield "scan_ssid=1"
    yield f"priority={network.priority}"
    yield f"key_mgmt={_MANAGEMENT[network.security]}"
    if network.security is WifiSecurity.OPEN:
        return
    yield "proto=RSN"
    yield "pairwise=CCMP"
    yield "group=CCMP TKIP"  # TKIP for broadcasts only: access points that still speak with stations of before 2006
    yield f"ieee80211w={2 if network.security is WifiSecurity.WPA3_PERSONAL else 1}"  # protected management frames
    if network.security is not WifiSecurity.WPA3_PERSONAL:
        yield f"psk={_find_key(network)}"
    if network.security is not WifiSecurity.WPA2_PERSONAL:
        yield f"sae_password={network.passphrase.encode().hex()}"


def _find_key(network: WifiNetwork) -> str:
    """Return the key of WPA2 as 64 digits: the passphrase is it, or it is derived."""
    if len(network.passphrase) == _KEY_DIGITS:
        return network.passphrase.lower()
    return derive_key(network.passphrase, network.ssid)


@lru_cache(maxsize=64)
def derive_key(passphrase: str, ssid: str) -> str:
    """Return the key that a WPA2 passphrase stands for, in hexadecimal; it takes some milliseconds."""
    return hashlib.pbkdf2_hmac("sha1", passphrase.encode(), ssid.encode(), _ITERATIONS, _KEY_BYTES).hex()
