"""What wpa_supplicant says, read: answers of `key=value` lines, and events → `WifiReport`. Pure.

Source: the developers' documentation of wpa_supplicant, "Control interface", and src/common/wpa_ctrl.h, version 2.10.
Names and reasons in it come from whoever sends by radio: everything is bounded, and what is not understood is left out.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from controllers.runtime.resource import Part

_STATES: Mapping[str, str] = MappingProxyType(
    {
        "COMPLETED": "connected",
        "SCANNING": "scanning",
        "AUTHENTICATING": "connecting",
        "ASSOCIATING": "connecting",
        "ASSOCIATED": "connecting",
        "4WAY_HANDSHAKE": "connecting",
        "GROUP_HANDSHAKE": "connecting",
        "DISCONNECTED": "disconnected",
        "INACTIVE": "disconnected",
        "INTERFACE_DISABLED": "disabled",
    }
)
DISABLED = "the link is down or its radio is switched off (rfkill)"
MAX_LINES = 64
_SSID_BYTES = 32
_ESCAPED = {"n": b"\n", "r": b"\r", "t": b"\t", "e": b"\x1b", '"': b'"', "\\": b"\\"}
_ADDRESS = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_PRIORITY = re.compile(r"<[0-9]>")
_TEMP_DISABLED = re.compile(r'CTRL-EVENT-SSID-TEMP-DISABLED .*?ssid="(.*)" auth_failures=.* reason=([A-Z_]{1,40})', re.DOTALL)
_REJECT = re.compile(r"CTRL-EVENT-(ASSOC|AUTH)-REJECT (.*)", re.DOTALL)
_SAE, _CONFIRM = "3", "2"  # authentication algorithm and transaction, IEEE 802.11-2020, 9.4.1.1 and 12.4.8.2
WRONG_KEY = "wrong passphrase"
OUT_OF_REACH = "none of the networks is in reach"


class WifiReport(Part, frozen=True, kw_only=True):
    """How a link's wpa_supplicant fares; the fields are those of `WifiStatus`."""

    state: str
    ssid: str = ""
    bssid: str = ""
    frequency: int = 0
    signal: int = 0
    security: str = ""
    error: str = ""


def parse_answer(text: str) -> dict[str, str]:
    """Return the fields of an answer to STATUS or SIGNAL_POLL; the first of a repeated one."""
    fields: dict[str, str] = {}
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        key, equals, value = line.partition("=")
        if equals:
            fields.setdefault(key, value)
    return fields


def make_report(status: Mapping[str, str], signal: Mapping[str, str], error: str) -> WifiReport:
    """Return the report of both answers (`signal` is empty while not connected) and of the last event that was an error."""
    state = _STATES.get(status.get("wpa_state", ""), "unknown")
    if state == "connected":
        error = ""
    elif state == "disabled":
        error = DISABLED
    elif state == "connecting" and error == OUT_OF_REACH:
        error = ""
    bssid = status.get("bssid", "")
    return WifiReport(
        state=state,
        ssid=decode_ssid(status.get("ssid", "")),
        bssid=bssid if _ADDRESS.fullmatch(bssid) else "",
        frequency=_number(status.get("freq", "")),
        signal=_number(signal.get("RSSI", "")),
        security=status.get("key_mgmt", "")[:40],
        error=error,
    )


def decode_ssid(text: str) -> str:
    """Return a network's name as it is shown: escapes undone where the result is text that can be printed."""
    if len(text) > 4 * _SSID_BYTES:
        return ""
    raw = b"".join(_unescape(part) for part in re.findall(r"\\x[0-9a-fA-F]{2}|\\.|[^\\]", text, re.DOTALL))
    try:
        shown = raw.decode()
    except UnicodeDecodeError:
        return text
    return shown if shown.isprintable() else text


def parse_event(text: str, before: str) -> str:
    """Return what an event says about why the link is not connected. In: `before`, what an earlier one said.

    Events that say nothing about it, and less than is known already, return `before`.
    """
    text = _PRIORITY.sub("", text, count=1)
    if text.startswith("CTRL-EVENT-CONNECTED"):
        return ""
    disabled = _TEMP_DISABLED.match(text)
    if disabled:
        return _after_failures(decode_ssid(disabled[1]), disabled[2], before)
    if "pre-shared key may be incorrect" in text:
        return before if WRONG_KEY in before else WRONG_KEY
    if text.startswith("CTRL-EVENT-NETWORK-NOT-FOUND"):
        return before or OUT_OF_REACH
    if text.startswith("CTRL-EVENT-SCAN-FAILED"):
        return before or "the radio does not scan"
    reject = _REJECT.match(text)
    return _after_reject(reject[2], before) if reject else before


def _after_failures(ssid: str, reason: str, before: str) -> str:
    if reason == "WRONG_KEY":
        return f"{ssid}: {WRONG_KEY}"
    if WRONG_KEY in before:
        return before
    return f"{ssid}: could not join ({reason.lower().replace('_', ' ')})"


def _after_reject(rest: str, before: str) -> str:
    fields = dict(word.partition("=")[::2] for word in rest.split()[:16])
    status = fields.get("status_code", "")
    if fields.get("auth_type") == _SAE and fields.get("auth_transaction") == _CONFIRM:
        return WRONG_KEY  # both sides have proved what they know, and it is not the same; the status says nothing more
    if WRONG_KEY in before or not _NUMBER.fullmatch(status):
        return before
    return f"the access point refused (status {status})"


def _unescape(part: str) -> bytes:
    if not part.startswith("\\"):
        return part.encode()
    if part.startswith("\\x") and len(part) == 4:
        return bytes([int(part[2:], 16)])
    return _ESCAPED.get(part[1:], part.encode())


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0
