"""The device tree of a Raspberry Pi 4 for an emulator that lacks half of it."""

from __future__ import annotations

import pytest

from image.formats import fdt
from tests.harness.arm64 import BLUETOOTH, MISSING, disable_missing


def make_tree() -> fdt.Node:
    """A tree that has every node, with the status that the kernel's has."""
    root = fdt.Node()
    for path in (*MISSING, "/".join(BLUETOOTH), "/soc/timer@7e003000"):
        node = root
        for name in path.strip("/").split("/"):
            node = node.children.setdefault(name, fdt.Node())
        node.properties["status"] = b"okay\0"
    return root


def test_what_is_missing_is_disabled_and_the_rest_stays() -> None:
    nodes = dict(fdt.parse(disable_missing(fdt.encode(make_tree()))).walk())
    assert {nodes[path].properties["status"] for path in MISSING} == {b"disabled\0"}
    assert nodes["/soc/timer@7e003000"].properties["status"] == b"okay\0"
    assert "/".join(BLUETOOTH) not in nodes


def test_another_board_s_tree_is_not_taken_for_it() -> None:
    with pytest.raises(KeyError):
        disable_missing(fdt.encode(fdt.Node()))
