"""WifiConfig: what it takes, what it refuses and how it says so, and that it never shows a passphrase."""

import msgspec
import pytest

from controllers.config.apply_plan import plan_apply
from controllers.config.bundle import SecretsBundle
from controllers.config.documents import WifiConfig, WifiNetwork, WifiSecurity
from controllers.config.generate import generate_config
from controllers.config.loader import load
from controllers.config.render import render_document
from controllers.config.validation import is_partial
from controllers.runtime.secret import redact

HOME = WifiNetwork(ssid="home", passphrase="secret passphrase")


def problems(network: WifiNetwork) -> list[str]:
    return [str(one) for one in WifiConfig(name="wlan0", country="DE", networks=(network,)).validate()]


def with_(network: WifiNetwork = HOME, **fields: object) -> WifiNetwork:
    return msgspec.structs.replace(network, **fields)


def test_it_may_be_applied_before_there_is_a_whole_configuration() -> None:
    assert is_partial([WifiConfig.example()])


def test_it_goes_on_when_the_whole_configuration_comes_over_it() -> None:
    """Else the node would be gone with the first `apply-config`, for good: nobody is left to tell it its network again."""
    document = WifiConfig(name="wlan0", country="DE", networks=(HOME,))
    complete = generate_config("test", "https://192.0.2.10:6443", SecretsBundle.generate()).worker
    plan = plan_apply(render_document(document), complete, "auto", maintenance=True)
    assert plan.problems == ()
    assert plan.persistent
    assert document in load(plan.yaml).documents
    assert "secret passphrase" not in f"{plan.diff}{plan!r}"


def test_passphrases_are_not_shown() -> None:
    document = WifiConfig(name="wlan0", country="DE", networks=(HOME,))
    assert "secret" not in f"{document!r} {HOME!r} {redact(document)!r}"
    assert WifiConfig.sensitive


@pytest.mark.parametrize(
    "network",
    [
        HOME,
        with_(passphrase="12345678"),
        with_(passphrase='"}#\\ ~' + "x" * 57),
        with_(passphrase="aB" * 32, security=WifiSecurity.WPA2_PERSONAL),
        with_(passphrase="x", security=WifiSecurity.WPA3_PERSONAL),
        with_(passphrase="ä" * 64, security=WifiSecurity.WPA3_PERSONAL),
        with_(passphrase="", security=WifiSecurity.OPEN),
        with_(ssid="ä" * 16),
        with_(ssid="two\nlines"),
        with_(bssid="02:00:00:00:00:0A", hidden=True, priority=255),
    ],
)
def test_it_takes(network: WifiNetwork) -> None:
    assert problems(network) == []


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        (with_(ssid=""), "networks[0].ssid: 0 bytes, 1 to 32 are allowed"),
        (with_(ssid="ä" * 17), "networks[0].ssid: 34 bytes, 1 to 32 are allowed"),
        (with_(ssid="a\0b"), "networks[0].ssid: holds a NUL character"),
        (with_(bssid="02:00:00:00:00"), "networks[0].bssid: not the address of an access point"),
        (with_(passphrase=""), "networks[0].passphrase: missing"),
        (with_(passphrase="secret"), "networks[0].passphrase: not a WPA2 passphrase (6 characters)"),
        (with_(passphrase="secret" * 11), "networks[0].passphrase: not a WPA2 passphrase (66 characters)"),
        (with_(passphrase="secret\npsk=1"), "networks[0].passphrase: not a WPA2 passphrase (12 characters)"),
        (with_(passphrase="secretsä"), "networks[0].passphrase: not a WPA2 passphrase (8 characters)"),
        (with_(passphrase="ab" * 32), "networks[0].passphrase: 64 hexadecimal digits are a key of WPA2 alone"),
        (with_(passphrase="secret", security=WifiSecurity.OPEN), "networks[0].passphrase: an open network has none"),
        (with_(passphrase="se\ncret", security=WifiSecurity.WPA3_PERSONAL), "networks[0].passphrase: not a WPA3 password"),
        (with_(passphrase="s" * 129, security=WifiSecurity.WPA3_PERSONAL), "networks[0].passphrase: not a WPA3 password"),
    ],
)
def test_it_refuses(network: WifiNetwork, problem: str) -> None:
    [found] = problems(network)
    assert found.startswith((f"WifiConfig[wlan0].{problem}", f"WifiConfig[wlan0]: {problem}")), found
    assert "(" in found, "no hint"
    assert "secret" not in found


@pytest.mark.parametrize("name", ["", "Wlan0", "a/b", "wlan 0", "-wlan", "w" * 16])
def test_names_that_no_wireless_link_has(name: str) -> None:
    [problem] = WifiConfig(name=name, country="DE", networks=(HOME,)).validate()
    assert problem.path == "name"


@pytest.mark.parametrize("country", ["", "de", "DEU", "D1"])
def test_countries_that_are_none(country: str) -> None:
    [problem] = WifiConfig(name="wlan0", country=country, networks=(HOME,)).validate()
    assert (problem.path, problem.hint) == ("country", "two capital letters, such as `DE`")


def test_all_problems_at_once_and_how_many_networks() -> None:
    many = WifiConfig(name="wlan0", country="x", networks=(HOME,) * 17).validate()
    paths = [one.path for one in many]
    assert paths == ["country", "networks", *(f"networks[{index}].ssid" for index in range(1, 17))]
    assert [one.message for one in WifiConfig(name="wlan0", country="DE", networks=()).validate()] == [
        "0 networks, 1 to 16 are allowed"
    ]


def test_one_name_may_be_there_once_for_each_access_point() -> None:
    networks = (HOME, with_(bssid="02:00:00:00:00:01"), with_(bssid="02:00:00:00:00:02"))
    assert WifiConfig(name="wlan0", country="DE", networks=networks).validate() == []
    twice = (*networks, with_(bssid="02:00:00:00:00:01"))
    assert [one.path for one in WifiConfig(name="wlan0", country="DE", networks=twice).validate()] == ["networks[3].ssid"]


def test_yaml_with_numbers_and_unknown_words() -> None:
    text = (
        "apiVersion: ophite/v1\nkind: WifiConfig\nname: wlan0\ncountry: DE\nnetworks:\n  - {ssid: 1234, passphrase: 12345678}\n"
    )
    [document] = load(text).documents
    assert isinstance(document, WifiConfig)
    assert (document.networks[0].ssid, document.networks[0].passphrase) == ("1234", "12345678")
    [problem] = load(text.replace("passphrase", "security: wep, passphrase")).problems
    assert "wpa2-personal" in problem.hint
