"""Patterns against texts: the same answer as fnmatch(3), with few comparisons."""

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controllers.hardware.aliases import is_match, literal_of, match_devices, read_aliases

IGB = "pci:v00008086d00001533sv*sd*bc*sc*i*"
NIC = "pci:v00008086d00001533sv000015D9sd00001533bc02sc00i00"
KEYBOARD = "usb:v046DpC31Cd6402dc00dsc00dp00ic03isc01ip01in00"


@pytest.mark.parametrize(
    ("alias", "text"),
    [
        (IGB, NIC),
        ("pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d0000A352sv0000sd0000bc01sc06i01"),
        ("of:N*T*Cbrcm,bcm2711-emmc2", "of:NmmcT(null)Cbrcm,bcm2711-emmc2"),
        ("of:N*T*Cns16550aC*", "of:NserialT(null)Cns16550aCns16550"),
        ("acpi*:PNP0C0C:*", "acpi:PNP0C0C:"),
        ("usb:v*p*d*dc*dsc*dp*ic03isc*ip*in*", KEYBOARD),
        ("usb:v046DpC3[01]Cd*dc*dsc*dp*ic*isc*ip*in*", KEYBOARD),
        ("mdio:0000000001001101110100000111????", "mdio:00000000010011011101000001110100"),
        ("platform:pcspkr", "platform:pcspkr"),
        ("i2c:at24", "i2c:at24"),
        ("i2c:ak8", "i2c:ak8"),
        ("virtio:d00000001v*", "virtio:d00000001v00001AF4"),
        ("x:*", "x:"),
    ],
)
def test_what_fits(alias: str, text: str) -> None:
    assert is_match(alias, text)
    assert match_devices([text], [(alias, "driver")]).modules == {text: ["driver"]}


@pytest.mark.parametrize(
    ("alias", "text"),
    [
        (IGB, NIC.replace("1533sv", "1534sv")),
        ("of:N*T*Cns16550a", "of:NserialT(null)Cns16550aCns16550"),
        ("pci:v1d1", "pci:v1d11"),
        ("a:*bb", "a:b"),
        ("a:b*b", "a:b"),
        ("a:*bc*cd", "a:bcd"),
        ("crypto-aes", "crypto-aes"),
    ],
)
def test_what_does_not(alias: str, text: str) -> None:
    assert match_devices([text], [(alias, "driver")]).modules == {}


@given(st.text("ab:*?[]!-", max_size=12), st.text("ab:-", max_size=16))
@example("a*b*", "ab")
@example("*", "")
@example("a[", "a[")
def test_the_same_as_fnmatch(alias: str, text: str) -> None:
    assert is_match(alias, text) is fnmatchcase(text, alias)


@given(st.text("ab*?", max_size=10), st.text("ab", max_size=12))
def test_the_literal_part_is_in_every_text_that_fits(alias: str, text: str) -> None:
    if is_match(alias, text):
        assert literal_of(alias) in text


def make_table(pci: int, usb: int, tree: int) -> list[tuple[str, str]]:
    """Aliases as kernels have them: most differ only in numbers."""
    return [
        *((f"pci:v00008086d{number:08X}sv*sd*bc*sc*i*", f"pci{number}") for number in range(pci)),
        *((f"usb:v0BDAp{number:04X}d*dc*dsc*dp*ic*isc*ip*in*", f"usb{number}") for number in range(usb)),
        *((f"of:N*T*Cvendor,chip{number:05d}{end}", f"of{number}") for number in range(tree) for end in ("", "C*")),
    ]


def test_few_pairs_are_compared() -> None:
    table = make_table(7000, 7000, 3000)
    texts = [
        *(f"pci:v00008086d{number:08X}sv00000000sd00000000bc02sc00i00" for number in range(0, 6000, 40)),
        *(f"usb:v0BDAp{number:04X}d3000dc00dsc00dp00icFFiscFFip00in00" for number in range(0, 2000, 40)),
        *(f"of:NthingT(null)Cvendor,chip{number:05d}Cvendor,chip" for number in range(0, 2000, 20)),
    ]
    found = match_devices(texts, table)
    assert len(found.modules) == len(texts) == 300
    assert all(len(modules) == 1 for modules in found.modules.values())
    assert found.compared < 10 * len(texts), "20,000 aliases × 300 devices are 6 million pairs"


def test_several_modules_of_one_device_each_once() -> None:
    aliases = [(IGB, "b"), (IGB, "a"), ("pci:v00008086d00001533sv*", "a")]
    assert match_devices([NIC, NIC], aliases).modules == {NIC: ["a", "b"]}


def test_the_table_of_an_image(tmp_path: Path) -> None:
    path = tmp_path / "modules.json"
    path.write_text(json.dumps({"order": {"igb": ["/igb.ko"]}, "aliases": {IGB: "igb"}, "also": {IGB: ["other"]}}))
    assert list(read_aliases(path)) == [(IGB, "igb"), (IGB, "other")]
    path.write_text('{"order": {}}')
    assert list(read_aliases(path)) == []


def test_a_broken_table(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text('{"aliases": {"a": 1}}')
    with pytest.raises(ValueError, match="aliases"):
        list(read_aliases(tmp_path / "broken"))
    with pytest.raises(FileNotFoundError):
        list(read_aliases(tmp_path / "none"))
