"""The same image by BIOS: installed from the ISO image, booted from the disk by GRUB, and back from a bad version."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.harness import upgrades
from tests.harness.lifecycle import ADDRESS, BOOT, Node
from tests.harness.versions import BASE, CRASH, Version
from tests.vm.conftest import MakeNode

pytestmark = [pytest.mark.vm, pytest.mark.soak, pytest.mark.timeout(3600)]

Build = Callable[[Version], Version]
DOCUMENTS = """
apiVersion: ophite/v1
kind: InstallConfig
disk: {match: {size: '> 5GB'}}
"""


@pytest.fixture(scope="module")
def node(make_node: MakeNode, build: Build) -> Node:
    """A machine with a BIOS, an empty disk, and the medium in its drive."""
    base = build(BASE)
    made = make_node("vm-bios", base, boot="bios", blank=True, medium=base.iso)
    made.add_documents(DOCUMENTS)
    return made


def test_an_iso_image_installs_by_bios_and_the_static_address_is_kept(node: Node) -> None:
    node.boot_medium()
    node.apply(insecure=True)
    node.wait_for_installation()
    node.boot_disk()
    node.wait("the static address", lambda: ADDRESS in node.find_addresses(), BOOT)
    assert node.find_version() == BASE.number


def test_grub_goes_back_from_a_version_that_crashes(node: Node, build: Build) -> None:
    node.bootstrap()
    outcome = upgrades.upgrade(node, build(CRASH), boots=2)
    assert outcome.status["phase"] == "rolled-back", outcome.status
    assert outcome.version == BASE.number
    node.wait("the static address", lambda: ADDRESS in node.find_addresses(), BOOT)
