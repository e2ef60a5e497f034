"""WifiConfig: the wireless networks that a link may join."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.problem import Problem
from controllers.runtime.resource import Part, Secret

MAX_NETWORKS = 16
SSID_BYTES = 32  # IEEE 802.11-2020, 9.4.2.2
PASSPHRASE_MIN, PASSPHRASE_MAX = 8, 63  # characters of a WPA2 passphrase, IEEE 802.11-2020, J.4
PASSWORD_BYTES = 128  # of SAE: SAE_PASSWORD_MAX_LEN in linux/ieee80211.h
_LINK = re.compile(r"[a-z0-9][a-z0-9._-]{0,14}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_BSSID = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.IGNORECASE)
_PRINTABLE = re.compile(r"[ -~]+")
_KEY = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)


class WifiSecurity(StrEnum):
    """How a network proves who may join."""

    WPA2_PERSONAL = "wpa2-personal"
    WPA3_PERSONAL = "wpa3-personal"
    WPA2_WPA3_PERSONAL = "wpa2-wpa3-personal"
    OPEN = "open"


class WifiNetwork(Part, frozen=True, kw_only=True, rename="camel"):
    """One network."""

    ssid: Annotated[str, msgspec.Meta(description="Name of the network, 1 to 32 bytes of UTF-8.")]
    security: Annotated[
        WifiSecurity,
        msgspec.Meta(
            description="`wpa2-wpa3-personal` takes the better one of what the access point offers; `open` has no encryption."
        ),
    ] = WifiSecurity.WPA2_WPA3_PERSONAL
    passphrase: Annotated[
        Secret,
        msgspec.Meta(
            description="8 to 63 printable ASCII characters; for `wpa2-personal` also the 64 hexadecimal digits of the key; "
            "for `wpa3-personal` 1 to 128 bytes."
        ),
    ] = ""
    hidden: Annotated[bool, msgspec.Meta(description="Whether the network does not announce its name.")] = False
    priority: Annotated[int, msgspec.Meta(description="Of several networks in reach the highest is joined.", ge=0, le=255)] = 0
    bssid: Annotated[str, msgspec.Meta(description="Only this access point, such as `02:00:00:00:00:01`.")] = ""


class WifiConfig(Document, frozen=True, kw_only=True):
    """Wi-Fi on a link. It needs an image with the module set `wifi`. Once it has joined a network, the link takes DHCP or
    the addresses of its LinkConfig as any other.
    """

    named = True
    partial = True
    sensitive = True
    columns = (("COUNTRY", "country"),)

    name: Annotated[str, msgspec.Meta(description="Name of the link, such as `wlan0`.")]
    country: Annotated[
        str,
        msgspec.Meta(description="Where the node is (ISO 3166-1, two capital letters): which channels and powers are lawful."),
    ]
    networks: Annotated[tuple[WifiNetwork, ...], msgspec.Meta(description="1 to 16 networks.")]

    def validate(self) -> list[Problem]:
        found = checks.check_link_name(self, "name", self.name)
        if not found and not _LINK.fullmatch(self.name):
            found.append(self.problem("name", f"{self.name!r} is no name of a wireless link", "such as `wlan0`"))
        if not _COUNTRY.fullmatch(self.country):
            found.append(self.problem("country", f"{self.country[:20]!r} is no country", "two capital letters, such as `DE`"))
        if not 1 <= len(self.networks) <= MAX_NETWORKS:
            hint = "add a network" if not self.networks else "keep those that the node can reach"
            found.append(self.problem("networks", f"{len(self.networks)} networks, 1 to {MAX_NETWORKS} are allowed", hint))
        seen: set[tuple[str, str]] = set()
        for index, network in enumerate(self.networks):
            where = f"networks[{index}]"
            found += self._check_names(where, network)
            found += self._check_passphrase(f"{where}.passphrase", network)
            key = (network.ssid, network.bssid.lower())
            if key in seen:
                found.append(
                    self.problem(f"{where}.ssid", "this network is there twice", "keep one, or tell them apart by `bssid`")
                )
            seen.add(key)
        return found

    def _check_names(self, where: str, network: WifiNetwork) -> Iterator[Problem]:
        size = len(network.ssid.encode())
        if not 1 <= size <= SSID_BYTES:
            hint = "the name that the access point announces"
            yield self.problem(f"{where}.ssid", f"{size} bytes, 1 to {SSID_BYTES} are allowed", hint)
        elif "\0" in network.ssid:
            yield self.problem(f"{where}.ssid", "holds a NUL character", "the name that the access point announces")
        if network.bssid and not _BSSID.fullmatch(network.bssid):
            yield self.problem(f"{where}.bssid", "not the address of an access point", "such as `02:00:00:00:00:01`")

    def _check_passphrase(self, where: str, network: WifiNetwork) -> Iterator[Problem]:
        """Never repeats the passphrase."""
        text = network.passphrase
        if network.security is WifiSecurity.OPEN:
            if text:
                yield self.problem(where, "an open network has none", "remove it, or write the network's `security`")
        elif not text:
            yield self.problem(where, "missing", "an open network has `security: open`")
        elif network.security is WifiSecurity.WPA3_PERSONAL:
            if len(text.encode()) > PASSWORD_BYTES or any(ord(character) < 32 or character == "\x7f" for character in text):
                hint = f"at most {PASSWORD_BYTES} bytes without control characters"
                yield self.problem(where, "not a WPA3 password", hint)
        elif _KEY.fullmatch(text):
            if network.security is not WifiSecurity.WPA2_PERSONAL:
                hint = "write the passphrase itself, or `security: wpa2-personal`"
                yield self.problem(where, "64 hexadecimal digits are a key of WPA2 alone", hint)
        elif not (_PRINTABLE.fullmatch(text) and PASSPHRASE_MIN <= len(text) <= PASSPHRASE_MAX):
            hint = (
                f"{PASSPHRASE_MIN} to {PASSPHRASE_MAX} printable ASCII characters, or for `wpa2-personal` 64 hexadecimal digits"
            )
            yield self.problem(where, f"not a WPA2 passphrase ({len(text)} characters)", hint)

    @classmethod
    def example(cls) -> Self:
        network = WifiNetwork(ssid="office", passphrase="correct horse battery staple")  # noqa: S106 - an example, on purpose
        return cls(name="wlan0", country="DE", networks=(network,))
