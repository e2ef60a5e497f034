"""Answers and events of wpa_supplicant 2.10, as they came from it, and hostile ones."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controllers.network.wifi_report import DISABLED, WifiReport, decode_ssid, make_report, parse_answer, parse_event

STATUS = """\
bssid=02:00:00:00:01:00
freq=2412
ssid=a\\"b\\n\\xc3\\x84
id=0
mode=station
pairwise_cipher=CCMP
group_cipher=CCMP
key_mgmt=SAE
wpa_state=COMPLETED
address=02:00:00:00:00:00
"""
SIGNAL = "RSSI=-53\nLINKSPEED=54\nNOISE=9999\nFREQUENCY=2412\n"
TEMP = '<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="ho\\"me" auth_failures=1 duration=10 reason='


def test_connected() -> None:
    report = make_report(parse_answer(STATUS.replace("\\n", "")), parse_answer(SIGNAL), "wrong passphrase")
    assert report == WifiReport(
        state="connected", ssid='a"bÄ', bssid="02:00:00:00:01:00", frequency=2412, signal=-53, security="SAE"
    )


@pytest.mark.parametrize(
    ("answer", "state", "error"),
    [
        ("wpa_state=SCANNING\n", "scanning", "before"),
        ("wpa_state=4WAY_HANDSHAKE\n", "connecting", "before"),
        ("wpa_state=DISCONNECTED\n", "disconnected", "before"),
        ("wpa_state=INTERFACE_DISABLED\n", "disabled", DISABLED),
        ("wpa_state=NEW\nssid\n=\n", "unknown", "before"),
        ("FAIL\n", "unknown", "before"),
    ],
)
def test_not_connected(answer: str, state: str, error: str) -> None:
    assert make_report(parse_answer(answer), {}, "before") == WifiReport(state=state, error=error)


def test_a_network_that_is_being_joined_is_in_reach() -> None:
    out_of_reach = parse_event("<3>CTRL-EVENT-NETWORK-NOT-FOUND ", "")
    assert make_report({"wpa_state": "SCANNING"}, {}, out_of_reach).error == out_of_reach
    assert make_report({"wpa_state": "ASSOCIATING"}, {}, out_of_reach).error == ""


def test_values_that_are_none() -> None:
    status = parse_answer("wpa_state=COMPLETED\nfreq=12x\nbssid=any\nfreq=5\nkey_mgmt=" + "K" * 100)
    assert make_report(status, {"RSSI": "9" * 20}, "") == WifiReport(state="connected", security="K" * 40)


def test_an_answer_is_bounded() -> None:
    assert len(parse_answer("\n".join(f"k{index}=v" for index in range(1000)))) == 64


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("office", "office"),
        ("\\xc3\\x84", "Ä"),
        ("a\\\\b\\e", "a\\\\b\\e"),
        ("two\\nlines", "two\\nlines"),
        ("\\xff\\xfe", "\\xff\\xfe"),
        ("\\x", "\\x"),
        ("\\xc3\\x84" * 33, ""),
    ],
)
def test_names_are_shown_as_text_where_they_can_be(text: str, shown: str) -> None:
    assert decode_ssid(text) == shown


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy host is no failure
@given(st.text(max_size=300))
def test_no_name_and_no_event_raises_or_brings_a_line_break(text: str) -> None:
    assert len(decode_ssid(text)) <= 4 * 32
    parse_answer(text)
    parse_event(text, "")
    parse_event(f"{TEMP}{text}", "")
    parse_event(f"<3>CTRL-EVENT-ASSOC-REJECT {text}", "")


@pytest.mark.parametrize(
    ("event", "before", "after"),
    [
        (f"{TEMP}WRONG_KEY", "none in reach", 'ho"me: wrong passphrase'),
        (f"{TEMP}CONN_FAILED", "", 'ho"me: could not join (conn failed)'),
        (f"{TEMP}CONN_FAILED", "wrong passphrase", "wrong passphrase"),
        ("<4>WPA: 4-Way Handshake failed - pre-shared key may be incorrect", "", "wrong passphrase"),
        ("<4>WPA: 4-Way Handshake failed - pre-shared key may be incorrect", "x: wrong passphrase", "x: wrong passphrase"),
        ("<3>CTRL-EVENT-NETWORK-NOT-FOUND ", "", "none of the networks is in reach"),
        ("<3>CTRL-EVENT-NETWORK-NOT-FOUND ", "x: wrong passphrase", "x: wrong passphrase"),
        ("<3>CTRL-EVENT-SCAN-FAILED ret=-1 retry=1", "", "the radio does not scan"),
        ("<3>CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:01:00 status_code=17", "", "the access point refused (status 17)"),
        ("<3>CTRL-EVENT-ASSOC-REJECT status_code=<b>", "before", "before"),
        (
            "<3>CTRL-EVENT-AUTH-REJECT 02:00:00:00:01:00 auth_type=3 auth_transaction=2 status_code=1",
            "",
            "wrong passphrase",
        ),
        (
            "<3>CTRL-EVENT-AUTH-REJECT 02:00:00:00:01:00 auth_type=3 auth_transaction=1 status_code=77",
            "",
            "the access point refused (status 77)",
        ),
        ("<3>CTRL-EVENT-AUTH-REJECT 02:00:00:00:01:00 auth_type=0 status_code=15", "", "the access point refused (status 15)"),
        ("<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:01:00 completed [id=0 id_str=]", "wrong passphrase", ""),
        ("<3>CTRL-EVENT-SCAN-STARTED ", "before", "before"),
        ("<3>", "before", "before"),
    ],
)
def test_events(event: str, before: str, after: str) -> None:
    assert parse_event(event, before) == after
