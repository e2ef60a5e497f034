"""Packages: the mirror that the host uses, what apt says, the private configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.errors import ImageError
from image.packages import (
    Mirror,
    check_components,
    find_mirror,
    parse_dependencies,
    parse_packages,
    parse_targets,
    render_configuration,
    render_sources,
)

SHOWN = """\
Package: libx1
Source: x (1.2-1)
Version: 1:1.2-1+b1
Architecture: amd64
Depends: libc6 (>= 2.38)
Section: libs
Description: a library
 with more lines
Size: 12
SHA256: aa

Package: tool
Version: 2
Architecture: all
Size: 34
SHA256: bb

Package: tool
Version: 1
Architecture: all
Size: 34
SHA256: cc
"""


def test_packages() -> None:
    first, second = parse_packages(SHOWN)
    assert (first.name, first.version, first.source, first.depends) == ("libx1", "1:1.2-1+b1", "x", "libc6 (>= 2.38)")
    assert (second.name, second.version, second.source, second.sha256, second.size) == ("tool", "2", "tool", "bb", 34)
    assert (first.section, second.section) == ("libs", "")
    assert parse_packages("") == []


@pytest.mark.parametrize("name", ["firmware-brcm80211", "raspi-firmware", "intel-microcode"])
def test_firmware_comes_from_outside_of_main(name: str) -> None:
    stanza = f"Package: {name}\nVersion: 1\nArchitecture: all\nSection: non-free-firmware/kernel\nSize: 1\nSHA256: aa\n"
    check_components(parse_packages(f"{SHOWN}\n{stanza}"))


@pytest.mark.parametrize("name", ["libc6", "raspi-firmware-tool", "microcode"])
def test_nothing_else_does(name: str) -> None:
    stanza = f"Package: {name}\nVersion: 1\nArchitecture: all\nSection: non-free-firmware/kernel\nSize: 1\nSHA256: aa\n"
    with pytest.raises(ImageError, match=rf"{name} \(non-free-firmware/kernel\)"):
        check_components(parse_packages(stanza))


def test_dependencies() -> None:
    text = "kmod, tool:any (>= 2), dracut | initramfs-tools (>= 0.1), linux-base-7.2+deb14-arm64 (= 1:7.2-1)"
    assert parse_dependencies(text) == [
        ("kmod", ""), ("tool", ""), ("dracut", ""), ("linux-base-7.2+deb14-arm64", "1:7.2-1"),
    ]  # fmt: skip
    assert parse_dependencies("") == []


@pytest.mark.parametrize(
    ("lines", "mirror"),
    [
        ("http://m/debian/|bookworm\nhttp://m/debian-security/|bookworm-security\n", Mirror("http://m/debian", "http://m/debian-security")),
        ("http://other/tools|nodistro\nhttp://m/debian/|trixie\n", Mirror("http://m/debian", "http://m/debian-security")),
        ("http://s/deb-sec|trixie-security\nhttp://m/d/|trixie-updates\n", Mirror("http://m/d", "http://s/deb-sec")),
        ("http://other/tools|nodistro\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_hosts_mirror(lines: str, mirror: Mirror | None) -> None:
    assert parse_targets(lines) == mirror


def test_a_mirror_that_the_user_names() -> None:
    assert find_mirror("http://m/debian/") == Mirror("http://m/debian", "http://m/debian-security")


def test_sources_are_all_signed() -> None:
    text = render_sources(Mirror("http://m/debian", "http://m/sec"))
    stanzas = text.strip().split("\n\n")
    assert len(stanzas) == 4
    assert all("Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" in stanza for stanza in stanzas)
    assert "Suites: trixie trixie-updates\n" in stanzas[0]
    assert "URIs: http://m/sec\nSuites: trixie-security\n" in stanzas[1]
    assert all("Components: main non-free-firmware\n" in stanza for stanza in stanzas[:3])
    assert "Types: deb-src\n" in stanzas[3]
    assert "Components: main\n" in stanzas[3]
    assert [stanza for stanza in stanzas if "Check-Valid-Until" in stanza] == [stanzas[2]]


def test_the_configuration_touches_nothing_of_the_host() -> None:
    text = render_configuration(Path("/private"), "arm64")
    assert 'Dir "/private/";' in text
    assert 'Dir::State::status "/private/state/status";' in text
    assert 'APT::Architectures { "arm64"; };' in text
